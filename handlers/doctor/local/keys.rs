//! The key ring.

use super::LIMIT;
use crate::app::{self, Ambient};
use crate::config::Settings;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;
use crate::identity::{KeyState, KeyUse};

pub(super) async fn examine(report: &mut Report, settings: &Settings, ambient: &Ambient) {
    let loaded = tokio::time::timeout(LIMIT, app::load_key_ring(settings, ambient)).await;
    let Ok(loaded) = loaded else {
        report.found(Finding::fault(
            "key-ring",
            format!("the key vault did not answer within {} s", LIMIT.as_secs()),
            "Without a ring nothing can be signed or opened.",
            Fix::new("Look whether this machine reaches the vault, which may be private:")
                .line("az keyvault show --name VAULT --query properties.publicNetworkAccess"),
        ));
        return;
    };
    match loaded {
        Err(error) => report.found(Finding::fault(
            "key-ring",
            error.to_string(),
            "Without a ring nothing can be signed or opened: everything but `/` and the metadata \
             is 503.",
            Fix::new(
                "Make a ring (it never replaces one); with 403, give the identity its role (Bicep: \
                 infra/modules/vault.bicep does) and wait ten minutes:",
            )
            .line("ENTRADA_KEY_VAULT_URL=https://VAULT.vault.azure.net/ entrada keys init --wait 15m")
            .line("az role assignment create --role 'Key Vault Secrets User' --assignee-object-id IDENTITY-PRINCIPAL-ID --assignee-principal-type ServicePrincipal --scope $(az keyvault show --name VAULT --query id -o tsv)"),
        )),
        Ok(ring) => {
            let signing = ring
                .summary()
                .into_iter()
                .filter(|key| key.key_use == KeyUse::Sig && key.state != KeyState::Retired)
                .count();
            report.good(format!(
                "the key ring is sound, with {signing} to sign with"
            ));
        }
    }
}
