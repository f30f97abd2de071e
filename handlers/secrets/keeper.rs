//! Keeps keys and credentials up to date while the server runs.

use std::sync::Arc;
use std::time::Duration;

use entrada_entra::EntraClient;

use super::VaultClientSecret;
use crate::error::chain;
use crate::identity::KeyRings;

/// How often the vault is asked while all is well.
const RELOAD_EVERY: Duration = Duration::from_mins(5);
/// How often the credential's last use is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is kept up to date.
#[derive(Debug)]
pub struct Keeping {
    /// The key ring.
    pub rings: Arc<KeyRings>,
    /// The client secret of the vault, when it may be there.
    pub vault_secret: Option<Arc<VaultClientSecret>>,
    /// Who uses the credential.
    pub client: Arc<EntraClient>,
    /// Whether the credential is had from others and so may be missing for a
    /// while: it is tried out before anybody needs it.
    pub try_credential: bool,
}

impl Keeping {
    /// Starts what goes on for as long as the process.
    pub fn start(self) {
        let Self {
            rings,
            vault_secret,
            client,
            try_credential,
        } = self;
        tracing::info!(
            credential = client.credential_status().kind,
            "the credential for Microsoft Entra ID"
        );
        tokio::spawn(async move {
            keep_loading(&rings, vault_secret.as_deref()).await;
        });
        if try_credential {
            tokio::spawn(async move { keep_trying(&client).await });
        }
    }
}

/// Loads the key ring, and the client secret if it may be in the vault: every
/// five minutes; after a failure again and again, with growing waits, for
/// ever. Nothing that is in use is lost by a failure.
async fn keep_loading(rings: &KeyRings, secret: Option<&VaultClientSecret>) {
    let mut wait = FIRST_WAIT;
    let mut failing = false;
    loop {
        let look_for_secret = async {
            match secret {
                Some(secret) => secret.refresh().await.is_ok(),
                None => true,
            }
        };
        let (ring, secret) = tokio::join!(rings.refresh(), look_for_secret);
        if ring.is_ok() && secret {
            if failing {
                tracing::info!("what comes from the key vault is up to date again");
            }
            failing = false;
            wait = FIRST_WAIT;
            tokio::time::sleep(RELOAD_EVERY).await;
        } else {
            failing = true;
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Tries the credential out until Entra takes it, and again whenever it did
/// not serve.
async fn keep_trying(client: &EntraClient) {
    loop {
        let mut wait = FIRST_WAIT;
        while let Err(error) = client.check_credential().await {
            tracing::warn!(
                credential = client.credential_status().kind,
                error = chain(&error),
                "Microsoft Entra ID does not take the credential of this server, or not yet"
            );
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        tracing::info!(
            credential = client.credential_status().kind,
            "Microsoft Entra ID takes the credential of this server"
        );
        while client.credential_status().trouble.is_none() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
