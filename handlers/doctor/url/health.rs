//! What the server says of its own health.

use serde_json::Value;

use super::visit::member;
use super::{Answer, Visitor, missing};
use crate::doctor::setting::setting_fix;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>) {
    // A server knows whether addresses come once somebody was at a door that
    // looks at them. What is answered there is looked at elsewhere.
    let _ = visitor.get("/auth/info", &[]).await;
    let answer = match visitor.get("/api/health", &[]).await {
        Ok(answer) => answer,
        Err(reason) => {
            report.skipped(format!("health: {reason}"));
            return;
        }
    };
    let health = answer.json();
    let Some(services) = member(&health, "services").as_object() else {
        report.found(no_report(visitor, &answer));
        return;
    };
    report.found_or_good(
        missing::findings(services, &health),
        "every service that it needs answers",
    );
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

/// Somebody else answers there, such as a gateway.
fn no_report(visitor: &Visitor<'_>, answer: &Answer) -> Finding {
    Finding::fault(
        "health",
        format!(
            "/api/health is answered by something else than Entrada (status {})",
            answer.status.as_u16()
        ),
        "What the server lacks cannot be seen, and whatever watches it is told the wrong thing.",
        Fix::new("Have whatever stands in front pass /api/health on as it is:")
            .line(format!("curl -i {}", visitor.base.join("/api/health"))),
    )
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
        Some("known") => report.good("callers' addresses are known"),
        Some("unseen") => report.skipped(
            "callers' addresses: the instance that answered has had no request that it limits by \
             address",
        ),
        _ => report.skipped("callers' addresses: the server does not say"),
    }
}
