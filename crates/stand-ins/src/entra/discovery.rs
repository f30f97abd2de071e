use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::Entra;
use super::authority::Authority;
use super::claims::v1_issuer;
use super::error::EntraError;
use super::exchange::{Exchange, answer_error};

/// `GET /{tenant}/v2.0/.well-known/openid-configuration` (Microsoft Learn,
/// "`OpenID` Connect on the Microsoft identity platform").
///
/// The endpoints follow the scheme and host that the client used; the issuer
/// is the same for everyone. `userinfo_endpoint` is Microsoft Graph's and not
/// offered.
pub(crate) async fn openid_configuration(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    exchange: Exchange,
) -> impl IntoResponse {
    answer_error(&exchange, document(&entra, &tenant, &exchange))
}

/// `GET /{tenant}/.well-known/openid-configuration`: the document of version 1,
/// with the issuer of version 1 tokens. The endpoints are those of v2.0, since
/// no others are served here.
pub(crate) async fn openid_configuration_v1(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    exchange: Exchange,
) -> impl IntoResponse {
    let answer = document(&entra, &tenant, &exchange).and_then(|mut document| {
        let authority = Authority::parse(&tenant)?;
        if let Some(members) = document.as_object_mut() {
            let issuer = v1_issuer(authority.issuer_segment());
            members.insert("issuer".to_owned(), json!(issuer));
            let keys = format!("{}/{tenant}/discovery/keys", exchange.origin);
            members.insert("jwks_uri".to_owned(), json!(keys));
        }
        Ok(document)
    });
    answer_error(&exchange, answer)
}

fn document(entra: &Entra, tenant: &str, exchange: &Exchange) -> Result<Value, EntraError> {
    let authority = Authority::parse(tenant)?;
    let base = format!("{}/{tenant}", exchange.origin);
    Ok(json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": entra.issuer(authority.issuer_segment()),
        "request_uri_parameter_supported": false,
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": false,
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "nonce",
            "preferred_username", "name", "tid", "ver", "email",
        ],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
    }))
}

/// `GET /{tenant}/discovery/v2.0/keys`: the JWKS, each key with the issuer that
/// it signs for.
pub(crate) async fn keys(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    exchange: Exchange,
) -> impl IntoResponse {
    let answer = Authority::parse(&tenant).map(|authority| {
        entra
            .keys
            .document(&entra.issuer(authority.issuer_segment()))
    });
    answer_error(&exchange, answer)
}

/// Query of instance discovery.
#[derive(Debug, Deserialize)]
pub(crate) struct InstanceQuery {
    authorization_endpoint: Option<Url>,
}

/// `GET /common/discovery/instance`: which hosts are one cloud. Here the host
/// that was asked is a cloud of its own.
pub(crate) async fn instance(
    Query(query): Query<InstanceQuery>,
    exchange: Exchange,
) -> impl IntoResponse {
    let tenant = query
        .authorization_endpoint
        .as_ref()
        .and_then(|endpoint| endpoint.path_segments()?.next().map(str::to_owned))
        .unwrap_or_else(|| "common".to_owned());
    let host = &exchange.host;
    let discovery = format!(
        "{}/{tenant}/v2.0/.well-known/openid-configuration",
        exchange.origin
    );
    (
        [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")],
        Json(json!({
            "tenant_discovery_endpoint": discovery,
            "api-version": "1.1",
            "metadata": [
                {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
            ],
        })),
    )
}
