//! What the server says of its own health.

use serde_json::Value;

use super::Visitor;
use super::visit::member;
use crate::doctor::setting::setting_fix;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;
use crate::terminal::printable;

pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>) {
    let answer = match visitor.get("/api/health", &[]).await {
        Ok(answer) => answer,
        Err(reason) => {
            report.skipped(format!("health: {reason}"));
            return;
        }
    };
    let health = answer.json();
    let services = member(&health, "services")
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut findings: Vec<Finding> = services
        .iter()
        .filter(|(_, status)| matches!(status.as_str(), Some("unavailable" | "degraded")))
        .map(|(service, status)| service_away(service, status))
        .collect();
    if findings.is_empty() {
        let missing = member(&health, "missing").as_array();
        findings.extend(missing.into_iter().flatten().map(piece_missing));
    }
    report.found_or_good(findings, "every service that it needs answers");
    cached(
        report,
        &answer.header("cache-control"),
        &answer.header("age"),
    );
    addresses(report, &health);
    if *member(&health, "limits") == "off" {
        report.found(Finding::warning(
            "limits-off",
            "nothing limits how often somebody may call",
            "One client in a loop takes the server from everybody, and guesses at tokens cost \
             nothing.",
            setting_fix(
                "Set a figure; docs/limits.md says what follows from it:",
                "ENTRADA_REQUESTS_PER_MINUTE",
                "100",
            ),
        ));
    }
}

/// Something that the server says it lacks while every service answers, such
/// as a credential that Entra takes.
fn piece_missing(piece: &Value) -> Finding {
    let text = |name| printable(member(piece, name).as_str().unwrap_or("?"));
    if *member(piece, "code") == "AGENTS_UNAVAILABLE" {
        return Finding::fault(
            "server-agents",
            format!("the server says: {}", text("detail")),
            "Nobody is offered them; who asks for one gets 409 AGENT_UNAVAILABLE.",
            Fix::new("Its log names them. Turn them on in Foundry, or take them out of agents.json:")
                .line("az rest --resource https://ai.azure.com --url 'ENDPOINT/agents?api-version=v1' --query 'data[].{name: name, state: state}'"),
        );
    }
    Finding::fault(
        "server-missing",
        format!("the server says: {} ({})", text("detail"), text("code")),
        "Whatever needs it answers 503 until it is there.",
        Fix::new("Right after a deployment give it ten minutes; then look at the registration and the settings:")
            .line("entrada doctor --url URL --entra"),
    )
}

fn service_away(service: &str, status: &Value) -> Finding {
    let status = status.as_str().unwrap_or_default();
    let (id, fix) = match service {
        "storage" => (
            "server-storage",
            Fix::new("Look at the identity's role on the account and at the network rules:")
                .line("az role assignment list --assignee IDENTITY-PRINCIPAL-ID --all --output table"),
        ),
        "azure_ad" => (
            "server-entra",
            Fix::new("Look at the settings of tenant and authority, and at the site's way out:").line(
                "az functionapp config appsettings list --name SITE --resource-group GROUP --query \"[?starts_with(name, 'ENTRADA_')].name\"",
            ),
        ),
        "key_vault" => (
            "server-key-vault",
            Fix::new("Make the key ring, and look at the identity's role on the vault:")
                .line("ENTRADA_KEY_VAULT_URL=https://VAULT.vault.azure.net/ entrada keys init --wait 15m"),
        ),
        "azure_foundry" => (
            "server-foundry",
            Fix::new("Look at ENTRADA_FOUNDRY_ENDPOINT and at the project, and whether the managed identity may list its agents:")
                .line("az cognitiveservices account show --name ACCOUNT --resource-group GROUP --query properties.provisioningState"),
        ),
        _ => (
            "server-keys",
            Fix::new("Make the key ring, and give a fresh deployment ten minutes:")
                .line("ENTRADA_KEY_VAULT_URL=https://VAULT.vault.azure.net/ entrada keys init --wait 15m"),
        ),
    };
    let what = format!("the server says that `{service}` is {status}");
    let why = "Whatever needs it answers 503. Its log says more.";
    if status == "degraded" {
        Finding::warning(id, what, why, fix)
    } else {
        Finding::fault(id, what, why, fix)
    }
}

/// Health must come from the server each time.
fn cached(report: &mut Report, control: &str, age: &str) {
    if control.contains("no-store") && age.is_empty() {
        report.good("answers come from the server, not from a cache");
        return;
    }
    report.found(Finding::fault(
        "headers",
        format!(
            "something in front changes headers: /api/health came with cache-control `{control}` \
             and age `{age}`"
        ),
        "An answer for one person could be given to another, and challenges and cookies get lost.",
        Fix::new(
            "Have whatever stands in front (Front Door, API Management, a proxy) pass headers on \
             as they are and cache nothing:",
        )
        .line("az afd route update --resource-group GROUP --profile-name PROFILE --endpoint-name ENDPOINT --route-name ROUTE --enable-caching false"),
    ));
}

/// Whether the caller's address reaches the server.
fn addresses(report: &mut Report, health: &Value) {
    match member(health, "client_addresses").as_str() {
        Some("missing") => report.found(Finding::fault(
            "caller-address",
            "the header that names the caller's address does not reach the server",
            "Everybody shares one limit for sign-in and refused tokens, so one person can lock the \
             others out.",
            setting_fix(
                "Name the header that the platform sets (App Service and Functions: client-ip; \
                 Front Door, if nobody else can reach the site: x-azure-clientip):",
                "ENTRADA_CLIENT_IP_HEADER",
                "client-ip",
            ),
        )),
        Some(_) => report.good("callers' addresses are known"),
        None => report.skipped("callers' addresses: the server does not say"),
    }
}
