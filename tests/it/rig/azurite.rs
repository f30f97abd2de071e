//! Azurite for tests that want several servers on one storage, also when
//! nobody started one: `cargo test` by itself.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use entrada_ambient::{NetworkOptions, http_client};
use tokio::sync::OnceCell;

use super::{clients, free_port, setting};

/// The key that every storage emulator has, published by Microsoft ("Use the
/// Azurite emulator for local Azure Storage development").
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Accounts beside the well-known one, one for each rig.
const ACCOUNTS: usize = 200;

/// One for all tests of this process. It ends with the process, whose end of
/// its input it watches.
static AZURITE: OnceCell<Azurite> = OnceCell::const_new();

struct Azurite {
    _child: Child,
    connection: String,
}

/// The connection string of the well-known account: of the Azurite that
/// `cargo xtask test` runs, or of our own.
pub(super) async fn connection() -> String {
    match setting("ENTRADA_TEST_TABLES") {
        Some(connection) => connection,
        None => AZURITE.get_or_init(start).await.connection.clone(),
    }
}

#[expect(
    clippy::zombie_processes,
    reason = "one for all tests of this process, which it ends with"
)]
async fn start() -> Azurite {
    let port = free_port();
    let modules = clients().join("node/node_modules");
    let runner = concat!(env!("CARGO_MANIFEST_DIR"), "/xtask/src/azurite.cjs");
    let accounts = (0..ACCOUNTS)
        .map(|number| format!("rig{number}:{KEY}"))
        .collect::<Vec<_>>()
        .join(";");
    let child = Command::new(modules.join(".bin/node"))
        .arg(runner)
        .arg(modules.join("azurite/dist/src/table/main.js"))
        .args(["--tableHost", "127.0.0.1", "--tablePort"])
        .arg(port.to_string())
        .args(["--inMemoryPersistence", "--disableTelemetry", "--silent"])
        .env(
            "AZURITE_ACCOUNTS",
            format!("devstoreaccount1:{KEY};{accounts}"),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`cargo xtask test --only clients` installs Azurite");
    let http = http_client(&NetworkOptions::default()).unwrap();
    let url = format!("http://127.0.0.1:{port}/devstoreaccount1");
    for _ in 0..600 {
        if http.get(&url).send().await.is_ok() {
            return Azurite {
                _child: child,
                connection: format!(
                    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={KEY};\
                     TableEndpoint={url};"
                ),
            };
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("Azurite does not answer");
}
