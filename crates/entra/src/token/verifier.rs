use std::sync::Arc;

use entrada_ambient::Clock;
use uuid::Uuid;

use super::Fault;
use super::claims::{Claims, Origin, version_1_issuer};
use super::compact::UnverifiedToken;
use crate::keys::{Keys, NoKey, SigningKey};
use crate::{Discovery, EntraSettings, OpenIdConfiguration};

/// Checks what access and id tokens have in common: form, signature, issuer,
/// tenant, audience, lifetime.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) settings: Arc<EntraSettings>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) keys: Keys,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a token says once everything that this module checks has held.
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    pub(crate) origin: Origin,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) key: Arc<SigningKey>,
}

impl Verifier {
    /// Checks `token` in this order, and names the first fault:
    ///
    /// 1. form, critical header extensions, algorithm;
    /// 2. the key, by `kid`;
    /// 3. the signature, and that the key signs for the tenant;
    /// 4. issuer, tenant, audience, lifetime.
    ///
    /// Nothing that a token claims is *acted on* before 3 holds. It is only
    /// *looked at* for refusing: a token that by its own words is another
    /// issuer's, another tenant's or another app's is refused with that
    /// reason, since "unknown key" or "wrong signature" would send people on
    /// the wrong track (Microsoft Graph's tokens have signatures that only
    /// Graph can check). That also keeps such tokens from causing fetches.
    pub(crate) async fn verify(&self, token: &str) -> Result<Verified, Fault> {
        let token = UnverifiedToken::parse(token)?;
        let configuration = self
            .discovery
            .sign_in()
            .await
            .map_err(Fault::KeysUnavailable)?;
        let key = self.key(&token, &configuration).await?;
        if !key.verifies(token.signing_input, token.signature) {
            self.recognise(&token.unverified_claims, &configuration)?;
            return Err(Fault::Signature);
        }
        let claims = token.unverified_claims;
        let origin = self.recognise(&claims, &configuration)?;
        if !signs_for_tenant(&key, origin.tenant, &configuration) {
            return Err(Fault::UnknownKey);
        }
        let (issued_at, expires_at) = claims.lifetime(self.clock.unix())?;
        Ok(Verified {
            claims,
            origin,
            issued_at,
            expires_at,
            key,
        })
    }

    /// Whether `key` signs for the tenant that `claims` speak of.
    pub(crate) fn signs_for(
        &self,
        key: &SigningKey,
        claims: &Claims,
        configuration: &OpenIdConfiguration,
    ) -> bool {
        self.recognise(claims, configuration)
            .is_ok_and(|origin| signs_for_tenant(key, origin.tenant, configuration))
    }

    async fn key(
        &self,
        token: &UnverifiedToken<'_>,
        configuration: &OpenIdConfiguration,
    ) -> Result<Arc<SigningKey>, Fault> {
        match self.keys.known(&token.key_id).await {
            Ok(key) => return Ok(key),
            Err(NoKey::Unavailable(error)) => return Err(Fault::KeysUnavailable(error)),
            Err(NoKey::Unknown) => {}
        }
        self.recognise(&token.unverified_claims, configuration)?;
        token.unverified_claims.lifetime(self.clock.unix())?;
        if token.key_id.is_empty() {
            return Err(Fault::UnknownKey);
        }
        self.keys
            .ask_for(&token.key_id)
            .await
            .map_err(|error| match error {
                NoKey::Unknown => Fault::UnknownKey,
                NoKey::Unavailable(error) => Fault::KeysUnavailable(error),
            })
    }

    /// Whether `claims` speak of a token for our app from a tenant that may
    /// come in.
    fn recognise(
        &self,
        claims: &Claims,
        configuration: &OpenIdConfiguration,
    ) -> Result<Origin, Fault> {
        let origin = claims.origin(&self.settings, configuration)?;
        claims.check_audience(&self.settings, origin.version)?;
        Ok(origin)
    }
}

fn signs_for_tenant(key: &SigningKey, tenant: Uuid, configuration: &OpenIdConfiguration) -> bool {
    let issuers = [&*configuration.issuer(tenant), &*version_1_issuer(tenant)];
    key.signs_for(tenant, &issuers)
}
