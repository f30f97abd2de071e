use crate::clients;
use crate::error::Error;
use crate::package;
use crate::program::Program;
use crate::tools;

use super::Suite;

/// What each step does before the tests. All return a remark for the console.
impl Suite<'_> {
    pub(super) fn fmt(&self) -> Result<String, Error> {
        self.cargo("fmt", "fmt --all --check")
    }

    pub(super) fn clippy(&self) -> Result<String, Error> {
        self.cargo(
            "clippy",
            "clippy --locked --workspace --all-targets -- -D warnings",
        )?;
        self.cargo(
            "clippy-package",
            "clippy --locked -p entrada --no-default-features -- -D warnings",
        )
    }

    pub(super) fn doc(&self) -> Result<String, Error> {
        Program::cargo(self.workspace, "doc --locked --workspace --no-deps")
            .env("RUSTDOCFLAGS", "-D warnings")
            .run(&self.log("doc"))?;
        Ok(String::new())
    }

    pub(super) fn deny(&self) -> Result<String, Error> {
        Program::new(self.workspace, tools::DENY.ensure(self.workspace)?)
            .args(["check", "licenses", "bans", "sources"])
            .run(&self.log("deny"))?;
        Ok(String::new())
    }

    pub(super) fn machete(&self) -> Result<String, Error> {
        Program::new(self.workspace, tools::MACHETE.ensure(self.workspace)?)
            .args([self.workspace.root()])
            .run(&self.log("machete"))?;
        Ok(String::new())
    }

    pub(super) fn install_clients(&self) -> Result<String, Error> {
        let python = clients::python(self.workspace)?;
        let node = clients::node(self.workspace)?;
        Ok(format!("Python {python}, Node {node}"))
    }

    pub(super) fn package(&self) -> Result<String, Error> {
        package::build(self.workspace, &self.package_options())
    }

    pub(super) fn build(&self) -> Result<String, Error> {
        self.cargo("build", "build --locked --workspace --all-targets")
    }

    fn cargo(&self, log: &str, arguments: &str) -> Result<String, Error> {
        Program::cargo(self.workspace, arguments).run(&self.log(log))?;
        Ok(String::new())
    }
}
