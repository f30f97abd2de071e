//! Client ID metadata documents: a client whose id is the URL of its own
//! description (draft-ietf-oauth-client-id-metadata-document).

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::client::{Client, ClientAuthentication, ClientOrigin};
use super::error::ClientError;
use super::keys::PublicKeys;
use super::metadata;
use super::redirect::RedirectRules;

/// The longest id of this kind, in bytes.
const LONGEST_ID: usize = 1024;

/// Whether a client id looks like a URL and not like an id of ours. Plain
/// http is for development alone, where the fetcher takes it from this
/// machine.
pub(super) fn is_url(client_id: &str) -> bool {
    client_id.starts_with("https://") || client_id.starts_with("http://")
}

/// The URL that a client id is, if it may be one: with a path, without
/// fragment, credentials or dot segments, and spelt as URL parsers spell it,
/// so that one document has one id.
pub(super) fn url(client_id: &str) -> Result<Url, ClientError> {
    let refuse = |what: &str| Err(ClientError::refused(what));
    if client_id.len() > LONGEST_ID {
        return refuse("its URL is longer than 1,024 characters");
    }
    let Ok(url) = Url::parse(client_id) else {
        return refuse("its id is not a URL");
    };
    if url.path() == "/" {
        return refuse("its URL must have a path");
    }
    if url.fragment().is_some() {
        return refuse("its URL must not have a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("its URL must not hold credentials");
    }
    if url.as_str() != client_id {
        return refuse(
            "its URL must be in normal form: lower-case scheme and host, no default port, no `.` or `..` in its path",
        );
    }
    Ok(url)
}

/// The members that matter. A shared secret is one that the whole internet
/// can read, so each way to have one is refused.
#[derive(Debug, Deserialize)]
struct Document {
    client_id: String,
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
    client_uri: Option<String>,
    scope: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    client_secret: Option<Value>,
    client_secret_expires_at: Option<Value>,
}

/// A client from its document. Its keys may have to be fetched from a place
/// of their own first.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) client: Client,
    pub(super) jwks_uri: Option<Url>,
}

/// How the client of a document authenticates.
enum Method {
    None,
    Keys(PublicKeys),
    KeysAt(Url),
}

/// Reads the document at `client_id`.
///
/// # Errors
/// [`ClientError::Refused`] with what is wrong with it.
pub(super) fn read(
    client_id: &str,
    body: &[u8],
    rules: &RedirectRules,
) -> Result<Described, ClientError> {
    let document: Document = serde_json::from_slice(body).map_err(|error| {
        let what: String = error.to_string().chars().take(200).collect();
        ClientError::refused(format!("its document is not client metadata: {what}"))
    })?;
    if document.client_id != client_id {
        return Err(ClientError::refused(
            "the client_id in its document is not the document's URL",
        ));
    }
    let authentication = method(&document)?;
    let grant_types =
        metadata::grant_types(document.grant_types.as_deref()).map_err(ClientError::refused)?;
    metadata::response_types(document.response_types.as_deref()).map_err(ClientError::refused)?;
    let scope = metadata::scope(document.scope.as_deref()).map_err(ClientError::refused)?;
    let (authentication, jwks_uri) = match authentication {
        Method::None => (ClientAuthentication::None, None),
        Method::Keys(keys) => (ClientAuthentication::PrivateKeyJwt { keys }, None),
        // Until the keys are there nothing can authenticate.
        Method::KeysAt(url) => {
            let keys = PublicKeys::none();
            (ClientAuthentication::PrivateKeyJwt { keys }, Some(url))
        }
    };
    Ok(Described {
        client: Client {
            id: client_id.to_owned(),
            name: document
                .client_name
                .as_deref()
                .and_then(metadata::display_name),
            uri: document
                .client_uri
                .as_deref()
                .and_then(metadata::display_uri),
            origin: ClientOrigin::MetadataDocument,
            redirect_uris: redirect_uris(document.redirect_uris, rules)?,
            authentication,
            grant_types,
            scope: Some(scope),
            daemon: None,
        },
        jwks_uri,
    })
}

/// Those that may be registered. Others are left out, not fatal: nobody is
/// there to be told, and a client that lists one more than we take works
/// with the rest.
fn redirect_uris(listed: Vec<String>, rules: &RedirectRules) -> Result<Vec<String>, ClientError> {
    if listed.len() > metadata::MOST_REDIRECT_URIS {
        return Err(ClientError::refused(
            "its document lists more than 20 redirect URIs",
        ));
    }
    let taken: Vec<_> = listed
        .into_iter()
        .filter(|uri| rules.check(uri).is_ok())
        .collect();
    if taken.is_empty() {
        return Err(ClientError::refused(
            "its document lists no redirect URI that can be accepted",
        ));
    }
    Ok(taken)
}

fn method(document: &Document) -> Result<Method, ClientError> {
    let refuse = |what: &str| Err(ClientError::refused(what));
    if document.client_secret.is_some() || document.client_secret_expires_at.is_some() {
        return refuse("its document holds a client secret, which everybody can read there");
    }
    match document.token_endpoint_auth_method.as_deref() {
        None | Some("none") => return Ok(Method::None),
        Some("private_key_jwt") => {}
        Some(_) => {
            return refuse(
                "token_endpoint_auth_method must be none or private_key_jwt in a metadata document",
            );
        }
    }
    match (&document.jwks, &document.jwks_uri) {
        (Some(set), None) => PublicKeys::parse(set)
            .map(Method::Keys)
            .map_err(|error| ClientError::refused(format!("its jwks cannot be used: {error}"))),
        (None, Some(uri)) => Url::parse(uri)
            .map(Method::KeysAt)
            .map_err(|_| ClientError::refused("its jwks_uri is not a URL")),
        _ => refuse("private_key_jwt needs either jwks or jwks_uri"),
    }
}
