use std::path::PathBuf;

use crate::azurite::Azurite;
use crate::error::Error;
use crate::package;
use crate::program::Program;

use super::settings::{FIRST, OTHERS, Setting};
use super::totals::Totals;
use super::{Suite, lock};

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
        let program = Program::cargo(self.workspace, "test --locked --workspace --no-fail-fast");
        let totals = self.run_tests_of(program, &FIRST)?;
        Ok(totals.to_string())
    }

    /// The black-box tests in one more setting each. All run, even after one
    /// failed.
    pub(super) fn black_box_tests(&self) -> Result<String, Error> {
        let mut remarks = Vec::new();
        let mut first_error = None;
        for setting in &OTHERS {
            // The whole workspace is named so that cargo builds the same
            // features as before, and so builds nothing again.
            let program = Program::cargo(self.workspace, "test --locked --workspace --test it --")
                .args(setting.tests)
                .env("RUST_TEST_THREADS", threads().to_string());
            match self.run_tests_of(program, setting) {
                Ok(totals) => remarks.push(format!("{} {totals}", setting.name())),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or_else(|| Ok(remarks.join("; ")), Err)
    }

    fn run_tests_of(&self, program: Program, setting: &Setting) -> Result<Totals, Error> {
        // A new one for each run: a run starts with empty storage, and what a
        // failed one left behind takes no memory from the next.
        let azurite = Azurite::start(self.workspace)?;
        let log = self.log(&format!("test-{}", setting.name()));
        let mut program = program
            .env("ENTRADA_TEST_CLIENTS", self.workspace.clients())
            .env("ENTRADA_TEST_TABLES", azurite.connection_string())
            .env("ENTRADA_TEST_STORAGE", setting.storage)
            .env("ENTRADA_TEST_THROUGH", setting.through)
            .env("ENTRADA_TEST_PACKAGE", self.package_options().out);
        if let Some(browser) = self.browser() {
            program = program.env("ENTRADA_TEST_CHROMIUM", browser);
        }
        let ran = program.run(&log);
        let printed = std::fs::read(&log).map_err(Error::file(&log))?;
        let totals = Totals::of(&String::from_utf8_lossy(&printed));
        *lock(&self.totals) += totals;
        match ran {
            Err(Error::Failed { log, .. }) if totals.failed > 0 => Err(Error::Tests {
                failed: totals.failed,
                log,
            }),
            Err(error) => Err(error),
            Ok(()) if totals.passed == 0 => Err(Error::Rule("no test ran".into())),
            Ok(()) => Ok(totals),
        }
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

/// Tests that run at a time: black-box tests wait more than they compute.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, usize::from)
}
