//! `cargo xtask package`: what is deployed to Azure Functions.

mod archive;
pub(crate) mod compile;
mod folder;
mod functions;
mod symbols;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::program::Program;
use crate::workspace::Workspace;

use functions::Function;

/// Name of the executable, which `host.json` repeats.
const EXECUTABLE: &str = "entrada";

/// The file by which the host knows a package.
const HOST: &str = "host.json";

/// Where the stand-ins' source files lie, as the compiler writes it into
/// programs that contain them.
const STAND_INS: &[u8] = b"crates/stand-ins/src";

/// What those who deploy may lay beside `host.json`: which agents there are,
/// and which role sees what (settings `ENTRADA_AGENTS` and `ENTRADA_POLICY`).
const OWN_FILES: [&str; 2] = ["agents.json", "policy.json"];

/// The largest archive that is deployed without a second thought: an instance
/// fetches it at each cold start.
const LARGEST: u64 = 12 << 20;

/// Options of `cargo xtask package`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Build without optimisation, as the tests do
    #[arg(long)]
    pub(crate) debug: bool,
    /// Folder to write, empty or an earlier package; the archive lies beside it, as FOLDER.zip
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
    let folder = workspace.root().join(&options.out);
    if options.debug {
        let program = compile::for_tests(workspace)?;
        return Ok(assemble(workspace, &program, &folder)?.to_string());
    }
    release(workspace, &workspace.path("target"), &folder)
}

/// Builds for release with cargo's folder `target`, and writes the package to
/// `folder`, if it is fit to be deployed. Returns what it wrote.
///
/// # Errors
/// As for [`build`]; and when the archive is too large, or the program needs a
/// newer system than Functions may have.
pub(crate) fn release(
    workspace: &Workspace,
    target: &Path,
    folder: &Path,
) -> Result<String, Error> {
    let program = compile::for_release(workspace, target)?;
    let glibc = symbols::check(&program)?;
    let written = assemble(workspace, &program, folder)?;
    written.check_size()?;
    Ok(format!("{written}, needs glibc {glibc}"))
}

/// What was written.
#[derive(Debug)]
struct Written {
    folder: PathBuf,
    functions: usize,
    /// Bytes of the archive.
    size: u64,
}

impl Written {
    fn check_size(&self) -> Result<(), Error> {
        if self.size <= LARGEST {
            return Ok(());
        }
        Err(Error::Rule(format!(
            "{}.zip has {} bytes, more than {LARGEST}",
            self.folder.display(),
            self.size
        )))
    }
}

impl fmt::Display for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} with {} functions, {:.1} MiB zipped",
            self.folder.display(),
            self.functions,
            mebibytes(self.size)
        )
    }
}

/// Writes the package of an already compiled `program` to `folder`, and an
/// archive of it beside it.
fn assemble(workspace: &Workspace, program: &Path, folder: &Path) -> Result<Written, Error> {
    folder::empty(workspace.root(), folder)?;
    let executable = folder.join(EXECUTABLE);
    std::fs::copy(program, &executable).map_err(Error::file(program))?;
    refuse_development_code(&executable)?;
    let host = workspace.path(HOST);
    std::fs::copy(&host, folder.join(HOST)).map_err(Error::file(&host))?;
    for name in OWN_FILES {
        let own = workspace.path(name);
        if own.is_file() {
            std::fs::copy(&own, folder.join(name)).map_err(Error::file(&own))?;
        }
    }
    let functions = functions_of(workspace, &executable)?;
    functions::check(&functions)?;
    for function in &functions {
        let folder = folder.join(&function.name);
        std::fs::create_dir(&folder).map_err(Error::file(&folder))?;
        let document = folder.join(folder::FUNCTION);
        std::fs::write(&document, format!("{:#}\n", function.document))
            .map_err(Error::file(&document))?;
    }
    let archive = folder.with_extension("zip");
    archive::write(folder, &archive, EXECUTABLE)?;
    Ok(Written {
        folder: folder.to_path_buf(),
        functions: functions.len(),
        size: std::fs::metadata(&archive)
            .map_err(Error::file(&archive))?
            .len(),
    })
}

/// The functions that the handler itself says it serves. Where the program
/// that is deployed does not run, one for this machine is asked: they come
/// from the same sources.
fn functions_of(workspace: &Workspace, executable: &Path) -> Result<Vec<Function>, Error> {
    let program = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        executable.to_path_buf()
    } else {
        compile::for_tests(workspace)?
    };
    let json = Program::new(workspace, program)
        .args(["functions"])
        .output()?;
    serde_json::from_str(&json).map_err(|source| Error::Json {
        what: "`entrada functions`".into(),
        source,
    })
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
    fn an_archive_over_twelve_mebibytes_is_refused() {
        let written = |size| Written {
            folder: "dist".into(),
            functions: 1,
            size,
        };
        assert!(written(12 << 20).check_size().is_ok());
        assert!(written((12 << 20) + 1).check_size().is_err());
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
    fn the_host_finds_the_executable_that_is_packaged() {
        let path = Workspace::of_this_build().path(HOST);
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
