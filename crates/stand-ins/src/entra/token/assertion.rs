use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::super::Entra;
use super::super::error::{EntraError, OAuthError};
use super::super::federation::Federation;
use super::super::keys::verify_with;
use super::super::refusal;
use crate::directory::{Application, TOKEN_EXCHANGE_ID, TOKEN_EXCHANGE_RESOURCE};

const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How far ahead an assertion's `nbf` may lie. Inferred: Microsoft documents
/// that clocks may differ by five minutes for other tokens.
const SKEW: Duration = Duration::minutes(5);

fn refused(code: u32, message: impl Into<String>) -> EntraError {
    EntraError::new(code, OAuthError::InvalidClient, message)
}

/// Only JWTs serve as client assertions (RFC 7523 section 2.2).
pub(super) fn check_kind(kind: &str) -> Result<(), EntraError> {
    if kind == KIND {
        Ok(())
    } else {
        Err(refusal::invalid_request(
            "The 'client_assertion_type' is not supported.",
        ))
    }
}

/// Checks a client assertion: one that names a certificate by thumbprint is
/// the client's own (Microsoft Learn, "Application authentication certificate
/// credentials"), any other must be a managed identity's token that the
/// application trusts (Microsoft Learn, "Configure an application to trust a
/// managed identity").
pub(super) fn check(
    entra: &Entra,
    client: &Application,
    assertion: &str,
    endpoint: &str,
) -> Result<(), EntraError> {
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| {
        EntraError::new(
            50027,
            OAuthError::InvalidRequest,
            "JWT token is invalid or malformed.",
        )
    })?;
    match header.x5t_s256.or(header.x5t) {
        // Entra's own tokens carry `x5t` too, equal to their `kid`.
        Some(thumbprint) if header.kid.as_ref() != Some(&thumbprint) => {
            own(entra, client, assertion, &thumbprint, endpoint)
        }
        _ => federated(entra, client, assertion),
    }
}

fn own(
    entra: &Entra,
    client: &Application,
    assertion: &str,
    thumbprint: &str,
    endpoint: &str,
) -> Result<(), EntraError> {
    let bad_signature = |reason: &str| {
        refused(
            700_027,
            format!(
                "The certificate with identifier used to sign the client assertion is not \
                 registered on application. [Reason - {reason}, Thumbprint of key used by client: \
                 '{thumbprint}']"
            ),
        )
    };
    let key = entra
        .certificates
        .key(client.client_id, thumbprint)
        .ok_or_else(|| bad_signature("The key was not found."))?;
    let claims = verify_with(assertion, &key, &[Algorithm::PS256, Algorithm::RS256])
        .map_err(|_| bad_signature("The signature does not match."))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let client_id = client.client_id.to_string();
    if text("iss") != Some(&client_id) || text("sub") != Some(&client_id) {
        return Err(refused(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    if text("aud") != Some(endpoint) {
        return Err(refused(
            700_023,
            "Client assertion audience claim does not match Realm issuer.",
        ));
    }
    check_times(entra, &claims)
}

fn federated(entra: &Entra, client: &Application, assertion: &str) -> Result<(), EntraError> {
    let no_match = |code: u32, what: &str, value: &str| {
        refused(
            code,
            format!(
                "No matching federated identity record found for presented assertion {what} \
                 '{value}'. Please check your federated identity credential Subject, Audience and \
                 Issuer against the presented assertion."
            ),
        )
    };
    let claims = entra
        .keys
        .verify(assertion)
        .map_err(|_| refused(700_027, "Client assertion failed signature validation."))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let federation = entra.federation();
    if client.federated_subject.is_none() || federation == Federation::Absent {
        return Err(refused(
            70_025,
            format!(
                "The client '{}'({}) has no configured federated identity credentials.",
                client.client_id, client.name
            ),
        ));
    }
    if federation == Federation::Propagating {
        return Err(no_match(70_021, "subject", text("sub")));
    }
    if text("iss") != entra.issuer(client.tenant) {
        return Err(no_match(700_211, "issuer", text("iss")));
    }
    let audience = text("aud");
    if audience != TOKEN_EXCHANGE_RESOURCE && Uuid::try_parse(audience) != Ok(TOKEN_EXCHANGE_ID) {
        return Err(no_match(700_212, "audience", audience));
    }
    if text("idtyp") != "app" {
        return Err(refused(
            700_229,
            "Only app-only tokens can be used as Federated Identity Credentials for AAD issuer.",
        ));
    }
    let subject = Uuid::try_parse(text("sub")).ok();
    let trusted = client
        .federated_subject
        .filter(|_| federation != Federation::OtherSubject);
    if subject.is_none() || subject != trusted {
        return Err(no_match(700_213, "subject", text("sub")));
    }
    check_times(entra, &claims)
}

fn check_times(entra: &Entra, claims: &Map<String, Value>) -> Result<(), EntraError> {
    let now = entra.clock.now();
    // A NumericDate may have a fraction (RFC 7519 section 2), and MSAL for
    // Python sends one.
    let moment = |name: &str| {
        let seconds = claims.get(name).and_then(Value::as_f64)?;
        OffsetDateTime::UNIX_EPOCH.checked_add(Duration::checked_seconds_f64(seconds)?)
    };
    let expired = moment("exp").is_none_or(|expires| expires <= now);
    let early = moment("nbf").is_some_and(|from| from > now + SKEW);
    if expired || early {
        return Err(refused(
            700_024,
            "Client assertion is not within its valid time range.",
        ));
    }
    Ok(())
}
