//! What pages of other origins may do, and what protects our own.

use http::{Method, StatusCode};

use super::{Answer, Visitor};
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

/// An origin that nobody has allowed (RFC 2606 reserves the name).
const STRANGER: (&str, &str) = ("origin", "https://doctor.example");

pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>) {
    let mut findings = Vec::new();
    match visitor
        .get("/.well-known/oauth-authorization-server", &[STRANGER])
        .await
    {
        Ok(answer) => findings.extend(open(&answer)),
        Err(reason) => report.skipped(format!("CORS of the metadata: {reason}")),
    }
    match preflight(visitor, "/token").await {
        Ok(answer) => findings.extend(token_preflight(&answer)),
        Err(reason) => report.skipped(format!("CORS of /token: {reason}")),
    }
    match visitor.get("/mcp", &[STRANGER]).await {
        Ok(answer) => findings.extend(closed(&answer)),
        Err(reason) => report.skipped(format!("CORS of /mcp: {reason}")),
    }
    report.found_or_good(
        findings,
        "CORS: metadata and /token are open to every page, /mcp to none that is not allowed",
    );
    match visitor.get("/", &[("accept", "text/html")]).await {
        Ok(answer) => page(report, &answer),
        Err(reason) => report.skipped(format!("headers of pages: {reason}")),
    }
}

async fn preflight(visitor: &Visitor<'_>, path: &str) -> Result<Answer, String> {
    let headers = [
        STRANGER,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    visitor.ask(Method::OPTIONS, path, &headers, None).await
}

fn platform(what: String) -> Finding {
    Finding::fault(
        "cors",
        what,
        "Browsers take exactly one answer to who may read; clients in a browser stop here.",
        Fix::new(
            "Leave the platform's own CORS empty (Entrada answers browsers itself), and have \
             whatever stands in front add none:",
        )
        .line("az functionapp cors show --name SITE --resource-group GROUP")
        .line("az functionapp cors remove --name SITE --resource-group GROUP --allowed-origins ORIGIN"),
    )
}

fn open(answer: &Answer) -> Option<Finding> {
    let allowed = answer.header("access-control-allow-origin");
    let credentials = answer.header("access-control-allow-credentials");
    (allowed != "*" || !credentials.is_empty()).then(|| {
        platform(format!(
            "the metadata came with Access-Control-Allow-Origin `{allowed}`{} in place of `*`",
            if credentials.is_empty() {
                ""
            } else {
                " and credentials"
            }
        ))
    })
}

fn token_preflight(answer: &Answer) -> Option<Finding> {
    let allowed = answer.header("access-control-allow-origin");
    (allowed != "*" || !answer.status.is_success()).then(|| {
        platform(format!(
            "a browser may not call /token from another page (status {}, Access-Control-Allow-Origin `{allowed}`)",
            answer.status.as_u16()
        ))
    })
}

fn closed(answer: &Answer) -> Option<Finding> {
    let allowed = answer.header("access-control-allow-origin");
    if answer.status == StatusCode::FORBIDDEN && allowed.is_empty() {
        return None;
    }
    Some(Finding::fault(
        "foreign-origin",
        format!(
            "/mcp answers a page of a foreign origin with {} in place of 403{}",
            answer.status.as_u16(),
            if allowed.is_empty() {
                String::new()
            } else {
                format!(" and lets `{allowed}` read")
            }
        ),
        "A page that somebody happens to visit could use tools in that person's name (DNS \
         rebinding).",
        Fix::new(
            "Have whatever stands in front pass Origin on and add no CORS headers; allow front \
             ends one by one:",
        )
        .line("ENTRADA_CORS_ORIGINS=https://app.contoso.com")
        .line(
            "az functionapp cors remove --name SITE --resource-group GROUP --allowed-origins '*'",
        ),
    ))
}

fn page(report: &mut Report, answer: &Answer) {
    let policy = answer.header("content-security-policy");
    if policy.contains("frame-ancestors 'none'") {
        report.good("pages carry their content security policy");
        return;
    }
    report.found(Finding::fault(
        "content-security-policy",
        "pages come without their content security policy",
        "The consent page could be framed by another site and clicked in a person's place.",
        Fix::new("Have whatever stands in front pass Content-Security-Policy on as it is.")
            .line("curl -sI -H 'accept: text/html' https://SITE.azurewebsites.net/"),
    ));
}
