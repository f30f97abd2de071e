//! The settings that `entrada dev` begins with. The environment wins over
//! each of them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use entrada_ambient::{Environment as _, FixedEnvironment, ProcessEnvironment};
use entrada_stand_ins::directory::{CLIENT_ID, CLIENT_SECRET, CONTOSO};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::DevOptions;
use crate::app::Ambient;
use crate::command::Failure;
use crate::identity::KeyRing;

const POLICY: &str = include_str!("policy.json");
const AGENTS: &str = include_str!("agents.json");

/// Makes the data folder with keys, policy and agents where they are
/// missing, and the environment that names them.
pub(super) fn environment(
    options: &DevOptions,
    stand_ins: &Url,
    ambient: &Ambient,
) -> Result<FixedEnvironment, Failure> {
    let folder = &options.data_dir;
    let ring = key_ring(&folder.join("key-ring.json"), ambient)?;
    let policy = keep(&folder.join("policy.json"), POLICY)?;
    let agents = keep(&folder.join("agents.json"), AGENTS)?;
    let storage = match &options.storage {
        Some(connection) => connection.expose_secret().to_owned(),
        None => format!("file:{}", folder.join("entrada.redb").display()),
    };
    let stand_ins = stand_ins.as_str().trim_end_matches('/');
    let mut defaults = vec![
        ("ENTRADA_PORT", options.port.to_string()),
        (
            "ENTRADA_BASE_URL",
            format!("http://localhost:{}", options.port),
        ),
        ("ENTRADA_AUTHORITY", stand_ins.to_owned()),
        ("ENTRADA_TENANT_ID", CONTOSO.to_string()),
        ("ENTRADA_CLIENT_ID", CLIENT_ID.to_string()),
        ("ENTRADA_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
        ("ENTRADA_STORAGE", storage),
        ("ENTRADA_KEY_RING", ring.expose_secret().to_owned()),
        ("ENTRADA_POLICY", policy.display().to_string()),
        ("ENTRADA_AGENTS", agents.display().to_string()),
        (
            "ENTRADA_FOUNDRY_ENDPOINT",
            format!("{stand_ins}/foundry/api/projects/demo"),
        ),
        ("ENTRADA_GRAPH_URL", format!("{stand_ins}/graph")),
        ("ENTRADA_CONSENT_HOSTS", "localhost".to_owned()),
        ("ENTRADA_LOG", "warn,entrada=info".to_owned()),
    ];
    // Who names a vault or another credential wants that, not ours.
    let given = |name: &str| ProcessEnvironment.get(name).is_some();
    let vault = given("ENTRADA_KEY_VAULT_URL");
    let credential =
        vault || given("ENTRADA_IDENTITY_CLIENT_ID") || given("ENTRADA_CLIENT_CERTIFICATE");
    defaults.retain(|(name, _)| match *name {
        "ENTRADA_KEY_RING" => !vault,
        "ENTRADA_CLIENT_SECRET" => !credential,
        _ => true,
    });
    Ok(FixedEnvironment::new(defaults).beneath(Box::new(ProcessEnvironment)))
}

fn trouble(path: &Path) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| Failure::other(format!("{}: {error}", path.display()))
}

/// The data folder, made if it is missing.
pub(super) fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(trouble(folder))
}

/// A file that people may edit: written once, then left alone.
fn keep(path: &Path, content: &str) -> Result<PathBuf, Failure> {
    if !path.exists() {
        fs::write(path, content).map_err(trouble(path))?;
    }
    Ok(path.to_owned())
}

/// The key ring of the data folder, readable by its owner alone (where files
/// have modes).
fn key_ring(path: &Path, ambient: &Ambient) -> Result<SecretString, Failure> {
    if path.exists() {
        return fs::read_to_string(path)
            .map(SecretString::from)
            .map_err(trouble(path));
    }
    let ring = KeyRing::generate(ambient.clock.as_ref(), ambient.random.as_ref())
        .map_err(Failure::other)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(ring.expose_secret().as_bytes()))
        .map_err(trouble(path))?;
    Ok(ring)
}
