use std::path::PathBuf;

use crate::error::Error;
use crate::package;
use crate::program::Program;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The page to write
    #[arg(long, value_name = "FILE", default_value = "docs/benchmarks.md")]
    page: PathBuf,
    /// For `entrada-bench`, after `--`, such as `-- --rounds 3 --seconds 2`
    #[arg(last = true, value_name = "OPTION")]
    more: Vec<String>,
}

/// Builds what is measured and measures it. Returns where the figures are.
///
/// # Errors
/// When a build fails, or a server does not answer as it must.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<String, Error> {
    let target = workspace.path("target");
    let entrada = package::compile::for_this_machine(workspace, &target)?;
    package::compile::reproducible(
        Program::cargo(workspace, "build --locked --package entrada-bench"),
        workspace,
        &target,
    )
    .run(&workspace.logs().join("bench-build.log"))?;
    let page = workspace.root().join(&options.page);
    Program::new(workspace, target.join("release/entrada-bench"))
        .args(["--entrada".as_ref(), entrada.as_os_str()])
        .args([
            "--bare".as_ref(),
            target.join("release/bare-rmcp").as_os_str(),
        ])
        .args(["--page".as_ref(), page.as_os_str()])
        .args(&options.more)
        .run(&workspace.logs().join("bench.log"))?;
    Ok(format!("see {}", page.display()))
}
