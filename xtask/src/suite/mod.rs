//! `cargo xtask test`: everything that a change has to pass.

mod checks;
mod failures;
mod runs;
mod settings;
mod steps;
mod totals;

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use crate::error::Error;
use crate::report::Report;
use crate::stopwatch::Stopwatch;
use crate::workspace::Workspace;

use steps::Step;
use totals::Totals;

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The tests read these variables, which this command sets:
  ENTRADA_TEST_CLIENTS   folder with python/ (a venv) and node/ (node_modules, with Node 22 as .bin/node)
  ENTRADA_TEST_TABLES    connection string of a running Azurite; the accounts rig0 to rig999 have the same key
  ENTRADA_TEST_STORAGE   embedded or azurite
  ENTRADA_TEST_THROUGH   direct or host
  ENTRADA_TEST_PACKAGE   folder with the package that the host runs
  ENTRADA_TEST_CHROMIUM  a Chromium for the browser tests, when one is installed
What programs print is kept in target/xtask/. The last line is the total, such as `123 passed, 0 failed`;
a step other than a test run that fails counts as one failure. Up to three failed tests of a setting run
again, alone: those that pass then are named as unsteady and count as passed.")]
pub(crate) struct Options {
    /// Build and test in the first setting, nothing else
    #[arg(long)]
    quick: bool,
    /// Run this step and what it needs (can be repeated)
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
}

/// Runs the chosen steps and prints the totals; true when nothing failed.
pub(crate) fn run(workspace: &Workspace, report: &Report, options: &Options) -> bool {
    let suite = Suite {
        workspace,
        report,
        chosen: chosen(options),
        totals: Mutex::default(),
        failed: Mutex::default(),
        failed_tests: Mutex::default(),
        unsteady: Mutex::default(),
    };
    let whole = Stopwatch::start();
    thread::scope(|scope| {
        // Installing waits for the network, so it runs beside the checks.
        scope.spawn(|| suite.step(Step::Clients, Suite::install_clients));
        suite.step(Step::Fmt, Suite::fmt);
        suite.step(Step::Clippy, Suite::clippy);
        suite.step(Step::Doc, Suite::doc);
        suite.step(Step::Deny, Suite::deny);
        suite.step(Step::Machete, Suite::machete);
        suite.step(Step::Package, Suite::package);
        suite.step(Step::Build, Suite::build);
    });
    suite.run_tests();
    suite.finish(whole)
}

/// The steps to run, in their order.
fn chosen(options: &Options) -> Vec<Step> {
    let wanted = |step: &Step| {
        if options.only.is_empty() {
            return !(options.quick && step.is_slow());
        }
        options
            .only
            .iter()
            .any(|only| only == step || only.needs().contains(step))
    };
    <Step as clap::ValueEnum>::value_variants()
        .iter()
        .copied()
        .filter(wanted)
        .collect()
}

/// One run of the command.
struct Suite<'a> {
    workspace: &'a Workspace,
    report: &'a Report,
    chosen: Vec<Step>,
    totals: Mutex<Totals>,
    failed: Mutex<Vec<Step>>,
    /// The tests that failed, with their setting.
    failed_tests: Mutex<Vec<String>>,
    /// The tests that failed at first and passed alone, with their setting.
    unsteady: Mutex<Vec<String>>,
}

impl Suite<'_> {
    /// Runs one step, if it was chosen and what it needs is there, and tells
    /// how it went. `work` returns a remark for the console.
    fn step(&self, step: Step, work: impl FnOnce(&Self) -> Result<String, Error>) {
        if !self.chosen.contains(&step) {
            return;
        }
        let missing = step
            .needs()
            .iter()
            .find(|need| lock(&self.failed).contains(need));
        if let Some(missing) = missing {
            self.report.line(&format!(
                "[{}] NOT RUN, because [{}] failed",
                step.name(),
                missing.name()
            ));
            self.count_failure(step);
            return;
        }
        self.report.begin(step.name(), step.does());
        let watch = Stopwatch::start();
        match work(self) {
            Ok(remark) => self.report.done(step.name(), &remark, watch.read()),
            Err(error) => {
                self.report
                    .failed(step.name(), &error, step.next(), watch.read());
                if matches!(error, Error::Tests { .. }) {
                    // Its failed tests have been counted.
                    lock(&self.failed).push(step);
                } else {
                    self.count_failure(step);
                }
            }
        }
    }

    /// A step that fails counts as one failure: the last line never claims a
    /// success that there was not.
    fn count_failure(&self, step: Step) {
        lock(&self.failed).push(step);
        lock(&self.totals).failed += 1;
    }

    fn run_tests(&self) {
        if !self.chosen.contains(&Step::Test) && !self.chosen.contains(&Step::Matrix) {
            return;
        }
        if self.browser().is_none() {
            self.report
                .line("no Chromium is installed: the browser tests skip themselves");
        }
        self.step(Step::Test, Suite::all_tests);
        self.step(Step::Matrix, Suite::black_box_tests);
    }

    fn finish(&self, whole: Stopwatch) -> bool {
        let totals = *lock(&self.totals);
        let failed = lock(&self.failed);
        let steps: Vec<&str> = failed.iter().map(|step| step.name()).collect();
        if totals.ignored > 0 {
            self.report
                .line(&format!("{} tests were ignored", totals.ignored));
        }
        for test in lock(&self.unsteady).iter() {
            self.report.line(&format!(
                "unsteady: {test} failed beside other tests and passed alone"
            ));
        }
        for test in lock(&self.failed_tests).iter() {
            self.report.line(&format!("failed: {test}"));
        }
        if !steps.is_empty() {
            self.report
                .line(&format!("failed steps: {}", steps.join(", ")));
        }
        self.report.line(&format!(
            "all of it took {}",
            crate::report::seconds(whole.read())
        ));
        self.report.line(&totals.to_string());
        failed.is_empty()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.workspace.logs().join(format!("{name}.log"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
