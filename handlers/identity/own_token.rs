//! Entrada's own access tokens: ES256 JWTs by RFC 9068.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{Clock, Random};
use entrada_entra::{Fingerprint, SubjectKind};
use moka::sync::Cache;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::{Audience, KeyRingError, KeyRings, NoKeyRing, UserPartition};
use crate::config::BaseUrl;

/// Why one of our own tokens is refused.
#[derive(Debug, Error)]
pub enum OwnTokenError {
    /// Not a JWT of ours in form.
    #[error("the token is malformed")]
    Malformed,
    /// Signed by a key that this deployment does not have.
    #[error("the token was signed by a key that is not in use any more; sign in again")]
    UnknownKey,
    /// The signature is not that of its content.
    #[error("the token's signature is not valid")]
    Signature,
    /// Its time is over.
    #[error("the token has expired; refresh it or sign in again")]
    Expired,
    /// There is no key ring.
    #[error(transparent)]
    KeysUnavailable(#[from] NoKeyRing),
}

/// What a token is issued with.
#[derive(Debug, Clone)]
pub struct TokenTerms {
    /// The user's tenant.
    pub tenant_id: Uuid,
    /// The user's object id.
    pub object_id: Uuid,
    /// For display.
    pub name: Option<String>,
    /// For display only: e-mail addresses are not identities in Entra.
    pub email: Option<String>,
    /// App roles of the Entra token that the grant holds.
    pub roles: Vec<String>,
    /// The client that the token is issued to.
    pub client_id: String,
    /// The grant that it belongs to.
    pub grant_id: Uuid,
    /// The doors that it opens.
    pub audience: Audience,
    /// Space-separated scopes.
    pub scope: String,
    /// A person, or an application in its own name.
    pub kind: SubjectKind,
    /// When the person signed in, whenever this very token is issued, epoch
    /// seconds.
    pub signed_in_at: i64,
    /// Epoch seconds.
    pub expires_at: i64,
}

/// A verified token of ours.
#[derive(Debug)]
pub struct OwnToken {
    pub(super) tenant_id: Uuid,
    pub(super) object_id: Uuid,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) client_id: String,
    pub(super) grant_id: Uuid,
    pub(super) audience: Audience,
    pub(super) kind: SubjectKind,
    pub(super) issued_at: i64,
    pub(super) signed_in_at: i64,
    pub(super) expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    /// RFC 9068 section 2.2.1. Tokens of versions before it have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    jti: String,
    client_id: String,
    scope: String,
    tid: Uuid,
    oid: Uuid,
    gid: Uuid,
    roles: Vec<String>,
    /// `app` for an application in its own name, as in Entra's tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idtyp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// What `idtyp` says of an application's token.
const APPLICATION: &str = "app";

/// RFC 9068 section 2.1.
const TYPE: &str = "at+jwt";

/// Verified tokens that are remembered; beyond it the least used are
/// verified again.
const REMEMBERED: u64 = 10_000;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// A token that is remembered, and the key that signed it.
#[derive(Debug, Clone)]
struct Verified {
    token: Arc<OwnToken>,
    kid: Arc<str>,
}

/// Issues and verifies our tokens.
#[derive(Debug)]
pub struct OwnTokens {
    base: BaseUrl,
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    verified: Cache<Fingerprint, Verified>,
}

impl OwnTokens {
    /// Issues for, and accepts from, the issuer `base`.
    #[must_use]
    pub fn new(
        base: BaseUrl,
        rings: Arc<KeyRings>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            base,
            rings,
            clock,
            random,
            verified: Cache::new(REMEMBERED),
        }
    }

    /// The issuer of our tokens: the base URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.base.as_str()
    }

    /// A signed token on these terms.
    ///
    /// # Errors
    /// When the key ring cannot sign.
    pub fn issue(&self, terms: TokenTerms) -> Result<SecretString, KeyRingError> {
        let claims = Claims {
            iss: self.base.as_str().to_owned(),
            sub: terms.object_id.to_string(),
            aud: terms.audience.values(&self.base),
            exp: terms.expires_at,
            iat: self.clock.unix(),
            auth_time: Some(terms.signed_in_at),
            jti: self.random.uuid_v4().simple().to_string(),
            client_id: terms.client_id,
            scope: terms.scope,
            tid: terms.tenant_id,
            oid: terms.object_id,
            gid: terms.grant_id,
            roles: terms.roles,
            idtyp: (terms.kind == SubjectKind::Application).then(|| APPLICATION.to_owned()),
            name: terms.name,
            email: terms.email,
        };
        let payload = encode(&claims)?;
        let ring = self
            .rings
            .current()
            .map_err(|_| KeyRingError::NoCurrent("sig"))?;
        let (message, signature) = ring.sign(|kid| {
            let header = Header {
                alg: "ES256".to_owned(),
                typ: TYPE.to_owned(),
                kid: kid.to_owned(),
            };
            let header = encode(&header).unwrap_or_default();
            format!("{header}.{payload}").into_bytes()
        })?;
        let message = String::from_utf8(message).map_err(|_| KeyRingError::Cryptography)?;
        Ok(SecretString::from(format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(signature)
        )))
    }

    /// Whether a token says of itself that it is ours. Nothing else in it is
    /// trusted before [`OwnTokens::verify`].
    #[must_use]
    pub fn claims_to_be_ours(&self, unverified_token: &str) -> bool {
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        unverified_token
            .split('.')
            .nth(1)
            .and_then(decode::<Issuer>)
            .is_some_and(|claims| claims.iss == self.base.as_str())
    }

    /// A token that was verified before, by a key that is still in the ring,
    /// and has not expired: no cryptography.
    #[must_use]
    pub fn remembered(&self, token: &Fingerprint) -> Option<Arc<OwnToken>> {
        let Verified { token, kid } = self.verified.get(token)?;
        let good = token.expires_at > self.clock.unix()
            && self.rings.current().ok()?.has_signing_key(&kid);
        good.then_some(token)
    }

    /// Verifies as [`Self::verify`] does. A ring that is still being loaded is
    /// waited for; for a key that is not in the ring it is looked for again:
    /// another instance may know a newer one.
    ///
    /// # Errors
    /// With the check that failed.
    pub async fn verify_or_look_again(&self, token: &str) -> Result<Arc<OwnToken>, OwnTokenError> {
        match self.verify(token) {
            Err(OwnTokenError::UnknownKey) => self.rings.look_again(self.clock.as_ref()).await,
            Err(OwnTokenError::KeysUnavailable(_)) => drop(self.rings.current_soon().await),
            verified => return verified,
        }
        self.verify(token)
    }

    /// Verifies signature, type, issuer and expiry.
    ///
    /// # Errors
    /// With the check that failed.
    pub fn verify(&self, token: &str) -> Result<Arc<OwnToken>, OwnTokenError> {
        let mut by = Arc::default();
        let verified = self.verify_by(token, |kid, message, signature| {
            by = Arc::from(kid);
            Ok(self.rings.current()?.verify(kid, message, signature))
        })?;
        let verified = Verified {
            token: Arc::new(verified),
            kid: by,
        };
        self.verified
            .insert(Fingerprint::of(token), verified.clone());
        Ok(verified.token)
    }

    /// The same checks by another source of keys: `verifies` is given key
    /// id, message and signature, and answers `None` for a key that it does
    /// not have.
    ///
    /// # Errors
    /// With the check that failed.
    pub fn verify_by(
        &self,
        token: &str,
        verifies: impl FnOnce(&str, &[u8], &[u8]) -> Result<Option<bool>, NoKeyRing>,
    ) -> Result<OwnToken, OwnTokenError> {
        if token.len() > LONGEST {
            return Err(OwnTokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(OwnTokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(OwnTokenError::Malformed)?;
        let header: Header = decode(header).ok_or(OwnTokenError::Malformed)?;
        if header.alg != "ES256" || header.typ != TYPE {
            return Err(OwnTokenError::Malformed);
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| OwnTokenError::Malformed)?;
        match verifies(&header.kid, message.as_bytes(), &signature)? {
            None => return Err(OwnTokenError::UnknownKey),
            Some(false) => return Err(OwnTokenError::Signature),
            Some(true) => {}
        }
        let claims: Claims = decode(payload).ok_or(OwnTokenError::Malformed)?;
        if claims.iss != self.base.as_str() {
            return Err(OwnTokenError::Malformed);
        }
        if claims.exp <= self.clock.unix() {
            return Err(OwnTokenError::Expired);
        }
        Ok(self.accept(claims))
    }

    /// What a token that says that it is ours says besides. Nothing of it is
    /// verified: good for explaining alone.
    #[must_use]
    pub fn unverified(&self, token: &str) -> Option<OwnToken> {
        let claims: Claims = decode(token.split('.').nth(1)?)?;
        Some(self.accept(claims))
    }

    fn accept(&self, claims: Claims) -> OwnToken {
        OwnToken {
            tenant_id: claims.tid,
            object_id: claims.oid,
            name: claims.name,
            email: claims.email,
            roles: claims.roles,
            scopes: claims.scope.split(' ').map(str::to_owned).collect(),
            client_id: claims.client_id,
            grant_id: claims.gid,
            audience: Audience::from_values(claims.aud.iter().map(String::as_str), &self.base),
            kind: match claims.idtyp.as_deref() {
                Some(APPLICATION) => SubjectKind::Application,
                _ => SubjectKind::User,
            },
            issued_at: claims.iat,
            signed_in_at: claims.auth_time.unwrap_or(claims.iat),
            expires_at: claims.exp,
        }
    }
}

impl OwnToken {
    /// The tenant of whom it is of.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    /// Whom it is of, in that tenant.
    #[must_use]
    pub fn object_id(&self) -> Uuid {
        self.object_id
    }

    /// The app roles of the sign-in.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Its scopes.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The doors that it was issued for.
    #[must_use]
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// When it was issued and when it ends, epoch seconds.
    #[must_use]
    pub fn lifetime(&self) -> (i64, i64) {
        (self.issued_at, self.expires_at)
    }

    /// The client that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The grant that it belongs to.
    #[must_use]
    pub fn grant_id(&self) -> Uuid {
        self.grant_id
    }

    /// The partition of whom it is of.
    #[must_use]
    pub fn partition(&self) -> UserPartition {
        UserPartition::of(self.tenant_id, self.object_id)
    }
}

fn encode(value: &impl Serialize) -> Result<String, KeyRingError> {
    serde_json::to_vec(value)
        .map(|json| URL_SAFE_NO_PAD.encode(json))
        .map_err(|error| KeyRingError::Format(error.into()))
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use entrada_ambient::{ManualClock, SystemRandom};
    use secrecy::ExposeSecret;
    use time::macros::datetime;

    use super::*;
    use crate::identity::{Door, KeyRing};

    fn tokens(clock: &Arc<ManualClock>) -> OwnTokens {
        let ring = KeyRing::parse(&KeyRing::generate(clock.as_ref(), &SystemRandom).unwrap());
        OwnTokens::new(
            BaseUrl::parse("https://entrada.example").unwrap(),
            Arc::new(KeyRings::new(Some(ring.unwrap()))),
            clock.clone(),
            Arc::new(SystemRandom),
        )
    }

    fn clock() -> Arc<ManualClock> {
        Arc::new(ManualClock::at(datetime!(2026-01-01 00:00 UTC)))
    }

    fn terms(clock: &ManualClock) -> TokenTerms {
        TokenTerms {
            tenant_id: Uuid::from_u128(1),
            object_id: Uuid::from_u128(2),
            name: None,
            email: None,
            roles: vec!["Task.Read".to_owned()],
            client_id: "client".to_owned(),
            grant_id: Uuid::from_u128(3),
            audience: Audience::only(Door::Mcp),
            scope: "mcp".to_owned(),
            kind: SubjectKind::User,
            signed_in_at: clock.unix(),
            expires_at: clock.unix() + 60,
        }
    }

    #[test]
    fn an_issued_token_is_verified_until_it_expires() {
        let clock = clock();
        let tokens = tokens(&clock);
        let token = tokens.issue(terms(&clock)).unwrap();
        let text = token.expose_secret();
        assert!(tokens.claims_to_be_ours(text));
        assert!(tokens.remembered(&Fingerprint::of(text)).is_none());
        let verified = tokens.verify(text).unwrap();
        assert!(verified.audience.opens(Door::Mcp) && !verified.audience.opens(Door::Api));
        assert!(tokens.remembered(&Fingerprint::of(text)).is_some());
        clock.advance(Duration::from_mins(1));
        assert!(tokens.remembered(&Fingerprint::of(text)).is_none());
        assert!(matches!(tokens.verify(text), Err(OwnTokenError::Expired)));
    }

    #[test]
    fn a_key_that_left_the_ring_signs_for_nobody_any_more() {
        let clock = clock();
        let tokens = tokens(&clock);
        let token = tokens.issue(terms(&clock)).unwrap();
        let text = token.expose_secret();
        tokens.verify(text).unwrap();
        let another = KeyRing::generate(clock.as_ref(), &SystemRandom).unwrap();
        tokens.rings.replace(KeyRing::parse(&another).unwrap());
        assert!(tokens.remembered(&Fingerprint::of(text)).is_none());
    }

    #[test]
    fn another_ring_or_an_altered_byte_is_refused() {
        let clock = clock();
        let issuer = tokens(&clock);
        let token = issuer.issue(terms(&clock)).unwrap();
        let text = token.expose_secret();
        assert!(matches!(
            tokens(&clock).verify(text),
            Err(OwnTokenError::UnknownKey)
        ));
        for position in 0..text.len() {
            let mut altered = text.as_bytes().to_vec();
            altered[position] = if altered[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            let altered = String::from_utf8(altered).unwrap();
            // The last character of a base64url group may hold bits that
            // decode to nothing; strict decoding refuses those as well.
            assert!(issuer.verify(&altered).is_err(), "byte {position}");
        }
    }

    #[test]
    fn other_algorithms_and_types_are_refused() {
        let clock = clock();
        let issuer = tokens(&clock);
        let token = issuer.issue(terms(&clock)).unwrap();
        let rest = token.expose_secret().split_once('.').unwrap().1.to_owned();
        for header in [
            r#"{"alg":"none","typ":"at+jwt","kid":"x"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"x"}"#,
            r#"{"alg":"ES256","typ":"JWT","kid":"x"}"#,
        ] {
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            assert!(matches!(
                issuer.verify(&forged),
                Err(OwnTokenError::Malformed)
            ));
        }
    }
}
