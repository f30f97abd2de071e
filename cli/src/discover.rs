//! Discovery: the resource metadata of an MCP server (RFC 9728 section 3).

use std::fmt;

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use thiserror::Error;
use url::Url;

/// The largest document that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// Why nothing was found.
#[derive(Debug, Error)]
pub(crate) enum DiscoverError {
    /// The server does not answer.
    #[error("{0} does not answer")]
    Unreachable(Url),
    /// There is no metadata.
    #[error("{0} has no protected resource metadata: it may need no sign-in, or be no MCP server")]
    NoMetadata(Url),
    /// The metadata is about something else.
    #[error("the metadata is about {found}, not about {asked}")]
    OtherResource {
        /// What it is about.
        found: String,
        /// What was asked for.
        asked: Url,
    },
}

/// What an MCP server says about signing in.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "resource  {}", self.resource)?;
        for server in &self.authorization_servers {
            writeln!(formatter, "sign in   {server}")?;
        }
        write!(formatter, "scopes    {}", self.scopes_supported.join(" "))
    }
}

/// Asks the server, reads where its metadata is, and checks that the metadata
/// is about this server.
pub(crate) async fn discover(client: &Client, url: &Url) -> Result<Found, DiscoverError> {
    let metadata_url = match named_metadata(client, url).await? {
        Some(named) => named,
        None => well_known(url),
    };
    let unreachable = |_| DiscoverError::Unreachable(metadata_url.clone());
    let mut response = client
        .get(metadata_url.clone())
        .send()
        .await
        .map_err(unreachable)?;
    if response.status() != StatusCode::OK {
        return Err(DiscoverError::NoMetadata(url.clone()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(DiscoverError::NoMetadata(url.clone()));
        }
        body.extend_from_slice(&chunk);
    }
    let found: Found =
        serde_json::from_slice(&body).map_err(|_| DiscoverError::NoMetadata(url.clone()))?;
    // RFC 9728 section 3.3: otherwise it must not be used.
    if found.resource.trim_end_matches('/') != url.as_str().trim_end_matches('/') {
        return Err(DiscoverError::OtherResource {
            found: found.resource,
            asked: url.clone(),
        });
    }
    Ok(found)
}

/// The address that a 401 names in `resource_metadata`.
async fn named_metadata(client: &Client, url: &Url) -> Result<Option<Url>, DiscoverError> {
    let response = client
        .get(url.clone())
        .send()
        .await
        .map_err(|_| DiscoverError::Unreachable(url.clone()))?;
    Ok(response
        .headers()
        .get(WWW_AUTHENTICATE)
        .and_then(|value| value.to_str().ok())
        .and_then(resource_metadata)
        .filter(|named| named.origin() == url.origin()))
}

fn resource_metadata(challenge: &str) -> Option<Url> {
    let (_, rest) = challenge.split_once("resource_metadata=\"")?;
    let (value, _) = rest.split_once('"')?;
    Url::parse(value).ok()
}

/// Where the metadata is when nobody says (RFC 9728 section 3.1).
fn well_known(url: &Url) -> Url {
    let mut metadata = url.clone();
    let path = url.path().trim_end_matches('/');
    metadata.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
    metadata.set_query(None);
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_address_is_taken_out_of_a_challenge() {
        let challenge =
            r#"Bearer scope="mcp", resource_metadata="https://a.example/.well-known/x""#;
        assert_eq!(
            resource_metadata(challenge).unwrap().as_str(),
            "https://a.example/.well-known/x"
        );
        assert_eq!(resource_metadata("Bearer"), None);
    }

    #[test]
    fn the_well_known_address_is_inserted_before_the_path() {
        let url = Url::parse("https://a.example/mcp?x=1").unwrap();
        assert_eq!(
            well_known(&url).as_str(),
            "https://a.example/.well-known/oauth-protected-resource/mcp"
        );
    }
}
