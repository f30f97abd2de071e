//! What the server says that it lacks: services that do not answer, and
//! pieces by their codes (docs/keys.md).

use serde_json::{Map, Value};

use super::visit::member;
use crate::doctor::Finding;
use crate::fix::Fix;
use crate::terminal::printable;

const WAITS: &str = "Whatever needs it answers 503 until it is there. Its log says more.";

/// Every finding of a health report: first what is named by a code, then the
/// services that no code explains.
pub(super) fn findings(services: &Map<String, Value>, health: &Value) -> Vec<Finding> {
    let none = Vec::new();
    let pieces = member(health, "missing").as_array().unwrap_or(&none);
    let explained: Vec<&str> = pieces.iter().flat_map(explains).copied().collect();
    let away = services.iter().filter(|(service, status)| {
        matches!(status.as_str(), Some("unavailable" | "degraded"))
            && !explained.contains(&service.as_str())
    });
    pieces
        .iter()
        .map(|piece| piece_missing(piece, services))
        .chain(away.map(|(service, status)| service_away(service, status)))
        .collect()
}

fn code(piece: &Value) -> &str {
    member(piece, "code").as_str().unwrap_or_default()
}

/// The services that fail for want of a piece.
fn explains(piece: &Value) -> &'static [&'static str] {
    match code(piece) {
        "STORAGE_UNAVAILABLE" => &["storage", "api"],
        "MANAGED_IDENTITY_UNAVAILABLE" => &["key_vault", "api"],
        code if code.starts_with("KEY_") => &["key_vault", "api"],
        code if is_credential(code) => &["azure_ad"],
        code if code.starts_with("AGENTS_") => &["azure_foundry"],
        _ => &[],
    }
}

/// Whether it is the application's own credential that does not serve.
fn is_credential(code: &str) -> bool {
    code.starts_with("CREDENTIAL_") || code.starts_with("FEDERATED_")
}

fn piece_missing(piece: &Value, services: &Map<String, Value>) -> Finding {
    let detail = printable(member(piece, "detail").as_str().unwrap_or("?"));
    let code = code(piece);
    let (id, why, fix) = match code {
        "AGENTS_UNAVAILABLE" => (
            "server-agents",
            "Nobody is offered them; who asks for one gets 409 AGENT_UNAVAILABLE.",
            Fix::new("Its log names them. Turn them on in Foundry, or take them out of agents.json:")
                .line("az rest --resource https://ai.azure.com --url 'ENDPOINT/agents?api-version=v1' --query 'data[].{name: name, state: state}'"),
        ),
        "AGENTS_NOT_LISTED" => (
            "server-foundry",
            "Agents that agents.json does not name are not offered.",
            foundry(),
        ),
        "STORAGE_UNAVAILABLE" => ("server-storage", WAITS, storage()),
        "MANAGED_IDENTITY_UNAVAILABLE" => ("server-key-vault", WAITS, identity()),
        "KEY_RING_DISABLED" => ("server-keys", WAITS, disabled()),
        code if code.starts_with("KEY_RING_") => ("server-keys", WAITS, ring()),
        "KEY_VAULT_BLOCKED" | "KEY_VAULT_UNREACHABLE" => ("server-key-vault", WAITS, network()),
        "KEY_VAULT_TOKEN_REFUSED" => ("server-key-vault", WAITS, tenant()),
        code if code.starts_with("KEY_") => ("server-key-vault", WAITS, role()),
        code if is_credential(code) => (
            "server-credential",
            "Codes and refresh tokens cannot be redeemed: nobody can sign in.",
            credential(),
        ),
        _ => (
            "server-missing",
            WAITS,
            Fix::new("Right after a deployment give it ten minutes; then look at the registration and the settings:")
                .line("entrada doctor --url URL --entra"),
        ),
    };
    let what = format!("the server says: {detail} ({})", printable(code));
    // A ring in use stays in use while its vault is away.
    let works_on = explains(piece).contains(&"key_vault")
        && services
            .get("key_vault")
            .is_some_and(|status| status == "degraded");
    if works_on {
        Finding::warning(
            id,
            what,
            "The keys in use stay in use; new ones are not learnt of.",
            fix,
        )
    } else {
        Finding::fault(id, what, why, fix)
    }
}

fn storage() -> Fix {
    Fix::new("Look at the identity's role on the account and at the network rules:")
        .line("az role assignment list --assignee IDENTITY-PRINCIPAL-ID --all --output table")
}

fn foundry() -> Fix {
    Fix::new("Look at ENTRADA_FOUNDRY_ENDPOINT and at the project, and whether the managed identity may list its agents:")
        .line("az cognitiveservices account show --name ACCOUNT --resource-group GROUP --query properties.provisioningState")
}

fn ring() -> Fix {
    Fix::new("Make the key ring, and give a fresh deployment ten minutes:")
        .line("ENTRADA_KEY_VAULT_URL=https://VAULT.vault.azure.net/ entrada keys init --wait 15m")
}

fn disabled() -> Fix {
    Fix::new("Enable the secret again:").line(
        "az keyvault secret set-attributes --vault-name VAULT --name entrada-key-ring --enabled true",
    )
}

fn role() -> Fix {
    Fix::new("Look whether the identity has the role Key Vault Secrets User at the vault; a new assignment counts after ten minutes:")
        .line("az role assignment list --assignee IDENTITY-PRINCIPAL-ID --scope $(az keyvault show --name VAULT --query id -o tsv) --include-inherited --output table")
}

fn tenant() -> Fix {
    Fix::new("Look whether the vault is of the identity's tenant: it takes tokens of its own tenant alone:")
        .line("az keyvault show --name VAULT --query properties.tenantId -o tsv")
        .line("az identity show --name IDENTITY --resource-group GROUP --query tenantId -o tsv")
}

fn network() -> Fix {
    Fix::new("Look whether the site reaches the vault: its network rules, and with private networking the private endpoint and its DNS zone:")
        .line("az keyvault show --name VAULT --query '{public: properties.publicNetworkAccess, rules: properties.networkAcls, private: properties.privateEndpointConnections[].id}'")
}

fn identity() -> Fix {
    Fix::new("Look whether the managed identity is assigned to the site, and whether ENTRADA_IDENTITY_CLIENT_ID is its client id:")
        .line("az functionapp identity show --name SITE --resource-group GROUP --query userAssignedIdentities")
}

fn credential() -> Fix {
    Fix::new("Right after a deployment give it ten minutes; then look at the registration, which names what does not fit:")
        .line("entrada doctor --url URL --entra --identity IDENTITY-PRINCIPAL-ID")
}

/// A service that does not answer, or not as it should.
fn service_away(service: &str, status: &Value) -> Finding {
    let status = status.as_str().unwrap_or_default();
    let (id, fix) = match service {
        "storage" => ("server-storage", storage()),
        "azure_ad" => (
            "server-entra",
            Fix::new("Look at the settings of tenant and authority, and at the site's way out:").line(
                "az functionapp config appsettings list --name SITE --resource-group GROUP --query \"[?starts_with(name, 'ENTRADA_')].name\"",
            ),
        ),
        "key_vault" => ("server-key-vault", role()),
        "azure_foundry" => ("server-foundry", foundry()),
        _ => ("server-keys", ring()),
    };
    let what = format!("the server says that `{}` is {status}", printable(service));
    if status == "degraded" {
        Finding::warning(
            id,
            what,
            "Some of what needs it does not work. Its log says more.",
            fix,
        )
    } else {
        Finding::fault(id, what, WAITS, fix)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::Grade;

    fn found(services: Value, codes: &[&str]) -> Vec<(&'static str, Grade)> {
        let missing: Vec<_> = codes
            .iter()
            .map(|code| json!({"code": code, "detail": "it is so"}))
            .collect();
        let Value::Object(services) = services else {
            panic!("no services")
        };
        findings(&services, &json!({"missing": missing}))
            .into_iter()
            .inspect(|finding| assert!(!finding.fix.copy.is_empty(), "{finding:?}"))
            .map(|finding| (finding.id, finding.grade))
            .collect()
    }

    #[test]
    fn a_refused_credential_is_a_fault_although_the_server_goes_on() {
        for code in [
            "CREDENTIAL_REFUSED",
            "CREDENTIAL_UNAVAILABLE",
            "FEDERATED_CREDENTIAL_MISSING",
        ] {
            let named = found(
                json!({"azure_ad": "degraded", "api": "operational"}),
                &[code],
            );
            assert_eq!(named, [("server-credential", Grade::Fault)], "{code}");
        }
    }

    #[test]
    fn a_code_says_more_than_the_service_that_fails_for_it() {
        let away =
            json!({"key_vault": "unavailable", "api": "unavailable", "storage": "operational"});
        for (code, id) in [
            ("MANAGED_IDENTITY_UNAVAILABLE", "server-key-vault"),
            ("KEY_VAULT_FORBIDDEN", "server-key-vault"),
            ("KEY_VAULT_BLOCKED", "server-key-vault"),
            ("KEY_VAULT_UNREACHABLE", "server-key-vault"),
            ("KEY_RING_MISSING", "server-keys"),
            ("KEY_RING_DISABLED", "server-keys"),
        ] {
            assert_eq!(found(away.clone(), &[code]), [(id, Grade::Fault)], "{code}");
        }
        let both = json!({"storage": "unavailable", "azure_ad": "unavailable"});
        assert_eq!(
            found(both, &["STORAGE_UNAVAILABLE"]),
            [
                ("server-storage", Grade::Fault),
                ("server-entra", Grade::Fault)
            ]
        );
        let unknown = found(json!({"api": "operational"}), &["SOMETHING_NEW"]);
        assert_eq!(unknown, [("server-missing", Grade::Fault)]);
    }

    #[test]
    fn a_vault_that_is_away_while_its_ring_is_in_use_is_a_warning() {
        let services = json!({"key_vault": "degraded", "api": "operational"});
        assert_eq!(
            found(services, &["KEY_VAULT_FORBIDDEN"]),
            [("server-key-vault", Grade::Warning)]
        );
    }

    #[test]
    fn a_service_without_a_code_is_named_by_itself() {
        let services = json!({"storage": "unavailable", "azure_foundry": "degraded"});
        assert_eq!(
            found(services, &[]),
            [
                ("server-foundry", Grade::Warning),
                ("server-storage", Grade::Fault)
            ]
        );
    }
}
