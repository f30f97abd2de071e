use std::path::{Path, PathBuf};

use crate::bench;
use crate::error::Error;
use crate::package;
use crate::report::Report;
use crate::workspace::Workspace;

/// The largest archive that is deployed without a second thought: an instance
/// fetches it at each cold start.
const LARGEST: u64 = 12 << 20;

/// Checks that take too long for every change: that the package can be built
/// again to the same bytes and is small enough, and the benchmarks.
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
    let bytes = read(&first)?;
    if bytes != read(&second)? {
        return Err(Error::Rule(format!(
            "{} and {} differ: the build is not reproducible",
            first.display(),
            second.display()
        )));
    }
    check_size(&first, bytes.len())?;
    report.begin("verify", "measuring");
    let figures = bench::run(workspace, options)?;
    Ok(format!("the package can be reproduced; {figures}"))
}

/// Builds for release in `target` and returns the archive.
fn archive(workspace: &Workspace, target: &str) -> Result<PathBuf, Error> {
    let target = workspace.path(target);
    let program = package::compile(workspace, false, &target)?;
    let folder = target.join("release-package");
    package::assemble(workspace, &program, &folder)?;
    Ok(folder.with_extension("zip"))
}

fn check_size(archive: &Path, size: usize) -> Result<(), Error> {
    if u64::try_from(size).is_ok_and(|size| size <= LARGEST) {
        return Ok(());
    }
    Err(Error::Rule(format!(
        "{} has {size} bytes, more than {LARGEST}",
        archive.display()
    )))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_over_twelve_mebibytes_is_refused() {
        let archive = Path::new("dist.zip");
        assert!(check_size(archive, 12 << 20).is_ok());
        assert!(check_size(archive, (12 << 20) + 1).is_err());
    }
}
