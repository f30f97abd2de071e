//! The stand-ins from a command line.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use url::Url;

use crate::{StandInError, StandInOptions, TlsIdentity, start};

/// Options of the command that serves the stand-ins.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Port of plain http on loopback; 0 for any
    #[arg(long, default_value_t = 7072)]
    pub port: u16,
    /// Port of https [default: the one after --port]
    #[arg(long)]
    pub https_port: Option<u16>,
    /// Base of the token issuers; port 0 stands for ours [default: http://localhost:PORT]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<Url>,
    /// Persona who signs in without being asked
    #[arg(long, value_name = "PERSONA")]
    pub auto_sign_in: Option<String>,
    /// Directory that keeps the signing keys and the private CA (ca.pem)
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// Redirect URI to register; replaces those that are registered by default
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
    /// Certificate chain of the https port (PEM file), instead of one by a private CA
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "tls_ca"])]
    pub tls_certificate: Option<PathBuf>,
    /// Private key of the https port (PEM file)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// CA that clients of the https port trust (PEM file)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_ca: Option<PathBuf>,
}

/// The command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The stand-ins did not start.
    #[error(transparent)]
    Start(#[from] StandInError),
    /// A certificate file cannot be read.
    #[error("the file {} cannot be read", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nobody reads what the command prints.
    #[error("the output cannot be written")]
    Output(#[source] std::io::Error),
}

impl Args {
    /// The options that these arguments mean.
    ///
    /// # Errors
    /// When a certificate file cannot be read.
    pub fn options(
        self,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<StandInOptions, CliError> {
        let defaults = StandInOptions::new(clock, random);
        let tls = match (self.tls_certificate, self.tls_key, self.tls_ca) {
            (Some(certificate), Some(key), Some(ca)) => Some(TlsIdentity {
                certificate_pem: read(certificate)?,
                key_pem: read(key)?.into(),
                ca_pem: read(ca)?,
            }),
            _ => None,
        };
        Ok(StandInOptions {
            port: self.port,
            https_port: self.https_port,
            public_url: self.public_url,
            auto_sign_in: self.auto_sign_in,
            data_dir: self.data_dir,
            redirect_uris: if self.redirect_uris.is_empty() {
                defaults.redirect_uris
            } else {
                self.redirect_uris
            },
            tls,
            ..defaults
        })
    }
}

fn read(path: PathBuf) -> Result<String, CliError> {
    std::fs::read_to_string(&path).map_err(|source| CliError::File { path, source })
}

/// Serves until interrupted (Ctrl-C). Writes the addresses to `output`; the
/// last line is `ready http://localhost:PORT`.
///
/// # Errors
/// When the stand-ins do not start, or `output` is closed.
pub async fn run(
    args: Args,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    mut output: impl Write,
) -> Result<(), CliError> {
    let stand_ins = start(args.options(clock, random)?).await?;
    let plain = stand_ins.url().as_str().trim_end_matches('/').to_owned();
    let https = stand_ins.https_url();
    let https = https.as_str().trim_end_matches('/');
    writeln!(output, "https {https}")
        .and_then(|()| writeln!(output, "ready {plain}"))
        .and_then(|()| output.flush())
        .map_err(CliError::Output)?;
    if tokio::signal::ctrl_c().await.is_err() {
        // Without the signal there is no other way to be stopped but to be
        // killed; go on serving.
        std::future::pending::<()>().await;
    }
    stand_ins.stopped().await;
    Ok(())
}
