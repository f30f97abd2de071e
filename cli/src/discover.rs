//! Discovery: the resource metadata of an MCP server (RFC 9728 section 3).

use std::fmt;

use entrada_ambient::printable;
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
    #[error("{url} does not answer")]
    Unreachable {
        /// Who.
        url: Url,
        /// Why.
        #[source]
        cause: reqwest::Error,
    },
    /// There is no metadata.
    #[error("{0} has no protected resource metadata: it may need no sign-in, or be no MCP server")]
    NoMetadata(Url),
    /// The metadata is about something else.
    #[error("the metadata is about {}, not about {asked}", printable(found))]
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
        writeln!(formatter, "resource  {}", printable(&self.resource))?;
        for server in &self.authorization_servers {
            writeln!(formatter, "sign in   {}", printable(server))?;
        }
        let scopes = printable(&self.scopes_supported.join(" "));
        write!(formatter, "scopes    {scopes}")
    }
}

/// Asks the server, reads where its metadata is, and checks that the metadata
/// is about this server.
pub(crate) async fn discover(client: &Client, url: &Url) -> Result<Found, DiscoverError> {
    let metadata_url = match named_metadata(client, url).await? {
        Some(named) => named,
        None => well_known(url),
    };
    let unreachable = |cause| unreachable(&metadata_url, cause);
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

fn unreachable(url: &Url, cause: reqwest::Error) -> DiscoverError {
    DiscoverError::Unreachable {
        url: url.clone(),
        cause: cause.without_url(),
    }
}

/// The address that a 401 names in `resource_metadata`.
async fn named_metadata(client: &Client, url: &Url) -> Result<Option<Url>, DiscoverError> {
    let response = client
        .get(url.clone())
        .send()
        .await
        .map_err(|cause| unreachable(url, cause))?;
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
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use entrada_ambient::{NetworkOptions, http_client};

    use super::*;

    fn address(listener: &TcpListener) -> Url {
        Url::parse(&format!("http://{}/mcp", listener.local_addr().unwrap())).unwrap()
    }

    async fn ask(url: &Url) -> Result<Found, DiscoverError> {
        let client = http_client(&NetworkOptions::default()).unwrap();
        discover(&client, url).await
    }

    /// Answers two requests: of the door, and of its metadata.
    fn serve(listener: TcpListener, metadata: String) {
        std::thread::spawn(move || {
            for (status, body) in [("401 Unauthorized", String::new()), ("200 OK", metadata)] {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                for line in lines {
                    if line.unwrap().is_empty() {
                        break;
                    }
                }
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
            }
        });
    }

    #[tokio::test]
    async fn what_a_server_says_does_nothing_to_the_terminal() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = address(&listener);
        let metadata = serde_json::json!({
            "resource": url,
            "authorization_servers": ["https://a.example/\u{1b}]0;x\u{7}"],
            "scopes_supported": ["mcp\u{1b}[2J"],
        });
        serve(listener, metadata.to_string());
        let text = ask(&url).await.unwrap().to_string();
        assert!(text.contains("scopes    mcp\u{fffd}[2J"), "{text:?}");
        let acts = |character: char| character.is_control() && character != '\n';
        assert!(!text.contains(acts), "{text:?}");

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = address(&listener);
        let other = serde_json::json!({"resource": "https://b.example/\u{1b}[2J"});
        serve(listener, other.to_string());
        let error = ask(&url).await.unwrap_err().to_string();
        assert!(
            error.contains("b.example") && !error.contains(acts),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn why_a_server_does_not_answer_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = address(&listener);
        drop(listener);
        let error = ask(&url).await.unwrap_err();
        let text = crate::describe(&error);
        assert!(text.contains("does not answer: "), "{text}");
        assert!(text.to_lowercase().contains("refused"), "{text}");
    }

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
