//! Dynamic Client Registration (RFC 7591): what is asked and answered.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::client::GrantType;
use super::error::RegistrationError;
use super::metadata;
use super::redirect::{RedirectKind, RedirectRefusal, RedirectRules};

/// The client metadata of a registration request (RFC 7591 section 2).
/// Members that the server does not know are ignored, and `null` counts as
/// absent.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RegistrationRequest {
    /// Where the client may be answered.
    pub redirect_uris: Option<Vec<String>>,
    /// How it will authenticate; absent: not at all.
    pub token_endpoint_auth_method: Option<String>,
    /// What it will ask the token endpoint for.
    pub grant_types: Option<Vec<String>>,
    /// What it will ask the authorization endpoint for.
    pub response_types: Option<Vec<String>>,
    /// Its name.
    pub client_name: Option<String>,
    /// Its home page.
    pub client_uri: Option<String>,
    /// Scopes, separated by spaces.
    pub scope: Option<String>,
    /// `native` or `web` (`OpenID` Connect Dynamic Client Registration 1.0
    /// section 2).
    pub application_type: Option<String>,
    /// A statement that somebody signed about the client.
    pub software_statement: Option<Value>,
}

/// The answer to a registration (RFC 7591 section 3.2.1).
#[derive(Clone, Serialize)]
pub struct RegistrationResponse {
    /// The new client's id.
    pub client_id: String,
    /// When it was made, epoch seconds.
    pub client_id_issued_at: i64,
    /// Its secret, shown this once.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose_once"
    )]
    pub client_secret: Option<SecretString>,
    /// When the secret ends, epoch seconds; 0: not before the client does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<i64>,
    /// What was registered.
    #[serde(flatten)]
    pub metadata: RegisteredMetadata,
}

impl fmt::Debug for RegistrationResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RegistrationResponse")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The metadata as the server registered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredMetadata {
    /// Where the client may be answered.
    pub redirect_uris: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: String,
    /// What it may ask the token endpoint for.
    pub grant_types: Vec<String>,
    /// What it may ask the authorization endpoint for: `code`.
    pub response_types: Vec<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Scopes, separated by spaces.
    pub scope: String,
    /// `native` or `web`, when the client said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_type: Option<String>,
}

impl RegisteredMetadata {
    /// Whether the client authenticates by a shared secret.
    pub(super) fn has_secret(&self) -> bool {
        self.token_endpoint_auth_method != NO_SECRET
    }
}

/// `token_endpoint_auth_method` of public clients.
const NO_SECRET: &str = "none";

impl RegistrationRequest {
    /// What is registered for this request.
    ///
    /// # Errors
    /// With the first thing that cannot be taken.
    pub(super) fn accept(
        self,
        rules: &RedirectRules,
    ) -> Result<RegisteredMetadata, RegistrationError> {
        if self.software_statement.is_some() {
            return Err(RegistrationError::SoftwareStatement);
        }
        let refuse = |what: &str| RegistrationError::Metadata(what.to_owned());
        let redirect_uris = self.redirect_uris.unwrap_or_default();
        let application_type = application_type(self.application_type, &redirect_uris, rules)?;
        check_redirect_uris(&redirect_uris, application_type.as_deref(), rules)?;
        metadata::response_types(self.response_types.as_deref()).map_err(refuse)?;
        let grants = metadata::grant_types(self.grant_types.as_deref()).map_err(refuse)?;
        Ok(RegisteredMetadata {
            redirect_uris,
            token_endpoint_auth_method: authentication_method(self.token_endpoint_auth_method)?,
            grant_types: grants
                .into_iter()
                .map(|grant: GrantType| grant.as_str().to_owned())
                .collect(),
            response_types: vec!["code".to_owned()],
            client_name: self.client_name.as_deref().and_then(metadata::display_name),
            client_uri: self.client_uri.as_deref().and_then(metadata::display_uri),
            scope: metadata::scope(self.scope.as_deref()).map_err(refuse)?,
            application_type,
        })
    }
}

/// Absent, `none`: public clients are what MCP clients are, and the default
/// of RFC 7591 (`client_secret_basic`) would hand each of them a secret that
/// it does not expect.
fn authentication_method(asked: Option<String>) -> Result<String, RegistrationError> {
    match asked {
        None => Ok(NO_SECRET.to_owned()),
        Some(method)
            if ["none", "client_secret_post", "client_secret_basic"].contains(&method.as_str()) =>
        {
            Ok(method)
        }
        Some(_) => Err(RegistrationError::Metadata(
            "token_endpoint_auth_method must be none, client_secret_post or client_secret_basic; \
             for private_key_jwt use a client ID metadata document"
                .to_owned(),
        )),
    }
}

/// What kind of application the client is registered as. `web` with one of
/// the exact URIs of a custom scheme is a native application all the same:
/// Cursor was seen to call itself so (RFC 7591 section 2 lets a server
/// replace what it was sent).
fn application_type(
    asked: Option<String>,
    uris: &[String],
    rules: &RedirectRules,
) -> Result<Option<String>, RegistrationError> {
    let is_custom = |uri: &String| rules.check(uri) == Ok(RedirectKind::CustomScheme);
    match asked.as_deref() {
        Some("web") if uris.iter().any(is_custom) => Ok(Some("native".to_owned())),
        None | Some("native" | "web") => Ok(asked),
        Some(_) => Err(RegistrationError::Metadata(
            "application_type must be native or web".to_owned(),
        )),
    }
}

/// `web` clients have https alone (`OpenID` Connect Dynamic Client
/// Registration 1.0 section 2). That section keeps https from `native` ones,
/// but VS Code registers both in one request, as RFC 8252 section 7.2
/// allows; and clients that do not say what they are get no rule.
fn check_redirect_uris(
    uris: &[String],
    application_type: Option<&str>,
    rules: &RedirectRules,
) -> Result<(), RegistrationError> {
    if uris.is_empty() {
        return Err(RegistrationError::RedirectUris(
            "redirect_uris must name at least one redirect URI",
        ));
    }
    if uris.len() > metadata::MOST_REDIRECT_URIS {
        return Err(RegistrationError::RedirectUris(
            "redirect_uris must not name more than 20 redirect URIs",
        ));
    }
    for uri in uris {
        let checked = rules.check(uri).and_then(|kind| {
            if application_type == Some("web") && kind != RedirectKind::Https {
                return Err(RedirectRefusal::NotForWeb);
            }
            Ok(())
        });
        checked.map_err(|reason| RegistrationError::RedirectUri {
            uri: uri
                .chars()
                .take(200)
                .flat_map(char::escape_default)
                .collect(),
            reason,
        })?;
    }
    Ok(())
}

/// The answer is the one place where the secret is shown.
#[expect(clippy::ref_option, reason = "the form that serde calls")]
fn expose_once<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(serializer)
}
