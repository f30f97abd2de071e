//! The documents by which clients find their way.

use serde_json::Value;

use super::Visitor;
use super::visit::member;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;
use crate::identity::Door;

const RESOURCE: &str = "/.well-known/oauth-protected-resource";
const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

const WHY: &str = "Clients read it to find out where to sign in, and stop where it is wrong.";

/// Looks at them; gives whether the server goes by the name that we used.
pub(super) async fn examine(report: &mut Report, visitor: &Visitor<'_>) -> bool {
    let base = visitor.base.as_str();
    let server = document(visitor, SERVER).await;
    let issuer = server
        .as_ref()
        .ok()
        .and_then(|document| member(document, "issuer").as_str())
        .unwrap_or_default()
        .to_owned();
    if !issuer.is_empty() && issuer != base {
        report.found(another_name(base, &issuer));
        report.skipped("what the metadata says besides: it follows from the base URL");
        return false;
    }
    let mut findings = Vec::new();
    match server {
        Ok(document) => findings.extend(server_faults(&document, base)),
        Err(reason) => findings.push(fault("server-metadata", SERVER, &reason)),
    }
    match document(visitor, OPENID).await {
        Ok(document) if *member(&document, "issuer") == base => {}
        Ok(_) => findings.push(fault("server-metadata", OPENID, "its issuer is another")),
        Err(reason) => findings.push(fault("server-metadata", OPENID, &reason)),
    }
    for path in ["", Door::Mcp.path(), Door::Webhook.path()] {
        let url = format!("{RESOURCE}{path}");
        match document(visitor, &url).await {
            Ok(document) => findings.extend(resource_fault(&document, base, path, &url)),
            Err(reason) => findings.push(fault("resource-metadata", &url, &reason)),
        }
    }
    match document(visitor, "/.well-known/jwks.json").await {
        Ok(keys)
            if member(&keys, "keys")
                .as_array()
                .is_some_and(|keys| !keys.is_empty()) => {}
        Ok(_) => findings.push(no_keys("there are none")),
        Err(reason) => findings.push(no_keys(&reason)),
    }
    report.found_or_good(
        findings,
        "the metadata is whole, under the name that was asked",
    );
    true
}

async fn document(visitor: &Visitor<'_>, path: &str) -> Result<Value, String> {
    let answer = visitor.get(path, &[]).await?;
    if !answer.status.is_success() {
        return Err(format!("status {}", answer.status.as_u16()));
    }
    match answer.json() {
        Value::Object(members) => Ok(Value::Object(members)),
        _ => Err("it is no JSON object".to_owned()),
    }
}

fn fault(id: &'static str, path: &str, reason: &str) -> Finding {
    Finding::fault(
        id,
        format!("{path}: {reason}"),
        WHY,
        Fix::new(
            "Entrada serves it to everybody. Have whatever stands in front of it pass \
             /.well-known/* on unchanged, and the package own every route (function `web`):",
        )
        .line(format!("curl -i https://SITE.azurewebsites.net{path}"))
        .line("\"route\": \"{*path}\"    // web/function.json in the package"),
    )
}

fn no_keys(reason: &str) -> Finding {
    Finding::fault(
        "published-keys",
        format!("/.well-known/jwks.json: {reason}"),
        "The server has no key ring: it can sign nobody in.",
        Fix::new("Make the key ring; it never replaces one:").line(
            "ENTRADA_KEY_VAULT_URL=https://VAULT.vault.azure.net/ entrada keys init --wait 15m",
        ),
    )
}

/// Issuer and audiences compare byte for byte (RFC 8414 section 3.3, RFC 9728
/// section 3.3), so a server has one name.
fn another_name(base: &str, issuer: &str) -> Finding {
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    Finding::fault(
        "base-url",
        format!("the server calls itself {issuer}, and was asked at {base}"),
        "Clients compare the two byte by byte and refuse to go on; tokens are for the other name.",
        Fix::new(format!(
            "Give people {issuer}/mcp; or, if {host} is your own domain, make it the base URL \
             (it must be bound to the site first):"
        ))
        .line(format!(
            "azd env set ENTRADA_CUSTOM_DOMAIN {host} && azd provision"
        ))
        .line(format!("ENTRADA_BASE_URL={base}")),
    )
}

fn server_faults(document: &Value, base: &str) -> Option<Finding> {
    let endpoints = [
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "jwks_uri",
    ];
    let elsewhere = endpoints.iter().find(|name| {
        !member(document, name)
            .as_str()
            .is_some_and(|url| url.starts_with(&format!("{base}/")))
    });
    if let Some(name) = elsewhere {
        return Some(fault(
            "server-metadata",
            SERVER,
            &format!("its `{name}` is not under {base}"),
        ));
    }
    let methods = member(document, "code_challenge_methods_supported").as_array();
    let has_s256 = methods.is_some_and(|methods| methods.iter().any(|method| method == "S256"));
    (!has_s256).then(|| {
        fault(
            "server-metadata",
            SERVER,
            "it does not offer PKCE by S256, without which MCP clients go no further",
        )
    })
}

fn resource_fault(document: &Value, base: &str, path: &str, url: &str) -> Option<Finding> {
    if *member(document, "resource") != format!("{base}{path}") {
        return Some(fault(
            "resource-metadata",
            url,
            &format!("its `resource` is not {base}{path}"),
        ));
    }
    let servers = member(document, "authorization_servers").as_array();
    let names_us = servers.is_some_and(|servers| servers.iter().any(|server| server == base));
    (!names_us).then(|| {
        fault(
            "resource-metadata",
            url,
            &format!("it does not name {base} as authorization server"),
        )
    })
}
