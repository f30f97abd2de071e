use serde_json::{Map, Value};
use uuid::Uuid;

use super::Entra;
use super::claims::v1_issuer;
use super::keys::SignatureFault;
use crate::directory::Application;

/// An access token that this Entra issued and that is good now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VerifiedToken {
    pub(crate) tenant: Uuid,
    pub(crate) object_id: Uuid,
    /// An application's token, about no person.
    pub(crate) app_only: bool,
    pub(crate) claims: Map<String, Value>,
}

/// Why a token is not a good access token for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenFault {
    Malformed,
    UnknownKey,
    Signature,
    /// Epoch seconds at which it expired.
    Expired(i64),
    NotYetValid,
    Issuer,
    /// An id token, or anything else with neither `scp` nor `idtyp=app`.
    NotAnAccessToken,
    /// The audience that it has.
    Audience(String),
}

impl Entra {
    /// Checks a token as a resource would: signature, times, issuer, kind,
    /// audience. No leeway: issuer and verifier share a clock.
    pub(crate) fn verify_access_token(
        &self,
        token: &str,
        resource: &Application,
    ) -> Result<VerifiedToken, TokenFault> {
        let claims = self.keys.verify(token).map_err(|fault| match fault {
            SignatureFault::Malformed => TokenFault::Malformed,
            SignatureFault::UnknownKey => TokenFault::UnknownKey,
            SignatureFault::Mismatch => TokenFault::Signature,
        })?;
        let now = self.clock.unix();
        let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
        let expires = seconds("exp").ok_or(TokenFault::Malformed)?;
        if expires <= now {
            return Err(TokenFault::Expired(expires));
        }
        if seconds("nbf").is_some_and(|from| from > now) {
            return Err(TokenFault::NotYetValid);
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let id = |name: &str| text(name).and_then(|id| Uuid::try_parse(id).ok());
        let tenant = id("tid").ok_or(TokenFault::Malformed)?;
        let issuer = text("iss").unwrap_or_default();
        if issuer != self.issuer(tenant) && issuer != v1_issuer(tenant) {
            return Err(TokenFault::Issuer);
        }
        let app_only = text("idtyp") == Some("app");
        if !app_only && text("scp").is_none() {
            return Err(TokenFault::NotAnAccessToken);
        }
        let audience = text("aud").unwrap_or_default();
        let audience_fits = Uuid::try_parse(audience) == Ok(resource.client_id)
            || resource.identifier_uri == Some(audience.trim_end_matches('/'));
        if !audience_fits {
            return Err(TokenFault::Audience(audience.to_owned()));
        }
        Ok(VerifiedToken {
            tenant,
            object_id: id("oid").ok_or(TokenFault::Malformed)?,
            app_only,
            claims,
        })
    }
}
