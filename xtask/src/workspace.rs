use std::path::{Path, PathBuf};

/// Where things lie in the checkout.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built from.
    pub(crate) fn of_this_build() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            root: manifest.parent().unwrap_or(manifest).to_path_buf(),
        }
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path under the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Third-party clients, one folder per language.
    pub(crate) fn clients(&self) -> PathBuf {
        self.path("target/clients")
    }

    /// What the programs that xtask starts printed, one file per step.
    pub(crate) fn logs(&self) -> PathBuf {
        self.path("target/xtask")
    }
}
