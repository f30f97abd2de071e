//! Metadata of the authorization server: RFC 8414, the same as an `OpenID`
//! provider's configuration, and its signing keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};

use super::OAuthError;
use super::scope::{MCP, OFFLINE_ACCESS};
use crate::config::BaseUrl;
use crate::error::chain;
use crate::identity::KeyRings;

/// The documents, made once, and the keys as they are.
#[derive(Debug)]
pub struct Metadata {
    authorization_server: String,
    openid: String,
    rings: Arc<KeyRings>,
}

impl Metadata {
    /// The documents of the server at `base`, which is its issuer byte for
    /// byte. `daemons`: whether applications get tokens in their own name.
    #[must_use]
    pub fn new(base: &BaseUrl, daemons: bool, rings: Arc<KeyRings>) -> Self {
        let document = document(base, daemons);
        let mut openid = document.clone();
        // Required of an OpenID provider (OpenID Connect Discovery 1.0
        // section 3); clients that fall back to this document parse them.
        if let Value::Object(members) = &mut openid {
            members.insert("subject_types_supported".to_owned(), json!(["public"]));
            members.insert(
                "id_token_signing_alg_values_supported".to_owned(),
                json!(["ES256"]),
            );
        }
        Self {
            authorization_server: document.to_string(),
            openid: openid.to_string(),
            rings,
        }
    }
}

fn document(base: &BaseUrl, daemons: bool) -> Value {
    let mut grant_types = vec!["authorization_code", "refresh_token"];
    if daemons {
        grant_types.push("client_credentials");
    }
    let methods = [
        "none",
        "client_secret_post",
        "client_secret_basic",
        "private_key_jwt",
    ];
    let algorithms = ["ES256", "PS256", "RS256"];
    json!({
        "issuer": base.as_str(),
        "authorization_endpoint": base.join("/authorize"),
        "token_endpoint": base.join("/token"),
        "registration_endpoint": base.join("/register"),
        "revocation_endpoint": base.join("/revoke"),
        "jwks_uri": base.join("/.well-known/jwks.json"),
        "scopes_supported": [MCP, OFFLINE_ACCESS],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grant_types,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "protected_resources": [
            base.join("/mcp"),
            base.join("/runtime/webhooks/mcp"),
        ],
    })
}

const MAX_AGE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A metadata document, which may be kept for five minutes.
pub(super) fn answer(document: &str) -> Response {
    (
        [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CACHE_CONTROL, MAX_AGE),
        ],
        document.to_owned(),
    )
        .into_response()
}

/// `/.well-known/oauth-authorization-server` (RFC 8414 section 3).
pub async fn authorization_server(State(metadata): State<Arc<Metadata>>) -> Response {
    answer(&metadata.authorization_server)
}

/// `/.well-known/openid-configuration`: where clients look that know `OpenID`
/// Connect Discovery alone.
pub async fn openid_configuration(State(metadata): State<Arc<Metadata>>) -> Response {
    answer(&metadata.openid)
}

/// `/.well-known/jwks.json`: next, current and retired signing keys.
///
/// # Errors
/// 503 while no key ring can be loaded.
pub async fn signing_keys(State(metadata): State<Arc<Metadata>>) -> Result<Response, OAuthError> {
    let ring = metadata.rings.current_soon().await.map_err(|error| {
        OAuthError::unavailable(chain(&error)).because(error.0.code(), error.0.detail())
    })?;
    let keys = Json(json!({"keys": ring.public_keys()}));
    Ok(([(CACHE_CONTROL, MAX_AGE)], keys).into_response())
}
