//! Whether Entrada answers there at all.

use serde_json::json;

use super::visit::member;
use super::{Answer, Visitor};
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>) -> bool {
    let base = visitor.base.as_str();
    match visitor.get("/", &[("accept", "application/json")]).await {
        Ok(answer) if *member(&answer.json(), "name") == "entrada" => {
            let body = answer.json();
            let version = member(&body, "version").as_str().unwrap_or("?");
            report.good(format!("Entrada {version} answers at {base}"));
            true
        }
        Ok(answer) => {
            report.found(other(base, &answer));
            false
        }
        Err(reason) => {
            report.found(Finding::fault(
                "unreachable",
                format!("{base} cannot be reached: {reason}"),
                "Nobody reaches it from here.",
                Fix::new("Look at the name, the certificate and whether the site runs:")
                    .line(format!("curl -i {base}/"))
                    .line("az functionapp show --name SITE --resource-group GROUP --query '{state: properties.state, names: properties.hostNames}'"),
            ));
            false
        }
    }
}

/// Somebody else answers: the Functions host itself, a login page, a proxy.
fn other(base: &str, answer: &Answer) -> Finding {
    let status = answer.status.as_u16();
    let location = answer.header("location");
    if location.contains("/.auth/login") || location.contains("login.windows.net") {
        return platform_authentication();
    }
    let (what, fix) = match status {
        502..=504 => (
            format!("the Functions host answers {status}: the program does not run"),
            Fix::new("Read why it ended:").line(
                "az monitor app-insights query --app COMPONENT --resource-group GROUP --analytics-query \"traces | where timestamp > ago(1h) | order by timestamp desc | take 50\"",
            ),
        ),
        _ => (
            format!("something else than Entrada answers at {base} (status {status})"),
            Fix::new(
                "Deploy the package (the host's own page means that there are no functions in it), \
                 and see that host.json has an empty routePrefix:",
            )
            .line("azd deploy")
            .line("\"extensions\": { \"http\": { \"routePrefix\": \"\" } }"),
        ),
    };
    Finding::fault(
        "not-entrada",
        what,
        "No client gets further than this.",
        fix,
    )
}

pub(super) fn platform_authentication() -> Finding {
    Finding::fault(
        "platform-authentication",
        "App Service authentication is on: it answers in place of Entrada",
        "It owns our routes, knows no MCP client, and breaks streamable HTTP on Flex Consumption.",
        // `az webapp auth update` knows version 1 alone, and the portal makes
        // version 2 (Azure/azure-cli#17837, #30322).
        Fix::new(
            "Turn it off; Entrada checks every token itself (its identity providers go with it):",
        )
        .line(format!(
            "az rest --method put --url \"https://management.azure.com$(az functionapp show --name SITE --resource-group GROUP --query id -o tsv)/config/authsettingsV2?api-version=2024-11-01\" --body '{}'",
            json!({"properties": {"platform": {"enabled": false}}})
        )),
    )
}
