//! The names of settings: Entrada's own, and those of the systems that it
//! replaces.

/// A setting's name and the names that older systems gave it, in order of
/// precedence.
pub(super) const ALIASES: &[(&str, &[&str])] = &[
    (
        "ENTRADA_TENANT_ID",
        &["AZURE_TENANT_ID", "MREG_AZURE_TENANT_ID"],
    ),
    (
        "ENTRADA_CLIENT_ID",
        &["AZURE_CLIENT_ID", "MREG_AZURE_CLIENT_ID"],
    ),
    (
        "ENTRADA_CLIENT_SECRET",
        &["AZURE_CLIENT_SECRET", "MREG_AZURE_CLIENT_SECRET"],
    ),
    (
        "ENTRADA_AUTHORITY",
        &["MREG_AZURE_AUTHORITY", "AZURE_AUTHORITY"],
    ),
    (
        "ENTRADA_BASE_URL",
        &["MCP_BASE_URL", "MREG_SERVER_BASE_URL"],
    ),
    (
        "ENTRADA_CALLBACK_URL",
        &["AZURE_REDIRECT_URI", "MREG_FASTMCP_OAUTH_CALLBACK_URL"],
    ),
    ("ENTRADA_FOUNDRY_ENDPOINT", &["AZURE_FOUNDRY_ENDPOINT"]),
    ("ENTRADA_CORS_ORIGINS", &["CORS_ORIGINS"]),
    (
        "ENTRADA_REQUESTS_PER_MINUTE",
        &[
            "MREG_FASTMCP_REQUESTS_PER_MINUTE",
            "RATE_LIMIT_REQUESTS_PER_MINUTE",
        ],
    ),
];

/// Variables of older systems that switch access control or audit off when
/// they hold `false`. They stop the start: running open because of a
/// forgotten variable is the one thing that must not happen.
pub(super) const FORBIDDEN_SWITCHES: &[(&str, &str)] = &[
    (
        "MREG_FASTMCP_AUTH_ENABLED",
        "every request is authenticated",
    ),
    ("MREG_FASTMCP_AUDIT_ENABLED", "audit is always on"),
    ("MREG_FASTMCP_ENABLE_AUDIT_LOGGING", "audit is always on"),
    (
        "MREG_FASTMCP_ENABLE_TOOL_ACCESS_CONTROL",
        "access control is always on",
    ),
    ("AUTH_ENABLED", "every request is authenticated"),
    ("RBAC_ENABLED", "access control is always on"),
];

/// Whether a variable of this name is one that must not be there.
#[must_use]
pub fn turns_protection_off(name: &str) -> bool {
    FORBIDDEN_SWITCHES.iter().any(|(switch, _)| *switch == name)
}

/// Variables of older systems that mean nothing any more, and why.
pub(super) const MEANINGLESS: &[(&[&str], &str)] = &[
    (
        &[
            "REDIS_URL",
            "REDIS_HOST",
            "REDIS_PORT",
            "REDIS_PASSWORD",
            "REDIS_SSL",
            "MREG_REDIS_URL",
            "SUPABASE_URL",
            "SUPABASE_SERVICE_KEY",
        ],
        "state lives in Table Storage (`ENTRADA_STORAGE`)",
    ),
    (
        &["MCP_SERVER_HOST"],
        "`ENTRADA_ADDRESS` says where to listen",
    ),
    (&["MCP_SERVER_PORT"], "`ENTRADA_PORT` says where to listen"),
    (
        &["AZURE_FOUNDRY_API_KEY"],
        "agents are called as the signed-in person, never with a key",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../docs/settings.md");
    const HEADING: &str = "## Names of older systems";

    fn quoted(names: &[&str]) -> String {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }

    /// Every row of the tables, and no other.
    #[test]
    fn the_document_names_the_same_variables() {
        let (_, section) = DOCUMENT.split_once(HEADING).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<_> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let aliases = ALIASES
            .iter()
            .map(|(own, older)| format!("| `{own}` | {} |", quoted(older)));
        let switches = FORBIDDEN_SWITCHES
            .iter()
            .map(|(name, truth)| format!("| `{name}` | {truth} |"));
        let meaningless = MEANINGLESS
            .iter()
            .map(|(names, why)| format!("| {} | {why} |", quoted(names)));
        let expected: Vec<_> = aliases.chain(switches).chain(meaningless).collect();
        assert_eq!(rows, expected);
    }
}
