//! The doors of MCP clients, without a token.

use http::{Method, StatusCode};
use serde_json::json;

use super::root::platform_authentication;
use super::{Answer, Visitor};
use crate::doctor::setting::on_azure;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;
use crate::identity::Door;

const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");

async fn initialize(visitor: &Visitor<'_>, path: &str) -> Result<Answer, String> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "entrada-doctor", "version": env!("CARGO_PKG_VERSION")},
    }});
    visitor
        .ask(Method::POST, path, &[ACCEPT], Some(&message))
        .await
}

/// `/mcp` tells a client without a token where to sign in (RFC 9728 section
/// 5.1).
pub(super) async fn challenge(report: &mut Report, visitor: &Visitor<'_>, right_name: bool) {
    let answer = match initialize(visitor, Door::Mcp.path()).await {
        Ok(answer) => answer,
        Err(reason) => {
            report.skipped(format!("/mcp: {reason}"));
            return;
        }
    };
    let header = answer.header("www-authenticate");
    let location = answer.header("location");
    if location.contains("/.auth/login")
        || !answer.header("x-ms-middleware-request-id").is_empty()
            && !header.contains("resource_metadata")
    {
        report.found(platform_authentication());
        return;
    }
    let metadata = format!(
        "resource_metadata=\"{}\"",
        visitor
            .base
            .join("/.well-known/oauth-protected-resource/mcp")
    );
    let named =
        header.contains(&metadata) || (!right_name && header.contains("resource_metadata="));
    if answer.status == StatusCode::UNAUTHORIZED && named {
        report.good("/mcp sends a client without a token to sign in");
        return;
    }
    report.found(Finding::fault(
        "challenge",
        format!(
            "/mcp answers a client without a token with {} and {}",
            answer.status.as_u16(),
            if header.is_empty() {
                "no WWW-Authenticate".to_owned()
            } else {
                "a WWW-Authenticate that names no metadata of this server".to_owned()
            }
        ),
        "Clients that are told to sign in there begin to; others show an error and stop.",
        Fix::new(
            "Have whatever stands in front pass 401 and WWW-Authenticate on. In API Management no \
             policy may answer 401 in its place:",
        )
        .line(format!(
            "curl -i -X POST {} -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}}'",
            visitor.base.join("/mcp")
        )),
    ));
}

/// `/runtime/webhooks/mcp`: on Functions the MCP extension's, which must not
/// ask for a system key, since our bearer token decides; elsewhere our own.
pub(super) async fn extension(report: &mut Report, visitor: &Visitor<'_>) {
    let path = Door::Webhook.path();
    let answer = match initialize(visitor, path).await {
        Ok(answer) => answer,
        Err(reason) => {
            report.skipped(format!("{path}: {reason}"));
            return;
        }
    };
    let ours = answer
        .header("www-authenticate")
        .contains("resource_metadata=");
    match answer.status {
        StatusCode::OK => report.good(format!(
            "{path} is the MCP extension's, and asks for no key"
        )),
        StatusCode::UNAUTHORIZED if ours => {
            report.good(format!("{path} is served by Entrada itself"));
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => report.found(Finding::fault(
            "extension-door",
            format!("{path} asks for a system key of the Functions host"),
            "Agent platforms bring an Entra token and no key: they are refused before Entrada sees \
             them.",
            on_azure(
                Fix::new("host.json of the package, or a setting; the token decides who comes in:")
                    .line("\"extensions\": { \"mcp\": { \"system\": { \"webhookAuthorizationLevel\": \"Anonymous\" } } }"),
                "AzureFunctionsJobHost__extensions__mcp__system__webhookAuthorizationLevel",
                "Anonymous",
            ),
        )),
        status => report.found(Finding::fault(
            "extension-door-missing",
            format!("{path} answers {}", status.as_u16()),
            "Agent platforms that bring an Entra token have no way in.",
            Fix::new(
                "The extension is there when the package has tool triggers and the bundle has it: \
                 deploy what `cargo xtask package` makes (dist.zip), not the repository.",
            )
            .line("cargo xtask package && azd deploy"),
        )),
    }
}
