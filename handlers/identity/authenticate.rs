//! The one place where a bearer token becomes a principal.

use std::sync::Arc;
use std::time::Duration;

use entrada_entra::{AccessTokenError, AccessTokenValidator, Fingerprint, SubjectKind};
use http::{HeaderMap, StatusCode, header};
use secrecy::SecretString;
use uuid::Uuid;

use super::{
    Challenge, Door, NoKeyRing, OwnToken, OwnTokenError, OwnTokens, Principal, Profiles,
    RevocationCheck, Revocations, Sighting,
};
use crate::audit::{Audit, AuditError, Entry};
use crate::config::BaseUrl;
use crate::error::{ApiError, chain};
use crate::policy::Policy;

/// Why a request is not let in.
#[derive(Debug)]
pub enum Refusal {
    /// There is no token.
    Missing,
    /// There is something in `Authorization`, but not one bearer token.
    NotOneBearer,
    /// One of our tokens, but not a good one.
    Own(OwnTokenError),
    /// A token of Entra's, but not a good one.
    Entra(AccessTokenError),
    /// One of our tokens, issued for another door.
    Audience(Door),
    /// One of our tokens, without the scope that the door needs.
    Scope(Door),
    /// The caller was cut off.
    Revoked,
    /// Something that the decision needs is away.
    Unavailable {
        /// What is missing, `UPPER_SNAKE`.
        code: &'static str,
        /// What the caller is told.
        what: &'static str,
        /// What the log is told.
        log: String,
    },
}

impl Refusal {
    /// Which check failed, in words for `error_description`.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::Missing => "no access token was sent".to_owned(),
            Self::NotOneBearer => {
                "the Authorization header must be `Bearer` and one access token".to_owned()
            }
            Self::Own(error) => error.to_string(),
            Self::Entra(error) => error.description(),
            Self::Audience(door) => format!(
                "audience: the token was issued for another resource than {}",
                door.path()
            ),
            Self::Scope(door) => format!("the token does not have the scope {}", door.scope()),
            Self::Revoked => "the sign-in was ended or revoked; sign in again".to_owned(),
            Self::Unavailable { what, .. } => (*what).to_owned(),
        }
    }

    /// Whether the token was good until it ended: by its time or by us.
    pub(super) fn was_good_once(&self) -> bool {
        matches!(
            self,
            Self::Own(OwnTokenError::Expired)
                | Self::Entra(AccessTokenError::Expired)
                | Self::Revoked
        )
    }

    /// Whether it is known who was refused: then the log has it already.
    pub(super) fn names_the_caller(&self) -> bool {
        matches!(self, Self::Audience(_) | Self::Scope(_) | Self::Revoked)
    }

    /// The refusal as a code, `UPPER_SNAKE`: for [`Refusal::Unavailable`] what
    /// is missing.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "TOKEN_MISSING",
            Self::Scope(_) => "INSUFFICIENT_SCOPE",
            Self::Revoked => "TOKEN_REVOKED",
            Self::Unavailable { code, .. } => code,
            Self::NotOneBearer | Self::Own(_) | Self::Entra(_) | Self::Audience(_) => {
                "TOKEN_INVALID"
            }
        }
    }
}

/// Turns bearer tokens into principals.
#[derive(Debug)]
pub struct Authenticator {
    base: BaseUrl,
    own: Arc<OwnTokens>,
    entra: Arc<AccessTokenValidator>,
    revocations: Arc<Revocations>,
    policy: Arc<Policy>,
    profiles: Arc<Profiles>,
    audit: Arc<Audit>,
}

impl Authenticator {
    /// An authenticator for the server at `base`.
    #[must_use]
    pub fn new(
        base: BaseUrl,
        own: Arc<OwnTokens>,
        entra: Arc<AccessTokenValidator>,
        revocations: Arc<Revocations>,
        policy: Arc<Policy>,
        profiles: Arc<Profiles>,
        audit: Arc<Audit>,
    ) -> Self {
        Self {
            base,
            own,
            entra,
            revocations,
            policy,
            profiles,
            audit,
        }
    }

    /// The roles of a token that count for its tenant.
    #[must_use]
    pub fn effective_roles(&self, tenant_id: Uuid, roles: &[String]) -> Vec<String> {
        self.policy.effective_roles(tenant_id, roles)
    }

    /// The caller at `door`, by the `Authorization` header.
    ///
    /// # Errors
    /// With the check that failed.
    pub async fn authenticate(
        &self,
        door: Door,
        headers: &HeaderMap,
    ) -> Result<Principal, Refusal> {
        self.authenticate_token(door, bearer(headers)?).await
    }

    /// The caller at `door`, by a bearer token.
    ///
    /// # Errors
    /// With the check that failed.
    pub async fn authenticate_token(&self, door: Door, token: &str) -> Result<Principal, Refusal> {
        let principal = self.identify(door, token).await?;
        match self.revocations.check_soon(&principal).await {
            RevocationCheck::Clear => Ok(principal),
            RevocationCheck::Revoked => {
                Err(self.refuse_known(door, &principal, Refusal::Revoked).await)
            }
            RevocationCheck::Unknown => Err(Refusal::Unavailable {
                code: "STORAGE_UNAVAILABLE",
                what: "storage does not answer, or refuses this server: the revocation list is \
                       not up to date, so nobody can be let in right now",
                log: "the revocation list was never loaded, or is older than a minute".to_owned(),
            }),
        }
    }

    /// Somebody known is refused, and that is entered; when it cannot be, the
    /// refusal is that.
    async fn refuse_known(&self, door: Door, principal: &Principal, refusal: Refusal) -> Refusal {
        let reason = match refusal {
            Refusal::Revoked => "revoked",
            Refusal::Audience(_) => "audience",
            Refusal::Scope(_) => "scope",
            _ => "token",
        };
        match self.enter_refusal(door, principal, reason).await {
            Ok(()) => refusal,
            Err(error) => Refusal::Unavailable {
                code: "AUDIT_UNAVAILABLE",
                what: "the audit log takes no entries right now, and nobody is answered without \
                       it",
                log: chain(&error),
            },
        }
    }

    /// Enters that somebody known was refused at `door`, and why, in a word
    /// of this program's.
    ///
    /// # Errors
    /// [`AuditError::Full`] when the log has no place.
    pub async fn enter_refusal(
        &self,
        door: Door,
        principal: &Principal,
        reason: &'static str,
    ) -> Result<(), AuditError> {
        let entry = Entry::of(principal, door.path()).refused(reason);
        self.audit.refuse(entry).await
    }

    /// Counts that somebody who is not known was refused.
    pub(super) fn count_refusal(&self, method: &'static str, reason: &'static str) {
        self.audit.count(method, reason);
    }

    async fn identify(&self, door: Door, token: &str) -> Result<Principal, Refusal> {
        let fingerprint = Fingerprint::of(token);
        if let Some(known) = self.own.remembered(&fingerprint) {
            return self.through(door, known).await;
        }
        if let Some(known) = self.entra.cached(&fingerprint) {
            return Ok(self.entra_principal(known, token));
        }
        if self.own.claims_to_be_ours(token) {
            let verified = self.own.verify_or_look_again(token).await;
            let verified = verified.map_err(own_refusal)?;
            return self.through(door, verified).await;
        }
        let verified = self.entra.validate(token).await.map_err(entra_refusal)?;
        if verified.subject_kind == SubjectKind::User {
            self.profiles.note(Sighting {
                tenant_id: verified.tenant_id,
                object_id: verified.object_id,
                name: verified.name.clone(),
                email: verified.email.clone(),
            });
        }
        Ok(self.entra_principal(verified, token))
    }

    async fn through(&self, door: Door, token: Arc<OwnToken>) -> Result<Principal, Refusal> {
        let checked = check_door(&token, door);
        let principal = Principal::from_own(token, &self.policy);
        match checked {
            Ok(()) => Ok(principal),
            Err(refusal) => Err(self.refuse_known(door, &principal, refusal).await),
        }
    }

    fn entra_principal(
        &self,
        token: Arc<entrada_entra::AccessToken>,
        assertion: &str,
    ) -> Principal {
        Principal::from_entra(token, SecretString::from(assertion), &self.policy)
    }

    /// A challenge of `door` with the scope and, for MCP clients, the metadata
    /// of the resource (RFC 9728 section 5.1). Clients ask for this scope at
    /// whichever server that metadata names: the door of agent platforms
    /// names Entra too, which knows our scope by a name of its own, and our
    /// own server takes that name.
    #[must_use]
    pub fn directions(&self, door: Door, challenge: Challenge) -> Challenge {
        let challenge = match door {
            Door::Api | Door::Mcp => challenge.with("scope", door.scope()),
            Door::Webhook => challenge.with("scope", &self.entra.settings().api_scope()),
        };
        if door == Door::Api {
            return challenge;
        }
        let metadata = door.metadata();
        challenge.with("resource_metadata", &self.base.join(&metadata))
    }

    /// The answer to a refused request at `door`: 401 with a challenge, or
    /// 503 when the decision could not be made.
    #[must_use]
    pub fn refuse(&self, door: Door, refusal: &Refusal) -> ApiError {
        let description = refusal.description();
        if let Refusal::Unavailable { log, .. } = refusal {
            return ApiError::unavailable(refusal.code(), description, Duration::from_secs(5))
                .with_log(log);
        }
        if !refusal.names_the_caller() {
            self.count_refusal(door.path(), refusal.code());
        }
        // RFC 6750 section 3.1: a missing scope is the one thing that is 403,
        // and there is no error when no token was sent.
        let (status, error) = match refusal {
            Refusal::Scope(_) => (StatusCode::FORBIDDEN, Some("insufficient_scope")),
            Refusal::Missing => (StatusCode::UNAUTHORIZED, None),
            _ => (StatusCode::UNAUTHORIZED, Some("invalid_token")),
        };
        let mut challenge = Challenge::new();
        if let Some(error) = error {
            challenge = challenge
                .with("error", error)
                .with("error_description", &description);
        }
        let challenge = self.directions(door, challenge);
        let next = match door {
            Door::Api => "Sign in at /auth/login; /auth/info says how.",
            Door::Mcp | Door::Webhook => "Sign in as the resource metadata says.",
        };
        ApiError::new(
            status,
            refusal.code(),
            format!("Not let in: {}. {next}", description.trim_end_matches('.')),
        )
        .with_header(header::WWW_AUTHENTICATE, challenge.header())
    }
}

/// Whether a verified token of ours opens `door`.
///
/// # Errors
/// When it was issued for another door, or without the scope of this one.
pub fn check_door(token: &OwnToken, door: Door) -> Result<(), Refusal> {
    if !token.audience.opens(door) {
        return Err(Refusal::Audience(door));
    }
    if token.scopes.iter().all(|scope| scope != door.scope()) {
        return Err(Refusal::Scope(door));
    }
    Ok(())
}

fn own_refusal(error: OwnTokenError) -> Refusal {
    match error {
        OwnTokenError::KeysUnavailable(NoKeyRing(missing)) => Refusal::Unavailable {
            code: missing.code(),
            what: missing.detail(),
            log: chain(&error),
        },
        other => Refusal::Own(other),
    }
}

fn entra_refusal(error: AccessTokenError) -> Refusal {
    if error.is_unavailable() {
        return Refusal::Unavailable {
            code: "ENTRA_UNAVAILABLE",
            what: "Microsoft Entra's signing keys cannot be loaded right now",
            log: chain(&error),
        };
    }
    Refusal::Entra(error)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::NotOneBearer);
    }
    let text = value.to_str().map_err(|_| Refusal::NotOneBearer)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::NotOneBearer)?;
    let token = token.trim();
    let sound = scheme.eq_ignore_ascii_case("bearer")
        && !token.is_empty()
        && !token
            .bytes()
            .any(|byte| matches!(byte, b' ' | b',' | b'\t'));
    sound.then_some(token).ok_or(Refusal::NotOneBearer)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn exactly_one_bearer_token_is_taken() {
        assert_eq!(bearer(&headers(&["Bearer abc"])).unwrap(), "abc");
        assert_eq!(bearer(&headers(&["bearer abc"])).unwrap(), "abc");
        assert!(matches!(bearer(&headers(&[])), Err(Refusal::Missing)));
        for wrong in [
            "Basic abc",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a,Bearer b",
        ] {
            assert!(
                matches!(bearer(&headers(&[wrong])), Err(Refusal::NotOneBearer)),
                "{wrong}"
            );
        }
        assert!(matches!(
            bearer(&headers(&["Bearer a", "Bearer b"])),
            Err(Refusal::NotOneBearer)
        ));
    }
}
