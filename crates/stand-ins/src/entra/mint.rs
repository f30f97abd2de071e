use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Entra;
use super::claims::{AccessToken, Credential, ID_TOKEN_LIFETIME, IdToken, SignIn, Subject};
use super::keys::KeyError;
use crate::directory::{self, Application, Kind, Persona};
use crate::encoding::{base64url, pem};

/// The format of an access token, which the *resource* decides
/// (`requestedAccessTokenVersion` of its registration).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenVersion {
    /// Issuer `https://sts.windows.net/{tid}/`, client in `appid`.
    V1,
    /// Issuer `{authority}/{tid}/v2.0`, client in `azp`.
    #[default]
    V2,
}

/// The kind of token to make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// For a resource.
    #[default]
    Access,
    /// About a sign-in, for the client. Shares issuer, audience, key and
    /// roles with an access token for the same application.
    Id,
}

/// How the token is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureKind {
    /// By the key in use, RS256.
    #[default]
    Valid,
    /// RS256 with the right `kid`, but one bit of the signature changed.
    Corrupt,
    /// `alg: none`, without a signature.
    None,
    /// HS256 with the public key (PEM) as the secret, under its `kid`.
    PublicKeyAsSecret,
    /// By the key in use, under a `kid` that is not published.
    UnknownKey,
}

/// A token to be made without a sign-in, right or deliberately wrong: the body
/// of `POST /stand-in/token`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenRequest {
    /// Short name or user principal name of a persona.
    pub persona: String,
    /// Format.
    pub version: TokenVersion,
    /// Access or id token.
    pub kind: TokenKind,
    /// Client id or application ID URI of the resource; by default the
    /// registered application.
    pub resource: Option<String>,
    /// Claims to add or to put in place of those that Entra would issue.
    pub set: Map<String, Value>,
    /// Claims to leave out.
    pub unset: Vec<String>,
    /// Seconds until it expires, negative for an expired one. By default a
    /// random time between 60 and 90 minutes, as Entra's.
    pub expires_in: Option<i64>,
    /// How it is signed.
    pub signature: SignatureKind,
}

impl TokenRequest {
    /// A proper version 2 access token for the registered application.
    #[must_use]
    pub fn for_persona(name: &str) -> Self {
        Self {
            persona: name.to_owned(),
            ..Self::default()
        }
    }

    /// The same with a claim added or changed.
    #[must_use]
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.set.insert(claim.to_owned(), value.into());
        self
    }

    /// The same without a claim.
    #[must_use]
    pub fn without(mut self, claim: &str) -> Self {
        self.unset.push(claim.to_owned());
        self
    }
}

/// How long a managed identity's token lives, in seconds (Microsoft Learn,
/// "Managed identities frequently asked questions": 24 hours).
pub(crate) const MANAGED_IDENTITY_LIFETIME: i64 = 24 * 3600;

/// A token cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The directory has no such persona.
    #[error("there is no persona {0}")]
    UnknownPersona(String),
    /// The directory has no such resource.
    #[error("there is no resource {0}")]
    UnknownResource(String),
    /// Id tokens are about people.
    #[error("an application has no id token")]
    NoIdToken,
    /// Signing failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Entra {
    /// Makes the token that `request` describes.
    pub(crate) fn mint(&self, request: &TokenRequest) -> Result<String, MintError> {
        let persona = directory::persona(&request.persona)
            .ok_or_else(|| MintError::UnknownPersona(request.persona.clone()))?;
        let mut claims = match request.kind {
            TokenKind::Access => self.minted_access_claims(persona, request)?,
            TokenKind::Id => self.minted_id_claims(persona, request)?,
        };
        claims.extend(request.set.clone());
        claims.retain(|name, _| !request.unset.contains(name));
        Ok(self.sign_as(&claims, request.signature)?)
    }

    /// A token of the managed identity for `resource`, as Azure's identity
    /// endpoint hands out (Microsoft Learn, "Use managed identities").
    pub(crate) fn managed_identity_token(&self, resource: &str) -> Result<String, MintError> {
        let unknown = || MintError::UnknownResource(resource.to_owned());
        let identity =
            directory::application(directory::MANAGED_IDENTITY_CLIENT_ID).ok_or_else(unknown)?;
        let named = resource.strip_suffix("/.default").unwrap_or(resource);
        let resource = directory::resource_named(named).ok_or_else(unknown)?;
        let claims = self.access_claims(&AccessToken {
            subject: Subject::Application {
                application: identity,
                tenant: identity.tenant,
            },
            client: identity,
            credential: Credential::Assertion,
            resource,
            identifier: named,
            scopes: &[],
            sign_in: &SignIn::default(),
            version: resource.token_version,
            lifetime: MANAGED_IDENTITY_LIFETIME,
        });
        Ok(self.keys.sign(&claims)?)
    }

    fn minted_access_claims(
        &self,
        persona: &'static Persona,
        request: &TokenRequest,
    ) -> Result<Map<String, Value>, MintError> {
        let named = request
            .resource
            .as_deref()
            .unwrap_or(directory::API_IDENTIFIER_URI);
        let resource = directory::resource_named(named)
            .ok_or_else(|| MintError::UnknownResource(named.to_owned()))?;
        let scopes: Vec<String> = match persona.kind {
            Kind::User => resource
                .scopes
                .first()
                .map(|scope| scope.name.to_owned())
                .into_iter()
                .collect(),
            Kind::Application => Vec::new(),
        };
        let (subject, client) = subject_and_client(persona);
        Ok(self.access_claims(&AccessToken {
            subject,
            client: client.unwrap_or(resource),
            credential: Credential::Secret,
            resource,
            identifier: named,
            scopes: &scopes,
            sign_in: &SignIn::default(),
            version: request.version,
            lifetime: request
                .expires_in
                .unwrap_or_else(|| self.access_token_lifetime()),
        }))
    }

    fn minted_id_claims(
        &self,
        persona: &'static Persona,
        request: &TokenRequest,
    ) -> Result<Map<String, Value>, MintError> {
        let client = subject_and_client(persona)
            .1
            .filter(|_| persona.kind == Kind::User)
            .ok_or(MintError::NoIdToken)?;
        Ok(self.id_claims(&IdToken {
            persona,
            client,
            nonce: None,
            profile: true,
            email: false,
            sign_in: &SignIn::default(),
            lifetime: request.expires_in.unwrap_or(ID_TOKEN_LIFETIME),
        }))
    }

    fn sign_as(
        &self,
        claims: &Map<String, Value>,
        signature: SignatureKind,
    ) -> Result<String, KeyError> {
        let token = self.keys.sign(claims)?;
        let (signed, proof) = token.rsplit_once('.').unwrap_or((&token, ""));
        let payload = signed.rsplit_once('.').map_or("", |(_, payload)| payload);
        match signature {
            SignatureKind::Valid => Ok(token),
            SignatureKind::Corrupt => {
                let swapped = if proof.starts_with('A') { "B" } else { "A" };
                Ok(format!(
                    "{signed}.{swapped}{}",
                    proof.get(1..).unwrap_or_default()
                ))
            }
            SignatureKind::None => {
                let header = base64url(br#"{"typ":"JWT","alg":"none"}"#);
                Ok(format!("{header}.{payload}."))
            }
            SignatureKind::PublicKeyAsSecret => self.sign_with_public_key(claims),
            SignatureKind::UnknownKey => self
                .keys
                .sign_under(claims, &base64url(b"no such key at all!!")),
        }
    }

    fn sign_with_public_key(&self, claims: &Map<String, Value>) -> Result<String, KeyError> {
        let (kid, public_key) = self.keys.public_key()?;
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid);
        let secret = pem("RSA PUBLIC KEY", &public_key);
        let key = EncodingKey::from_secret(secret.as_bytes());
        Ok(jsonwebtoken::encode(&header, claims, &key)?)
    }
}

/// A person's minted token comes by way of the registered application.
fn subject_and_client(persona: &'static Persona) -> (Subject, Option<&'static Application>) {
    match persona.kind {
        Kind::User => (
            Subject::User(persona),
            directory::application(directory::CLIENT_ID),
        ),
        Kind::Application => {
            let application = directory::application(directory::DAEMON_CLIENT_ID);
            let subject =
                application.map_or(Subject::User(persona), |application| Subject::Application {
                    application,
                    tenant: persona.tenant,
                });
            (subject, application)
        }
    }
}
