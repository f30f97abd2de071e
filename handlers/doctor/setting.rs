//! A setting as what mends a fault: here, and on Azure so that the next
//! deployment keeps it.

use serde_json::json;

use crate::fix::{Fix, word};

/// A fix that sets `name` to `value`.
pub(super) fn setting_fix(what: impl Into<String>, name: &str, value: &str) -> Fix {
    on_azure(Fix::new(what).line(format!("{name}={value}")), name, value)
}

/// `fix`, and how `name` is set to `value` on Azure. A deployment writes all
/// app settings anew (`infra/modules/site.bicep`), so it is the variables of
/// the azd environment that last (`infra/main.parameters.json`; docs/deploy.md,
/// "Choices").
pub(super) fn on_azure(fix: Fix, name: &str, value: &str) -> Fix {
    const PROVISION: &str = "&& azd provision";
    match name {
        "ENTRADA_AGENTS"
        | "ENTRADA_AUDIT_DAYS"
        | "ENTRADA_FOUNDRY_ENDPOINT"
        | "ENTRADA_LOG"
        | "ENTRADA_POLICY"
        | "ENTRADA_REQUESTS_PER_MINUTE"
        | "ENTRADA_TENANTS"
        | "ENTRADA_TRACE_RATIO" => {
            fix.line(format!("azd env set {name} {} {PROVISION}", word(value)))
        }
        "ENTRADA_REDIRECT_URIS" | "ENTRADA_CORS_ORIGINS" => {
            let members = value.split([',', ';', ' ']).filter(|part| !part.is_empty());
            let list = word(&json!(members.collect::<Vec<_>>()).to_string());
            fix.line(format!("azd env set {name} {list} {PROVISION}"))
        }
        "ENTRADA_BASE_URL" => fix.line(format!(
            "azd env set ENTRADA_CUSTOM_DOMAIN HOST-NAME {PROVISION}"
        )),
        "ENTRADA_CLIENT_ID" => fix.line(format!(
            "azd env set ENTRADA_EXISTING_CLIENT_ID {} {PROVISION}",
            word(value)
        )),
        name if is_mended_by_deploying(name) => fix.line("azd provision --no-state"),
        _ => fix
            .line("# on Azure, with whatever ENTRADA_ADDITIONAL_SETTINGS holds already:")
            .line(format!(
                "azd env set ENTRADA_ADDITIONAL_SETTINGS {} {PROVISION}",
                word(&json!({ name: value }).to_string())
            )),
    }
}

/// Whether the templates know the value of a setting themselves, or put
/// identity and vault in its place. Any other variable is gone once they are
/// deployed.
fn is_mended_by_deploying(name: &str) -> bool {
    const SETTINGS: [&str; 7] = [
        "ENTRADA_TENANT_ID",
        "ENTRADA_IDENTITY_CLIENT_ID",
        "ENTRADA_KEY_VAULT_URL",
        "ENTRADA_KEY_RING",
        "ENTRADA_CLIENT_SECRET",
        "ENTRADA_CLIENT_CERTIFICATE",
        "ENTRADA_STORAGE",
    ];
    let is_setting = name.starts_with("ENTRADA_") || name.starts_with("AzureFunctionsJobHost__");
    SETTINGS.contains(&name) || !is_setting
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &str = include_str!("../../infra/main.parameters.json");
    const MAIN: &str = include_str!("../../infra/main.bicep");

    fn commands(name: &str) -> Vec<String> {
        on_azure(Fix::new(""), name, "value").copy
    }

    /// The settings that `infra/main.bicep` gives the site.
    fn given_by_bicep() -> impl Iterator<Item = &'static str> {
        let (_, after) = MAIN.split_once("entradaSettings: {").unwrap();
        let (settings, _) = after.split_once('}').unwrap();
        settings
            .lines()
            .filter_map(|line| line.trim().split_once(": "))
            .map(|(name, _)| name)
    }

    #[test]
    fn what_a_deployment_sets_is_set_by_a_choice_of_the_deployment() {
        assert_eq!(given_by_bicep().count(), 15);
        for name in given_by_bicep() {
            let commands = commands(name);
            let [command] = commands.as_slice() else {
                panic!("{name}: {commands:?}");
            };
            let Some(choice) = command.strip_prefix("azd env set ") else {
                assert_eq!(command, "azd provision --no-state", "{name}");
                continue;
            };
            let (choice, _) = choice.split_once(' ').unwrap();
            assert!(PARAMETERS.contains(&format!("${{{choice}}}")), "{choice}");
        }
    }

    #[test]
    fn any_other_setting_is_one_of_the_additional_ones() {
        for name in ["ENTRADA_LIMIT_USER", "AzureFunctionsJobHost__logging"] {
            let commands = commands(name).join("\n");
            let set = format!("ENTRADA_ADDITIONAL_SETTINGS '{{\"{name}\":\"value\"}}'");
            assert!(commands.contains(&set), "{commands}");
        }
        assert!(PARAMETERS.contains("${ENTRADA_ADDITIONAL_SETTINGS}"));
        for name in ["RBAC_ENABLED", "ENTRADA_CLIENT_SECRET"] {
            assert_eq!(commands(name), ["azd provision --no-state"], "{name}");
        }
    }

    #[test]
    fn a_list_is_json_and_one_word_of_the_shell() {
        let origins = "https://o'hara.example,https://b.example";
        let fix = setting_fix("", "ENTRADA_CORS_ORIGINS", origins);
        assert_eq!(
            fix.copy,
            [
                "ENTRADA_CORS_ORIGINS=https://o'hara.example,https://b.example",
                r#"azd env set ENTRADA_CORS_ORIGINS '["https://o'\''hara.example","https://b.example"]' && azd provision"#,
            ]
        );
    }
}
