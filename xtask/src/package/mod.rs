//! `cargo xtask package`: what is deployed to Azure Functions.

mod archive;
mod functions;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::program::Program;
use crate::workspace::Workspace;

use functions::Function;

/// Name of the executable, which `host.json` repeats.
const EXECUTABLE: &str = "entrada";

/// Where the stand-ins' source files lie, as the compiler writes it into
/// programs that contain them.
const STAND_INS: &[u8] = b"crates/stand-ins/src";

/// Options of `cargo xtask package`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Build without optimisation, as the tests do
    #[arg(long)]
    pub(crate) debug: bool,
    /// Folder to write; the archive lies beside it, as FOLDER.zip
    #[arg(long, value_name = "FOLDER", default_value = "dist")]
    pub(crate) out: PathBuf,
}

/// Builds the handler without its `dev` feature and writes the package: the
/// folder for the Functions host, and an archive of it. Returns what it wrote.
///
/// # Errors
/// When the build fails, the package would break a rule of the host, or a
/// file cannot be written.
pub(crate) fn build(workspace: &Workspace, options: &Options) -> Result<String, Error> {
    let program = compile(workspace, options.debug, &workspace.path("target"))?;
    assemble(workspace, &program, &workspace.root().join(&options.out))
}

/// Writes the package of an already compiled `program` to `folder`.
pub(crate) fn assemble(
    workspace: &Workspace,
    program: &Path,
    folder: &Path,
) -> Result<String, Error> {
    empty(folder)?;
    let executable = folder.join(EXECUTABLE);
    std::fs::copy(program, &executable).map_err(Error::file(program))?;
    refuse_development_code(&executable)?;
    let host = workspace.path("host.json");
    std::fs::copy(&host, folder.join("host.json")).map_err(Error::file(&host))?;
    let functions = functions_of(workspace, &executable)?;
    functions::check(&functions)?;
    for function in &functions {
        let folder = folder.join(&function.name);
        std::fs::create_dir(&folder).map_err(Error::file(&folder))?;
        let document = folder.join("function.json");
        std::fs::write(&document, format!("{:#}\n", function.document()))
            .map_err(Error::file(&document))?;
    }
    let archive = folder.with_extension("zip");
    archive::write(folder, &archive, EXECUTABLE)?;
    let size = std::fs::metadata(&archive)
        .map_err(Error::file(&archive))?
        .len();
    Ok(format!(
        "{} with {} functions, {:.1} MiB zipped",
        folder.display(),
        functions.len(),
        mebibytes(size)
    ))
}

/// The functions that the handler itself says it serves.
fn functions_of(workspace: &Workspace, executable: &Path) -> Result<Vec<Function>, Error> {
    let json = Program::new(workspace, executable)
        .args(["functions"])
        .output()?;
    serde_json::from_str(&json).map_err(|source| Error::Json {
        what: "`entrada functions`".into(),
        source,
    })
}

/// Compiles the handler as it is deployed and returns the path of the
/// executable.
pub(crate) fn compile(workspace: &Workspace, debug: bool, target: &Path) -> Result<PathBuf, Error> {
    let mut cargo = Program::cargo(
        workspace,
        "build --locked --package entrada --bin entrada --no-default-features",
    )
    .args([
        "--message-format",
        "json-render-diagnostics",
        "--target-dir",
    ])
    .args([target]);
    if !debug {
        cargo = release(cargo, workspace, target);
    }
    let log = workspace.logs().join("package.log");
    cargo.run(&log)?;
    let printed = std::fs::read_to_string(&log).map_err(Error::file(&log))?;
    executable_in(&printed).ok_or_else(|| Error::Rule("cargo named no executable `entrada`".into()))
}

/// Makes a build into `target` one for release: optimised, and with no path of
/// this machine in what is deployed, so that the same sources give the same
/// bytes elsewhere.
pub(crate) fn release(cargo: Program, workspace: &Workspace, target: &Path) -> Program {
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

/// Makes `folder` an empty folder. One that holds something else than an
/// earlier package is left alone.
fn empty(folder: &Path) -> Result<(), Error> {
    if folder.join("host.json").is_file() {
        std::fs::remove_dir_all(folder).map_err(Error::file(folder))?;
    }
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let mut content = std::fs::read_dir(folder).map_err(Error::file(folder))?;
    if content.next().is_some() {
        return Err(Error::Rule(format!(
            "{} holds other files; name another folder with --out",
            folder.display()
        )));
    }
    Ok(())
}

/// A package with the stand-ins in it would accept tokens that anyone can
/// mint. Whatever went wrong in the build, it is not written.
fn refuse_development_code(executable: &Path) -> Result<(), Error> {
    let program = std::fs::read(executable).map_err(Error::file(executable))?;
    if program
        .windows(STAND_INS.len())
        .any(|window| window == STAND_INS)
    {
        return Err(Error::Rule(
            "the executable contains the stand-ins: it was built with the feature `dev`".into(),
        ));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "one decimal of it is printed")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
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

    #[test]
    fn a_program_with_the_stand_ins_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("entrada");
        std::fs::write(&path, b"\x7fELF crates/entra/src/lib.rs").unwrap();
        assert!(refuse_development_code(&path).is_ok());
        std::fs::write(&path, b"\x7fELF crates/stand-ins/src/lib.rs").unwrap();
        assert!(refuse_development_code(&path).is_err());
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let precious = place.path().join("thesis.txt");
        std::fs::write(&precious, "text").unwrap();
        assert!(empty(place.path()).is_err());
        assert!(precious.exists());
    }

    #[test]
    fn the_host_finds_the_executable_that_is_packaged() {
        let path = Workspace::of_this_build().path("host.json");
        let host: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let handler = &host["customHandler"];
        assert_eq!(handler["description"]["defaultExecutablePath"], EXECUTABLE);
        assert_eq!(handler["enableProxyingHttpRequest"], true);
        assert_eq!(
            host["extensions"]["mcp"]["serverVersion"],
            env!("CARGO_PKG_VERSION")
        );
    }
}
