use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::{Builder, Uuid};

use super::Entra;
use super::mint::TokenVersion;
use crate::directory::{self, Application, Persona};
use crate::encoding::{base64url, sha256};

/// Who a token is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    /// A person who signed in.
    User(&'static Persona),
    /// The service principal of an application in a tenant.
    Application {
        /// Its registration.
        application: &'static Application,
        /// The tenant of the service principal.
        tenant: Uuid,
    },
}

/// How the client proved who it is, the `azpacr` claim of version 2 tokens
/// and `appidacr` of version 1 (Microsoft Learn, "Access token claims
/// reference").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A public client.
    None,
    /// Client id and secret.
    Secret,
    /// A certificate or another signed assertion.
    Assertion,
}

impl Credential {
    const fn value(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Secret => "1",
            Self::Assertion => "2",
        }
    }
}

/// What a sign-in leaves behind for the tokens that come from it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SignIn {
    /// Session id, the `sid` claim.
    pub(crate) session: String,
    /// Digest of the claims challenge that the sign-in met.
    pub(crate) satisfied: Option<String>,
    /// The client declared that it handles claims challenges (`cp1`).
    pub(crate) challenge_capable: bool,
}

/// An access token to be made.
#[derive(Debug)]
pub(crate) struct AccessToken<'a> {
    pub(crate) subject: Subject,
    pub(crate) client: &'static Application,
    pub(crate) credential: Credential,
    pub(crate) resource: &'static Application,
    /// The resource as it was asked for: it becomes `aud` of a version 1
    /// token.
    pub(crate) identifier: &'a str,
    /// Delegated permissions, empty for an application's token.
    pub(crate) scopes: &'a [String],
    pub(crate) sign_in: &'a SignIn,
    pub(crate) version: TokenVersion,
    /// Seconds from now until it expires.
    pub(crate) lifetime: i64,
}

/// An id token to be made.
#[derive(Debug)]
pub(crate) struct IdToken<'a> {
    pub(crate) persona: &'static Persona,
    pub(crate) client: &'static Application,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) profile: bool,
    pub(crate) email: bool,
    pub(crate) sign_in: &'a SignIn,
    pub(crate) lifetime: i64,
}

/// Tokens are dated five minutes back, so that clocks a little behind accept
/// them. Inferred: public examples of Entra's tokens live 3,900 s from `iat`.
const BACKDATED: i64 = 300;

/// How long an id token lives, in seconds (Microsoft Learn, "ID tokens":
/// one hour).
pub(crate) const ID_TOKEN_LIFETIME: i64 = 3600;

impl Subject {
    pub(crate) fn tenant(self) -> Uuid {
        match self {
            Self::User(persona) => persona.tenant,
            Self::Application { tenant, .. } => tenant,
        }
    }

    pub(crate) fn object_id(self) -> Uuid {
        match self {
            Self::User(persona) => persona.object_id,
            Self::Application {
                application,
                tenant,
            } => service_principal(application, tenant),
        }
    }
}

/// Object id of an application's service principal in a tenant.
pub(crate) fn service_principal(application: &Application, tenant: Uuid) -> Uuid {
    match application.client_id {
        directory::DAEMON_CLIENT_ID => {
            directory::persona("daemon").map_or(application.client_id, |persona| persona.object_id)
        }
        directory::MANAGED_IDENTITY_CLIENT_ID => directory::MANAGED_IDENTITY_OBJECT_ID,
        client_id => {
            let hash = sha256(format!("{client_id}@{tenant}").as_bytes());
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
            Builder::from_random_bytes(bytes).into_uuid()
        }
    }
}

/// `sub`: another value for each pair of subject and application (Microsoft
/// Learn, "Access token claims reference": a pairwise identifier).
fn pairwise(object_id: Uuid, application: Uuid) -> String {
    base64url(&sha256(format!("{object_id}/{application}").as_bytes()))
}

fn insert(claims: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        claims.extend(more);
    }
}

impl Entra {
    /// The issuer of version 2 tokens of a tenant, the same on every port and
    /// scheme. `tenant` is an id, or the placeholder `{tenantid}`.
    pub(crate) fn issuer(&self, tenant: impl std::fmt::Display) -> String {
        format!("{}/{tenant}/v2.0", self.public_url)
    }

    /// How long an access token lives, in seconds: a random time between 60
    /// and 90 minutes (Microsoft Learn, "Access tokens", on token lifetime).
    pub(crate) fn access_token_lifetime(&self) -> i64 {
        let mut bytes = [0; 2];
        self.random.fill(&mut bytes);
        3600 + i64::from(u16::from_le_bytes(bytes) % 1801)
    }

    fn unique(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        base64url(&bytes)
    }

    /// The claims that every token has.
    fn common_claims(&self, tenant: Uuid, lifetime: i64, sign_in: &SignIn) -> Map<String, Value> {
        let now = self.clock.unix();
        let issued = now - BACKDATED;
        // `aio` is internal to Entra and opaque to everyone else. Here it
        // carries what On-Behalf-Of must know: when the token was really
        // issued, and which challenge the sign-in met.
        let aio = format!(
            "{}.{}.{}",
            self.unique(),
            self.stamp(),
            sign_in.satisfied.as_deref().unwrap_or_default()
        );
        let mut claims = Map::new();
        insert(
            &mut claims,
            json!({
                "iat": issued,
                "nbf": issued.min(now + lifetime),
                "exp": now + lifetime,
                "aio": aio,
                "rh": format!("1.{}.", self.unique()),
                "tid": tenant,
                "uti": self.unique(),
            }),
        );
        if !sign_in.session.is_empty() {
            claims.insert("sid".to_owned(), json!(sign_in.session));
        }
        claims
    }

    /// The claims of an access token (Microsoft Learn, "Access token claims
    /// reference").
    pub(crate) fn access_claims(&self, token: &AccessToken<'_>) -> Map<String, Value> {
        let (tenant, object_id) = (token.subject.tenant(), token.subject.object_id());
        let mut claims = self.common_claims(tenant, token.lifetime, token.sign_in);
        let client = token.client.client_id;
        match token.version {
            TokenVersion::V2 => insert(
                &mut claims,
                json!({
                    "ver": "2.0",
                    "iss": self.issuer(tenant),
                    "aud": token.resource.client_id,
                    "azp": client,
                    "azpacr": token.credential.value(),
                }),
            ),
            TokenVersion::V1 => insert(
                &mut claims,
                json!({
                    "ver": "1.0",
                    "iss": v1_issuer(tenant),
                    "aud": token.identifier,
                    "appid": client,
                    "appidacr": token.credential.value(),
                }),
            ),
        }
        claims.insert("oid".to_owned(), json!(object_id));
        match token.subject {
            Subject::User(persona) => {
                user_claims(&mut claims, persona, token);
            }
            Subject::Application { .. } => {
                claims.insert("sub".to_owned(), json!(object_id));
                claims.insert("idtyp".to_owned(), json!("app"));
                if token.version == TokenVersion::V1 {
                    claims.insert("idp".to_owned(), json!(v1_issuer(tenant)));
                }
            }
        }
        let roles = self.roles(token.subject, token.resource);
        if !roles.is_empty() {
            claims.insert("roles".to_owned(), json!(roles));
        }
        if token.sign_in.challenge_capable {
            claims.insert("xms_cc".to_owned(), json!(["cp1"]));
        }
        claims
    }

    /// The claims of an id token (Microsoft Learn, "ID token claims
    /// reference"): always version 2 here, with the app roles on the client
    /// itself, never with `scp`.
    pub(crate) fn id_claims(&self, token: &IdToken<'_>) -> Map<String, Value> {
        let persona = token.persona;
        let mut claims = self.common_claims(persona.tenant, token.lifetime, token.sign_in);
        insert(
            &mut claims,
            json!({
                "ver": "2.0",
                "iss": self.issuer(persona.tenant),
                "aud": token.client.client_id,
                "oid": persona.object_id,
                "sub": pairwise(persona.object_id, token.client.client_id),
            }),
        );
        if token.profile {
            insert(
                &mut claims,
                json!({
                    "name": persona.display_name,
                    "preferred_username": persona.user_principal_name,
                }),
            );
        }
        if token.email {
            claims.insert("email".to_owned(), json!(persona.user_principal_name));
        }
        if let Some(nonce) = token.nonce {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        let roles = self.roles(Subject::User(persona), token.client);
        if !roles.is_empty() {
            claims.insert("roles".to_owned(), json!(roles));
        }
        claims
    }

    /// The app roles that a subject has on a resource. Only the registered
    /// application has app roles.
    fn roles(&self, subject: Subject, resource: &Application) -> Vec<String> {
        if resource.client_id != directory::CLIENT_ID {
            return Vec::new();
        }
        let persona = match subject {
            Subject::User(persona) => Some(persona),
            Subject::Application { .. } => directory::personas()
                .iter()
                .find(|persona| persona.object_id == subject.object_id()),
        };
        persona.map_or_else(Vec::new, |persona| self.people.roles(persona))
    }
}

fn user_claims(
    claims: &mut Map<String, Value>,
    persona: &'static Persona,
    token: &AccessToken<'_>,
) {
    let subject = pairwise(persona.object_id, token.resource.client_id);
    insert(
        claims,
        json!({
            "sub": subject,
            "name": persona.display_name,
            "scp": token.scopes.join(" "),
        }),
    );
    match token.version {
        TokenVersion::V2 => insert(
            claims,
            json!({"preferred_username": persona.user_principal_name}),
        ),
        TokenVersion::V1 => {
            let (given, family) = persona
                .display_name
                .split_once(' ')
                .unwrap_or((persona.display_name, ""));
            let methods: &[&str] = if token.sign_in.satisfied.is_some() {
                &["pwd", "mfa"]
            } else {
                &["pwd"]
            };
            insert(
                claims,
                json!({
                    "acr": "1",
                    "amr": methods,
                    "family_name": family,
                    "given_name": given,
                    "ipaddr": "127.0.0.1",
                    "unique_name": persona.user_principal_name,
                    "upn": persona.user_principal_name,
                }),
            );
        }
    }
}

/// The issuer of version 1 tokens. Not this server's address: Entra's is not
/// the address of its endpoints either.
pub(crate) fn v1_issuer(tenant: impl std::fmt::Display) -> String {
    format!("https://sts.windows.net/{tenant}/")
}
