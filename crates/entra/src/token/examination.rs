use uuid::Uuid;

use super::claims::Claims;
use super::compact::UnverifiedToken;
use super::validator::{AccessTokenValidator, check_client, check_kind};
use super::{AccessTokenError, TokenVersion};
use crate::FetchError;
use crate::discovery::OpenIdConfiguration;
use crate::keys::NoKey;

/// One of the checks that an access token must pass, in the order in which a
/// reader understands them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// A signed JWT in compact form, by RS256.
    Form,
    /// `iss` is the issuer of `tid`, and that tenant may come in.
    Issuer,
    /// `aud` is our app.
    Audience,
    /// The signature is by a key that Entra publishes.
    Signature,
    /// `iat`, `nbf` and `exp`.
    Lifetime,
    /// An access token with the scope (a person's) or a role (an
    /// application's), not an id token.
    Kind,
    /// The client is on the list, where there is one.
    Client,
}

/// What came of one check.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed(AccessTokenError),
    /// The keys could not be had, so nobody can say.
    Unavailable(FetchError),
    /// It was not made: an earlier fault makes it mean nothing.
    Skipped,
}

/// What an unverified token says of itself. Good for explaining alone:
/// nothing may be decided by it.
#[derive(Debug, Clone, Default)]
pub struct UnverifiedClaims {
    /// `iss`.
    pub issuer: Option<String>,
    /// `aud`; an array as its members, separated by spaces.
    pub audience: Option<String>,
    /// `ver`.
    pub version: Option<String>,
    /// `tid`.
    pub tenant_id: Option<Uuid>,
    /// `oid`.
    pub object_id: Option<Uuid>,
    /// `azp`, else `appid`.
    pub client_id: Option<Uuid>,
    /// `scp`.
    pub scopes: Option<String>,
    /// `roles`.
    pub roles: Vec<String>,
    /// `idtyp`.
    pub kind: Option<String>,
    /// Whether there is a `nonce`, which id tokens have.
    pub has_nonce: bool,
    /// What to show as the e-mail address.
    pub email: Option<String>,
    /// `iat`, seconds since the epoch.
    pub issued_at: Option<i64>,
    /// `exp`, seconds since the epoch.
    pub expires_at: Option<i64>,
}

/// Every check of one token, for people who ask why it is refused.
#[derive(Debug, Clone)]
pub struct Examination {
    /// What the token says; `None` when it cannot be read.
    pub claims: Option<UnverifiedClaims>,
    /// Each check and what came of it.
    pub checks: Vec<(Check, Outcome)>,
}

impl AccessTokenValidator {
    /// Makes every check of [`Self::validate`] on `token`, by the same code,
    /// and gives all of their outcomes rather than the first fault. While the
    /// authority is out of reach, its issuer is taken to be the one that the
    /// Microsoft identity platform documents, and the signature stays open.
    ///
    /// It explains and decides nothing: only [`Self::validate`] lets in.
    pub async fn examine(&self, token: &str) -> Examination {
        let parsed = match UnverifiedToken::parse(token) {
            Ok(parsed) => parsed,
            Err(fault) => {
                return Examination {
                    claims: None,
                    checks: vec![(Check::Form, Outcome::Failed(fault.into()))],
                };
            }
        };
        let verifier = self.verifier();
        let found = verifier.discovery.sign_in().await;
        let (configuration, away) = match (
            found,
            OpenIdConfiguration::assumed(&verifier.settings.authority),
        ) {
            (Ok(configuration), _) => (configuration, None),
            (Err(error), Some(assumed)) => (assumed.into(), Some(error)),
            (Err(error), None) => return unavailable(&parsed.unverified_claims, error),
        };
        Examination {
            claims: Some(parsed.unverified_claims.unverified()),
            checks: self.examine_claims(&parsed, &configuration, away).await,
        }
    }

    async fn examine_claims(
        &self,
        parsed: &UnverifiedToken<'_>,
        configuration: &OpenIdConfiguration,
        away: Option<FetchError>,
    ) -> Vec<(Check, Outcome)> {
        let verifier = self.verifier();
        let claims = &parsed.unverified_claims;
        let issuer = claims
            .origin(&verifier.settings, configuration)
            .map_err(AccessTokenError::from);
        let version = issuer
            .as_ref()
            .map_or_else(|_| claims.said_version(), |origin| origin.version);
        let audience = claims
            .check_audience(&verifier.settings, version)
            .map_err(AccessTokenError::from);
        let ours = issuer.is_ok() && audience.is_ok();
        let signature = match away {
            Some(error) => Outcome::Unavailable(error),
            None if ours => self.examine_signature(parsed, configuration).await,
            None => Outcome::Skipped,
        };
        let lifetime = claims
            .lifetime(verifier.clock.unix())
            .map(drop)
            .map_err(AccessTokenError::from);
        let kind = check_kind(&verifier.settings, claims).map(drop);
        let client = check_client(&verifier.settings, claims.client(version));
        vec![
            (Check::Form, Outcome::Passed),
            (Check::Issuer, outcome(issuer.map(drop))),
            (Check::Audience, outcome(audience)),
            (Check::Signature, signature),
            (Check::Lifetime, outcome(lifetime)),
            // Of another app's token, scope and roles mean something else.
            (
                Check::Kind,
                if ours {
                    outcome(kind)
                } else {
                    Outcome::Skipped
                },
            ),
            (Check::Client, outcome(client)),
        ]
    }

    async fn examine_signature(
        &self,
        token: &UnverifiedToken<'_>,
        configuration: &OpenIdConfiguration,
    ) -> Outcome {
        let verifier = self.verifier();
        let key = match verifier.keys.known(&token.key_id).await {
            Err(NoKey::Unknown) if !token.key_id.is_empty() => {
                verifier.keys.ask_for(&token.key_id).await
            }
            other => other,
        };
        match key {
            Err(NoKey::Unavailable(error)) => Outcome::Unavailable(error),
            Err(NoKey::Unknown) => Outcome::Failed(AccessTokenError::UnknownKey),
            Ok(key) if !key.verifies(token.signing_input, token.signature) => {
                Outcome::Failed(AccessTokenError::Signature)
            }
            Ok(key) if !verifier.signs_for(&key, &token.unverified_claims, configuration) => {
                Outcome::Failed(AccessTokenError::UnknownKey)
            }
            Ok(_) => Outcome::Passed,
        }
    }
}

fn outcome(checked: Result<(), AccessTokenError>) -> Outcome {
    checked.map_or_else(Outcome::Failed, |()| Outcome::Passed)
}

fn unavailable(claims: &Claims, error: FetchError) -> Examination {
    Examination {
        claims: Some(claims.unverified()),
        checks: vec![
            (Check::Form, Outcome::Passed),
            (Check::Signature, Outcome::Unavailable(error)),
        ],
    }
}

impl Claims {
    /// The format that the token names, whoever issued it.
    fn said_version(&self) -> TokenVersion {
        if self.ver.as_deref() == Some("1.0") {
            TokenVersion::V1
        } else {
            TokenVersion::V2
        }
    }

    fn unverified(&self) -> UnverifiedClaims {
        let audience = self.aud.as_ref().map(|value| match value {
            serde_json::Value::String(one) => one.clone(),
            serde_json::Value::Array(several) => several
                .iter()
                .map(|one| one.as_str().unwrap_or("?"))
                .collect::<Vec<_>>()
                .join(" "),
            _ => "?".to_owned(),
        });
        UnverifiedClaims {
            issuer: self.iss.clone(),
            audience,
            version: self.ver.clone(),
            tenant_id: self.tid,
            object_id: self.oid,
            client_id: self.azp.or(self.appid),
            scopes: self.scp.clone(),
            roles: self.roles.clone().unwrap_or_default(),
            kind: self.idtyp.clone(),
            has_nonce: self.nonce.is_some(),
            email: self.shown_email(),
            issued_at: self.iat,
            expires_at: self.exp,
        }
    }
}
