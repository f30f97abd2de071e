//! Dynamic Client Registration (RFC 7591): what is asked and answered.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

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
    /// `native` or `web` (OpenID Connect Dynamic Client Registration 1.0
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

/// The answer is the one place where the secret is shown.
fn expose_once<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(serializer)
}
