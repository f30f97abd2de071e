use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::Foundry;
use super::problem::Problem;
use crate::directory::{CONTOSO, FOUNDRY_RESOURCE, FOUNDRY_RESOURCE_ID};
use crate::entra::claims::v1_issuer;

/// What a claims challenge asks for: an authentication context, which
/// multifactor authentication meets.
const CHALLENGE: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

/// Only for application callers with a role of their own; a user's token
/// already says who it is.
const USER_IDENTITY: &str = "x-ms-user-identity";

/// Whom the access token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) object_id: String,
    /// Whether it is an application in its own name.
    pub(super) is_application: bool,
    pub(super) tenant: String,
    pub(super) name: String,
    pub(super) user_principal_name: String,
}

impl Foundry {
    /// Whose token the request carries: for this service's audience, from the
    /// project's tenant; a user's, delegated, or an application's own.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let token = bearer(headers)?;
        let claims = self
            .entra
            .keys
            .verify(token)
            .map_err(|_| Problem::unauthorized("The access token's signature is not valid."))?;
        self.check_standing(&claims)?;
        let is_application = text(&claims, "idtyp") == "app";
        let caller = Caller {
            object_id: text(&claims, "oid").to_owned(),
            is_application,
            tenant: text(&claims, "tid").to_owned(),
            name: text(&claims, "name").to_owned(),
            user_principal_name: ["upn", "preferred_username"]
                .map(|name| text(&claims, name))
                .into_iter()
                .find(|name| !name.is_empty())
                .unwrap_or_default()
                .to_owned(),
        };
        let delegated = text(&claims, "scp")
            .split(' ')
            .any(|scope| scope == "user_impersonation");
        if is_application == delegated || caller.object_id.is_empty() {
            return Err(Problem::forbidden(
                &caller.object_id,
                "Microsoft.CognitiveServices/accounts/AIServices/agents/read",
            ));
        }
        if headers.contains_key(USER_IDENTITY) {
            return Err(Problem::forbidden(
                &caller.object_id,
                "Microsoft.CognitiveServices/accounts/AIServices/agents/endpoints/UserIdentityImpersonation/action",
            ));
        }
        self.check_challenge(&claims, &caller)?;
        Ok(caller)
    }

    fn check_standing(&self, claims: &Map<String, Value>) -> Result<(), Problem> {
        let now = self.clock.unix();
        let number = |name: &str| claims.get(name).and_then(Value::as_i64);
        if number("exp").is_none_or(|expiry| expiry <= now) {
            return Err(Problem::unauthorized("The access token has expired."));
        }
        if number("nbf").is_some_and(|start| start > now) {
            return Err(Problem::unauthorized("The access token is not valid yet."));
        }
        let audience = text(claims, "aud").trim_end_matches('/');
        if audience != FOUNDRY_RESOURCE.trim_end_matches('/')
            && audience != FOUNDRY_RESOURCE_ID.to_string()
        {
            return Err(Problem::unauthorized(
                "audience is incorrect (https://ai.azure.com)",
            ));
        }
        let tenant = CONTOSO.to_string();
        let issuer = text(claims, "iss");
        if text(claims, "tid") != tenant
            || (issuer != v1_issuer(CONTOSO) && issuer != self.entra.issuer(CONTOSO))
        {
            return Err(Problem::unauthorized(
                "Tenant provided in token does not match resource tenant.",
            ));
        }
        Ok(())
    }

    /// Asks for claims when the control surface says so and the sign-in
    /// behind the token was not by multifactor authentication.
    fn check_challenge(&self, claims: &Map<String, Value>, caller: &Caller) -> Result<(), Problem> {
        let strong = claims
            .get("amr")
            .and_then(Value::as_array)
            .is_some_and(|methods| methods.iter().any(|method| method == "mfa"));
        if strong || !self.settings().challenges(&caller.object_id) {
            return Ok(());
        }
        let claims = STANDARD.encode(CHALLENGE);
        Err(Problem::claims_challenge(&self.entra.public_url, &claims))
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Problem::unauthorized("The request has no bearer token."))
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}
