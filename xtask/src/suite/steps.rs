use clap::ValueEnum;

/// The steps of `cargo xtask test`, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Formatting
    Fmt,
    /// Lints of every target, and of the handler as it is packaged
    Clippy,
    /// API documentation without warnings
    Doc,
    /// Licences, banned crates, sources of crates
    Deny,
    /// Dependencies that nothing uses
    Machete,
    /// Installs the third-party Python and Node clients
    Clients,
    /// Builds the package as it is deployed, and checks its size and what it needs of the system
    Package,
    /// Builds everything else
    Build,
    /// Every test, with storage in a file and, where a test asks for it, in Azurite
    Test,
    /// The black-box tests again: in Azurite, and through the Functions host stand-in
    Matrix,
}

impl Step {
    /// Whether `--quick` leaves it out.
    pub(crate) fn is_slow(self) -> bool {
        matches!(
            self,
            Self::Fmt
                | Self::Clippy
                | Self::Doc
                | Self::Deny
                | Self::Machete
                | Self::Package
                | Self::Matrix
        )
    }

    /// The steps whose products it needs.
    pub(crate) fn needs(self) -> &'static [Self] {
        match self {
            Self::Test => &[Self::Clients, Self::Build],
            Self::Matrix => &[Self::Clients, Self::Package, Self::Build],
            _ => &[],
        }
    }

    /// Name on the console and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Deny => "deny",
            Self::Machete => "machete",
            Self::Clients => "clients",
            Self::Package => "package",
            Self::Build => "build",
            Self::Test => "test",
            Self::Matrix => "matrix",
        }
    }

    /// What to say when it begins.
    pub(crate) fn does(self) -> &'static str {
        match self {
            Self::Fmt => "checking the formatting",
            Self::Clippy => "linting",
            Self::Doc => "building the API documentation",
            Self::Deny => "checking licences and sources of dependencies",
            Self::Machete => "looking for unused dependencies",
            Self::Clients => "installing third-party test clients",
            Self::Package => "building the package",
            Self::Build => "building everything",
            Self::Test => "running every test",
            Self::Matrix => "running the black-box tests in other settings",
        }
    }

    /// What a person does after it failed.
    pub(crate) fn next(self) -> &'static str {
        match self {
            Self::Fmt => "run `cargo fmt --all`",
            Self::Clippy => "mend what is named above, then `cargo xtask test --only clippy`",
            Self::Doc => {
                "mend the documentation comments named above, then `cargo xtask test --only doc`"
            }
            Self::Deny => "read `deny.toml`, which says what is allowed and why",
            Self::Machete => "remove the dependencies named above from their Cargo.toml",
            Self::Clients => {
                "check that Node >= 20 with npm, Python >= 3.11 with venv, and their registries \
                 can be reached, then `cargo xtask test --only clients`"
            }
            Self::Package => "run `cargo xtask package`",
            Self::Build => "run `cargo build --workspace --all-targets`",
            Self::Test | Self::Matrix => {
                "one test alone: `cargo test -p CRATE NAME`, with the \
                 variables of `cargo xtask test --help`"
            }
        }
    }
}
