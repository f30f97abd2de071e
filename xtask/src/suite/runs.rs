use std::path::{Path, PathBuf};

use crate::azurite::Azurite;
use crate::error::Error;
use crate::package;
use crate::program::Program;

use super::failures::Failures;
use super::settings::{FIRST, OTHERS, Setting};
use super::totals::Totals;
use super::{Suite, lock};

/// The most failed tests of one setting that run again, alone.
const RUN_AGAIN: u64 = 3;

/// Where browsers are found on the path.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

impl Suite<'_> {
    /// The package that the black-box tests run behind the host stand-in: built
    /// as what is deployed, but apart from `dist/`.
    pub(super) fn package_options(&self) -> package::Options {
        package::Options {
            debug: false,
            out: self.workspace.path("target/package"),
        }
    }

    /// Every test of the workspace, in the first setting.
    pub(super) fn all_tests(&self) -> Result<String, Error> {
        let totals = self.run_tests_of("test --locked --workspace --no-fail-fast --", &FIRST)?;
        Ok(totals.to_string())
    }

    /// The black-box tests in one more setting each. All run, even after one
    /// failed.
    pub(super) fn black_box_tests(&self) -> Result<String, Error> {
        // The whole workspace is named so that cargo builds the same features
        // as before, and so builds nothing again.
        let cargo = "test --locked --workspace --no-fail-fast --test it --";
        let mut remarks = Vec::new();
        let mut first_error = None;
        for setting in &OTHERS {
            match self.run_tests_of(cargo, setting) {
                Ok(totals) => remarks.push(format!("{} {totals}", setting.name())),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or_else(|| Ok(remarks.join("; ")), Err)
    }

    /// Runs the tests of one setting. A few that fail run again, alone.
    fn run_tests_of(&self, cargo: &str, setting: &Setting) -> Result<Totals, Error> {
        let log = self.log(&format!("test-{}", setting.name()));
        let program = Program::cargo(self.workspace, cargo).args(setting.tests);
        let ran = self.run_in(setting, program, setting.threads(), &log);
        let printed = printed_in(&log)?;
        let mut totals = Totals::of(&printed);
        let result = match ran {
            Err(Error::Failed { .. }) if totals.failed > 0 => {
                let failures = Failures::of(&printed);
                self.report.line(&failures.printed);
                let pass = self.pass_alone(cargo, setting, &failures, totals.failed);
                self.remember(setting, failures, pass);
                let failed = totals.failed;
                if pass {
                    totals.passed += std::mem::take(&mut totals.failed);
                    Ok(())
                } else {
                    Err(Error::Tests { failed, log })
                }
            }
            Ok(()) if totals.passed == 0 => Err(Error::Rule("no test ran".into())),
            other => other,
        };
        *lock(&self.totals) += totals;
        result.map(|()| totals)
    }

    /// Whether the tests that failed pass when nothing runs beside them. Then
    /// it was the time that the machine had for them; the run is not held up
    /// by it, but names them. Where many fail, or a test binary ended without
    /// its totals, nobody needs to ask.
    fn pass_alone(&self, cargo: &str, setting: &Setting, failures: &Failures, failed: u64) -> bool {
        if failed > RUN_AGAIN || failures.crashed {
            return false;
        }
        let program = Program::cargo(self.workspace, cargo)
            .args(["--exact"])
            .args(&failures.names);
        let log = self.log(&format!("test-{}-again", setting.name()));
        let ran = self.run_in(setting, program, 1, &log);
        let totals = printed_in(&log).map(|printed| Totals::of(&printed));
        ran.is_ok() && totals.is_ok_and(|totals| totals.passed >= failed)
    }

    /// Keeps the names for the end.
    fn remember(&self, setting: &Setting, failures: Failures, pass: bool) {
        let list = if pass {
            &self.unsteady
        } else {
            &self.failed_tests
        };
        let named = failures.names.into_iter();
        lock(list).extend(named.map(|name| format!("{name} ({})", setting.name())));
    }

    fn run_in(
        &self,
        setting: &Setting,
        program: Program,
        threads: usize,
        log: &Path,
    ) -> Result<(), Error> {
        // What building left to be written would hold up every commit of a
        // test's storage. Systems without this program do without.
        drop(Program::new(self.workspace, "sync").run(&self.log("sync")));
        // A new one for each run: a run starts with empty storage, and what a
        // failed one left behind takes no memory from the next.
        let azurite = Azurite::start(self.workspace)?;
        let mut program = program
            .env("RUST_TEST_THREADS", threads.to_string())
            .env("ENTRADA_TEST_CLIENTS", self.workspace.clients())
            .env("ENTRADA_TEST_TABLES", azurite.connection_string())
            .env("ENTRADA_TEST_STORAGE", setting.storage)
            .env("ENTRADA_TEST_THROUGH", setting.through)
            .env("ENTRADA_TEST_PACKAGE", self.package_options().out);
        if let Some(browser) = self.browser() {
            program = program.env("ENTRADA_TEST_CHROMIUM", browser);
        }
        program.run(log)
    }

    /// An installed Chromium.
    pub(super) fn browser(&self) -> Option<PathBuf> {
        BROWSERS.iter().find_map(|browser| {
            Program::new(self.workspace, "sh")
                .args(["-c", &format!("command -v {browser}")])
                .output()
                .ok()
                .map(|path| PathBuf::from(path.trim()))
        })
    }
}

fn printed_in(log: &Path) -> Result<String, Error> {
    let printed = std::fs::read(log).map_err(Error::file(log))?;
    Ok(String::from_utf8_lossy(&printed).into_owned())
}
