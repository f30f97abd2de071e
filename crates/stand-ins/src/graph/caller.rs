use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Graph;
use super::problem::Problem;
use crate::directory::{GRAPH_RESOURCE_ID, Persona, application, persona_by_id};
use crate::entra::verify::{TokenFault, VerifiedToken};

/// The permission that the own profile takes (Microsoft Learn, "Get a user").
const PERMISSION: &str = "User.Read";

impl Graph {
    /// The person whose token the request carries: issued by this Entra for
    /// Graph, delegated, with the permission, and not from before the
    /// person's sessions were revoked.
    pub(super) fn authenticate(&self, headers: &HeaderMap) -> Result<&'static Persona, Problem> {
        self.authenticate_for(headers, &[PERMISSION])
    }

    /// The same with any of these permissions.
    pub(super) fn authenticate_for(
        &self,
        headers: &HeaderMap,
        permissions: &[&str],
    ) -> Result<&'static Persona, Problem> {
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty())
            .ok_or_else(|| self.invalid("Access token is empty."))?;
        let resource = application(GRAPH_RESOURCE_ID)
            .ok_or_else(|| self.invalid("Access token validation failure."))?;
        let verified = self
            .entra
            .verify_access_token(token, resource)
            .map_err(|fault| self.invalid(message(&fault)))?;
        if verified.app_only {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "BadRequest",
                "/me request is only valid with delegated authentication flow.",
            ));
        }
        if !has_permission(&verified, permissions) {
            return Err(Problem::denied());
        }
        let persona = persona_by_id(verified.object_id, verified.tenant).ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "Request_ResourceNotFound",
                format!("Resource '{}' does not exist.", verified.object_id),
            )
        })?;
        self.check_events(persona, &verified)?;
        Ok(persona)
    }

    fn invalid(&self, message: &str) -> Problem {
        Problem::invalid_token(&self.entra.public_url, message)
    }

    /// Continuous access evaluation: what happened to the account since the
    /// token was issued.
    fn check_events(&self, persona: &Persona, token: &VerifiedToken) -> Result<(), Problem> {
        let account = self.entra.people.account(persona);
        let issued = token.claims.get("iat").and_then(Value::as_i64);
        let revoked = account
            .valid_from
            .filter(|from| issued.is_none_or(|issued| issued <= from.time));
        let since = match revoked {
            Some(from) => from.time,
            None if account.disabled => self.clock.unix(),
            None => return Ok(()),
        };
        let claims =
            json!({"access_token": {"nbf": {"essential": true, "value": since.to_string()}}});
        let claims = STANDARD.encode(claims.to_string());
        Err(Problem::claims_challenge(&self.entra.public_url, &claims))
    }
}

fn has_permission(token: &VerifiedToken, permissions: &[&str]) -> bool {
    let scopes = token.claims.get("scp").and_then(Value::as_str);
    scopes
        .unwrap_or_default()
        .split(' ')
        .any(|scope| permissions.contains(&scope))
}

fn message(fault: &TokenFault) -> &'static str {
    match fault {
        TokenFault::Malformed => "CompactToken parsing failed with error code: 80049217",
        TokenFault::UnknownKey | TokenFault::Signature => "Signature is invalid.",
        TokenFault::Expired(_) => "Lifetime validation failed, the token is expired.",
        TokenFault::NotYetValid => "Lifetime validation failed, the token is not yet valid.",
        TokenFault::Issuer => "Access token validation failure. Invalid issuer.",
        TokenFault::NotAnAccessToken => "Access token validation failure.",
        TokenFault::Audience(_) => "Access token validation failure. Invalid audience.",
    }
}
