use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench;
use crate::error::Error;
use crate::package;
use crate::program::Program;
use crate::report::Report;
use crate::workspace::Workspace;

/// Cases of each property in a long search, and the longest that it may take:
/// a quarter of an hour on two processors, and a busy machine is slower.
const CASES: &str = "50000";
const SEARCH: Duration = Duration::from_mins(90);

/// Checks that take too long for every change: that the package can be built
/// again to the same bytes, a long search by the property tests, and the
/// benchmarks.
///
/// # Errors
/// With the first check that does not hold.
pub(crate) fn run(
    workspace: &Workspace,
    report: &Report,
    options: &bench::Options,
) -> Result<String, Error> {
    report.begin("verify", "building the package twice");
    let first = archive(workspace, "target")?;
    // A target folder of its own, so that nothing is taken from the first.
    let second = archive(workspace, "target/verify")?;
    if read(&first)? != read(&second)? {
        return Err(Error::Rule(format!(
            "{} and {} differ: the build is not reproducible",
            first.display(),
            second.display()
        )));
    }
    report.begin("verify", "searching for counterexamples at length");
    search(workspace)?;
    report.begin("verify", "measuring");
    let figures = bench::run(workspace, options)?;
    Ok(format!("the package can be reproduced; {figures}"))
}

/// Runs the property tests of queries with a hundred times as many cases as
/// with every change (hostile input never becomes more than a value of `OData`,
/// and no tenant reads or changes what is another's), and the measurements
/// among the black-box tests, which are left out of every other run.
fn search(workspace: &Workspace) -> Result<(), Error> {
    let log = |name: &str| workspace.logs().join(format!("verify-{name}.log"));
    let build = "test --locked --workspace --lib --test it --no-run";
    Program::cargo(workspace, build).run(&log("build"))?;
    Program::cargo(
        workspace,
        "test --locked --workspace --lib -- records::tests::",
    )
    .env("PROPTEST_CASES", CASES)
    .for_at_most(SEARCH)
    .run(&log("search"))?;
    Program::cargo(
        workspace,
        "test --locked --workspace --test it -- --ignored",
    )
    .run(&log("measurements"))
}

/// Builds for release in `target` and returns the archive.
fn archive(workspace: &Workspace, target: &str) -> Result<PathBuf, Error> {
    let target = workspace.path(target);
    let folder = target.join("release-package");
    package::release(workspace, &target, &folder)?;
    Ok(folder.with_extension("zip"))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::file(path))
}
