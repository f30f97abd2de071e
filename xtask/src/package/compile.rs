//! Compiling the handler as it is deployed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::EXECUTABLE;
use crate::error::Error;
use crate::program::Program;
use crate::python;
use crate::workspace::Workspace;

/// What Functions run on, and the newest symbols of its C library that the
/// program may need: those of Debian 10 and everything later.
const TARGET: &str = "x86_64-unknown-linux-gnu.2.28";

/// For how long an optimised build may run. It is the longest step of all, and
/// much of it is one crate on one processor: a slow machine that is busy beside
/// takes several times what a quiet one does.
const OPTIMISED: Duration = Duration::from_hours(1);

/// Without optimisation and for this machine: what the tests run.
///
/// # Errors
/// When the build fails.
pub(crate) fn for_tests(workspace: &Workspace) -> Result<PathBuf, Error> {
    let cargo = Program::cargo(workspace, "build");
    compile(cargo, workspace, &workspace.path("target"), "package")
}

/// Optimised, for this machine: what is measured.
///
/// # Errors
/// When the build fails.
pub(crate) fn for_this_machine(workspace: &Workspace, target: &Path) -> Result<PathBuf, Error> {
    let cargo = reproducible(Program::cargo(workspace, "build"), workspace, target);
    compile(cargo, workspace, target, "package-optimised")
}

/// Optimised, for Functions, linked by zig against an old C library. `target`
/// is cargo's folder.
///
/// # Errors
/// When zig cannot be installed, or the build fails.
pub(crate) fn for_release(workspace: &Workspace, target: &Path) -> Result<PathBuf, Error> {
    let zig = workspace.path("target/zig");
    let cache = workspace.path("target/zig-cache");
    let lock = workspace.path("xtask/zig/requirements.txt");
    python::install(workspace, &zig, &lock, "zig")?;
    let cargo = Program::new(workspace, python::program_in(&zig, "cargo-zigbuild"))
        .args(["zigbuild", "--target", TARGET])
        .env(
            "CARGO_ZIGBUILD_PYTHON_PATH",
            python::program_in(&zig, "python"),
        )
        .env("CARGO_ZIGBUILD_CACHE_DIR", &cache)
        .env("ZIG_GLOBAL_CACHE_DIR", &cache);
    let cargo = reproducible(cargo, workspace, target);
    compile(cargo, workspace, target, "package-release")
}

fn compile(
    cargo: Program,
    workspace: &Workspace,
    target: &Path,
    log: &str,
) -> Result<PathBuf, Error> {
    let log = workspace.logs().join(format!("{log}.log"));
    cargo
        .args(["--locked", "--package", "entrada", "--bin", EXECUTABLE])
        .args(["--no-default-features"])
        .args(["--message-format", "json-render-diagnostics"])
        .args(["--target-dir"])
        .args([target])
        .run(&log)?;
    let printed = std::fs::read_to_string(&log).map_err(Error::file(&log))?;
    executable_in(&printed).ok_or_else(|| Error::Rule("cargo named no executable `entrada`".into()))
}

/// Makes a build into `target` one for release: optimised, and with no path of
/// this machine in what is deployed, so that the same sources give the same
/// bytes elsewhere.
pub(crate) fn reproducible(cargo: Program, workspace: &Workspace, target: &Path) -> Program {
    // Of two prefixes that match, rustc takes the later one.
    let mut prefixes = vec![
        (workspace.root().to_path_buf(), "."),
        (target.to_path_buf(), "./target"),
    ];
    prefixes.extend(cargo_home().map(|home| (home, "cargo")));
    let flags: Vec<String> = prefixes
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect();
    cargo
        .args(["--release"])
        .for_at_most(OPTIMISED)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
}

/// Where cargo keeps the sources of dependencies, whose paths would be in
/// every message of a panic.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo's own variable; the seam would make every command wait for a TLS library"
)]
fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// A line of `cargo build --message-format json`.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
}

fn executable_in(printed: &str) -> Option<PathBuf> {
    printed
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter_map(|message| message.executable)
        .find(|path| path.file_stem().is_some_and(|stem| stem == EXECUTABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_the_one_that_cargo_names() {
        let printed = "   Compiling entrada v0.1.0\n\
            {\"reason\":\"compiler-artifact\",\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"executable\":\"/t/debug/other\"}\n\
            {\"reason\":\"compiler-artifact\",\"executable\":\"/t/debug/entrada\"}\n\
            {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable_in(printed), Some("/t/debug/entrada".into()));
    }
}
