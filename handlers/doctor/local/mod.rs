//! Settings of this machine, and what they lead to: policy, keys, storage,
//! Entra, addresses.

mod addresses;
mod agents;
mod entra;
mod files;
mod keys;
mod settings;
mod storage;

use entrada_ambient::Environment;

use super::setting::setting_fix;
use super::{Area, Report};
use crate::app::Ambient;
use crate::config::Readable;

/// How long one look at something outside may take: longer than a token of the
/// Azure CLI and then an answer may (`entrada_managed_identity`,
/// `entrada_vault`, `entrada_tables`), which say better what is wrong.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(50);

const IDENTITY: &str = "ENTRADA_IDENTITY_CLIENT_ID";
const VAULT: &str = "ENTRADA_KEY_VAULT_URL";

/// Looks at the settings of `environment` and at everything that they name. A
/// setting at fault hides what follows from it, and nothing else.
pub async fn examine(report: &mut Report, environment: &dyn Environment, ambient: &Ambient) {
    report.begin(Area::Local);
    let Some(readable) = settings::examine(report, environment) else {
        report.skipped("policy, keys, storage, Entra and addresses: they follow from the settings");
        return;
    };
    let settings = &readable.settings;
    if is_said(report, &readable, "addresses", &addresses::SETTINGS) {
        addresses::examine(report, settings, environment);
    }
    files::policy(report, settings);
    let catalogue = files::agents(report, settings, ambient);
    if is_said(report, &readable, "keys", &keys::SETTINGS) {
        keys::examine(report, settings, ambient).await;
    }
    if is_said(report, &readable, "storage", &storage::SETTINGS) {
        storage::examine(report, settings, ambient).await;
    }
    if is_said(report, &readable, "Entra", &entra::SETTINGS) {
        entra::examine(report, &readable, ambient).await;
    }
    if is_said(report, &readable, "agents in Foundry", &agents::SETTINGS) {
        agents::examine(report, settings, catalogue.as_ref()).await;
    }
}

/// Whether the settings `names`, from which something follows, could be read.
/// Else it is noted as skipped.
fn is_said(report: &mut Report, readable: &Readable, what: &str, names: &[&str]) -> bool {
    let unread = readable.unread(names);
    if let Some(name) = unread {
        report.skipped(format!(
            "{what}: what {name} should be has to be known first"
        ));
    }
    unread.is_none()
}
