use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;
use moka::sync::Cache;
use uuid::Uuid;

use super::claims::Claims;
use super::compact::TOKEN_LIMIT;
use super::verifier::{Verified, Verifier};
use super::{AccessToken, AccessTokenError, Fingerprint, SubjectKind};
use crate::keys::{Keys, KeysStatus, NoKey, SigningKey};
use crate::{Discovery, EntraSettings, FetchError};

/// Verified tokens that are kept.
const CACHED_TOKENS: u64 = 10_000;
/// Longest that a verified token is kept, whatever its `exp`. Entra's access
/// tokens live 60 to 90 minutes.
const CACHED_FOR: Duration = Duration::from_hours(24);

/// Decides whether a bearer token is an Entra access token for our app.
///
/// Entra's keys are fetched when the first token comes and hourly in the
/// background of use; for a key that is not in hand Entra is asked at most
/// once in 30 s. While Entra cannot be reached keys serve for 24 hours after
/// the last good answer that held them. A key that is missing from a good
/// answer is dropped at once, with the verdicts on the tokens that it signed.
#[derive(Debug)]
pub struct AccessTokenValidator {
    verifier: Verifier,
    accepted: Cache<Fingerprint, Accepted>,
}

/// A token that was accepted, and the key that its acceptance rests on.
#[derive(Debug, Clone)]
struct Accepted {
    token: Arc<AccessToken>,
    key: Arc<SigningKey>,
}

impl AccessTokenValidator {
    /// Nothing is fetched before it is needed.
    #[must_use]
    pub fn new(
        settings: Arc<EntraSettings>,
        discovery: Arc<Discovery>,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            verifier: Verifier {
                settings,
                keys: Keys::new(Arc::clone(&discovery), http, Arc::clone(&clock)),
                discovery,
                clock,
            },
            accepted: Cache::builder()
                .max_capacity(CACHED_TOKENS)
                .time_to_live(CACHED_FOR)
                .build(),
        }
    }

    /// Our app registration, and what is accepted from it.
    #[must_use]
    pub fn settings(&self) -> &EntraSettings {
        &self.verifier.settings
    }

    /// The verdict on a token that was accepted before and still holds: not
    /// expired, and its key still Entra's. Costs one look-up; never waits.
    /// `None` means only that [`Self::validate`] must decide.
    #[must_use]
    pub fn cached(&self, token: &Fingerprint) -> Option<Arc<AccessToken>> {
        self.verifier.keys.touch();
        self.look_up(token)
    }

    fn look_up(&self, fingerprint: &Fingerprint) -> Option<Arc<AccessToken>> {
        let Accepted { token, key } = self.accepted.get(fingerprint)?;
        let now = self.verifier.clock.unix();
        if now < token.expires_at && key.trusted_at(now) {
            Some(token)
        } else {
            self.accepted.invalidate(fingerprint);
            None
        }
    }

    /// Decides on `token`. Accepted ones are kept until they expire; verdicts
    /// against a token are not kept.
    ///
    /// # Errors
    /// The first check that failed; see [`AccessTokenError`].
    pub async fn validate(&self, token: &str) -> Result<Arc<AccessToken>, AccessTokenError> {
        if token.len() > TOKEN_LIMIT {
            return Err(AccessTokenError::Malformed);
        }
        let fingerprint = Fingerprint::of(token);
        if let Some(accepted) = self.look_up(&fingerprint) {
            return Ok(accepted);
        }
        let (access, key) = self.verify(token).await?;
        check_client(&self.verifier.settings, access.client_id)?;
        let token = Arc::new(access);
        let accepted = Accepted {
            token: Arc::clone(&token),
            key,
        };
        self.accepted.insert(fingerprint, accepted);
        Ok(token)
    }

    /// Has Entra's signing keys at hand, fetching them if there are none, and
    /// says how many there are.
    ///
    /// # Errors
    /// When there are none and they cannot be fetched.
    pub async fn load_keys(&self) -> Result<usize, FetchError> {
        match self.verifier.keys.known("").await {
            Err(NoKey::Unavailable(error)) => Err(error),
            Ok(_) | Err(NoKey::Unknown) => Ok(self.keys_status().keys),
        }
    }

    /// How fresh Entra's signing keys are.
    #[must_use]
    pub fn keys_status(&self) -> KeysStatus {
        self.verifier.keys.status()
    }

    /// Every check but that of the client, for tokens that we got ourselves.
    pub(crate) async fn verify_own(&self, token: &str) -> Result<AccessToken, AccessTokenError> {
        let (access, _) = self.verify(token).await?;
        Ok(access)
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    async fn verify(
        &self,
        token: &str,
    ) -> Result<(AccessToken, Arc<SigningKey>), AccessTokenError> {
        let verified = self.verifier.verify(token).await?;
        let key = Arc::clone(&verified.key);
        let access = access_token(&self.verifier.settings, verified)?;
        Ok((access, key))
    }
}

/// Checks what makes a token of Entra an *access* token that opens our doors.
fn access_token(
    settings: &EntraSettings,
    verified: Verified,
) -> Result<AccessToken, AccessTokenError> {
    let email = verified.claims.shown_email();
    let Verified {
        claims,
        origin,
        issued_at,
        expires_at,
        key,
    } = verified;
    let (subject_kind, scopes) = check_kind(settings, &claims)?;
    Ok(AccessToken {
        tenant_id: origin.tenant,
        object_id: claims.oid.ok_or(AccessTokenError::MissingClaim("oid"))?,
        subject_kind,
        client_id: claims.client(origin.version),
        roles: claims.roles.unwrap_or_default(),
        scopes,
        name: claims.name,
        email,
        version: origin.version,
        issued_at,
        expires_at,
        key_id: key.id().to_owned(),
    })
}

/// Whether `claims` are those of an access token, whom it speaks for, and
/// that a person's has the scope and an application's a role. Gives the
/// scopes too.
pub(super) fn check_kind(
    settings: &EntraSettings,
    claims: &Claims,
) -> Result<(SubjectKind, Vec<String>), AccessTokenError> {
    let scopes = claims.scp.as_deref().map(split_scopes);
    let application = claims.idtyp.as_deref() == Some("app");
    // An id token has the same issuer, audience, key and roles as an access
    // token. Only these two claims tell them apart.
    let subject_kind = match (&scopes, application) {
        (Some(_), false) => SubjectKind::User,
        (None, true) => SubjectKind::Application,
        (Some(_), true) | (None, false) => return Err(AccessTokenError::NotAnAccessToken),
    };
    let scopes = scopes.unwrap_or_default();
    match subject_kind {
        SubjectKind::User if !scopes.contains(&settings.required_scope) => {
            Err(AccessTokenError::MissingScope {
                required: settings.required_scope.clone(),
            })
        }
        SubjectKind::Application if !settings.accept_app_tokens => {
            Err(AccessTokenError::ApplicationTokensRefused)
        }
        SubjectKind::Application if claims.roles.as_ref().is_none_or(Vec::is_empty) => {
            Err(AccessTokenError::MissingRoles)
        }
        SubjectKind::User | SubjectKind::Application => Ok((subject_kind, scopes)),
    }
}

/// Whether the client that got a token is on the list, where there is one.
pub(super) fn check_client(
    settings: &EntraSettings,
    client: Option<Uuid>,
) -> Result<(), AccessTokenError> {
    let Some(allowed) = &settings.allowed_clients else {
        return Ok(());
    };
    match client {
        Some(client) if allowed.contains(&client) => Ok(()),
        _ => Err(AccessTokenError::ClientNotAllowed),
    }
}

fn split_scopes(scopes: &str) -> Vec<String> {
    scopes.split_ascii_whitespace().map(str::to_owned).collect()
}
