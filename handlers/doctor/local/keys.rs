//! The key ring.

use super::{IDENTITY, LIMIT, VAULT, setting_fix};
use crate::app::{self, Ambient, NoRing, StartError};
use crate::config::Settings;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;
use crate::identity::{KeyState, KeyUse, KeysMissing};

/// What it follows from.
pub(super) const SETTINGS: [&str; 3] = ["ENTRADA_KEY_RING", VAULT, IDENTITY];

pub(super) async fn examine(report: &mut Report, settings: &Settings, ambient: &Ambient) {
    let loading = async {
        let identity = app::identity(settings, ambient)?;
        app::load_key_ring(&settings.secrets, identity.as_ref(), ambient).await
    };
    match tokio::time::timeout(LIMIT, loading).await {
        Err(_) => report.found(Finding::fault(
            "key-ring",
            format!("the key vault did not answer within {} s", LIMIT.as_secs()),
            "Without a ring nothing can be signed or opened.",
            network(),
        )),
        Ok(Err(NoRing::Setting(error))) => report.found(malformed(&error)),
        Ok(Err(error @ NoRing::Vault(missing))) => report.found(Finding::fault(
            "key-ring",
            error.to_string(),
            "Without a ring nothing can be signed or opened: everything but `/` and the metadata \
             is 503.",
            fix(missing),
        )),
        Ok(Ok(ring)) => {
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

/// A setting is not what it should be, which no vault mends.
fn malformed(error: &StartError) -> Finding {
    let fix = match error.setting() {
        "ENTRADA_KEY_RING" => Fix::new(
            "Set what was kept of it, or make a new one, which signs everybody out (without \
             ENTRADA_KEY_VAULT_URL it is printed):",
        )
        .line("ENTRADA_KEY_RING=\"$(env -u ENTRADA_KEY_VAULT_URL entrada keys init)\""),
        "ENTRADA_KEY_VAULT_URL" => setting_fix(
            "Name the vault by its address:",
            "ENTRADA_KEY_VAULT_URL",
            "https://VAULT.vault.azure.net",
        ),
        name => setting_fix("Set it as docs/settings.md says:", name, "…"),
    };
    Finding::fault(
        "key-ring",
        error.to_string(),
        "The server ends at its start, and names this.",
        fix,
    )
}

fn fix(missing: KeysMissing) -> Fix {
    match missing {
        KeysMissing::TokenRefused => Fix::new(
            "A vault takes tokens of its own tenant alone: sign in there; a managed identity has \
             to be of that tenant:",
        )
        .line("az login --tenant TENANT-OF-THE-VAULT")
        .line("az keyvault show --name VAULT --query properties.tenantId -o tsv"),
        KeysMissing::VaultForbidden => Fix::new(
            "Give the identity its role (Bicep: infra/modules/vault.bicep does) and wait ten \
             minutes:",
        )
        .line("az role assignment create --role 'Key Vault Secrets User' --assignee-object-id IDENTITY-PRINCIPAL-ID --assignee-principal-type ServicePrincipal --scope $(az keyvault show --name VAULT --query id -o tsv)"),
        KeysMissing::VaultBlocked | KeysMissing::VaultUnreachable => network(),
        KeysMissing::NoToken => Fix::new(
            "On Azure look whether the managed identity is assigned to the site and \
             ENTRADA_IDENTITY_CLIENT_ID is its client id; elsewhere sign in:",
        )
        .line("az functionapp identity show --name SITE --resource-group GROUP --query userAssignedIdentities")
        .line("az login"),
        KeysMissing::Disabled => Fix::new("Enable the secret again:")
            .line("az keyvault secret set-attributes --vault-name VAULT --name entrada-key-ring --enabled true"),
        KeysMissing::Unusable => Fix::new(
            "An older version of the secret may be one (docs/keys.md); a new ring is made where \
             there is none:",
        )
        .line("az keyvault secret list-versions --vault-name VAULT --name entrada-key-ring --query '[].{id: id, created: attributes.created}' --output table"),
        KeysMissing::NotLoaded | KeysMissing::NotInVault => {
            Fix::new("Make a ring (it never replaces one):")
                .line("ENTRADA_KEY_VAULT_URL=https://VAULT.vault.azure.net/ entrada keys init --wait 15m")
        }
    }
}

fn network() -> Fix {
    Fix::new(
        "Look whether this machine reaches the vault, which may be private: then only machines in \
         its network do (docs/deploy.md, private networking):",
    )
    .line("az keyvault show --name VAULT --query '{public: properties.publicNetworkAccess, rules: properties.networkAcls}'")
}
