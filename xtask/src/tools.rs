use std::path::PathBuf;

use crate::error::Error;
use crate::program::Program;
use crate::workspace::Workspace;

/// A cargo subcommand that the checks need, built once into `target/tools`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Checks licences, banned crates and where crates come from.
pub(crate) const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

/// Finds dependencies that nothing uses.
pub(crate) const MACHETE: Tool = Tool {
    name: "cargo-machete",
    version: "0.9.2",
};

impl Tool {
    /// The program, built if this version is not there yet.
    ///
    /// It runs for a second or two, so it is built without optimisation,
    /// which takes a third of the time.
    ///
    /// # Errors
    /// When the build fails.
    pub(crate) fn ensure(self, workspace: &Workspace) -> Result<PathBuf, Error> {
        let program = workspace.path("target/tools/bin").join(self.name);
        if self.is_there(workspace, &program) {
            return Ok(program);
        }
        Program::cargo(workspace, "install --locked --root target/tools")
            .args([self.name, "--version", self.version])
            .env("CARGO_TARGET_DIR", workspace.path("target/tools-build"))
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .run(&workspace.logs().join(format!("{}-install.log", self.name)))?;
        Ok(program)
    }

    fn is_there(self, workspace: &Workspace, program: &std::path::Path) -> bool {
        Program::new(workspace, program)
            .args(["--version"])
            .output()
            .is_ok_and(|answer| answer.contains(self.version))
    }
}
