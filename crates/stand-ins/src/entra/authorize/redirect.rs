use url::{Host, Url};

use super::super::Entra;
use super::super::error::{EntraError, OAuthError};
use crate::directory::{self, Application};

/// Where the answer of an authorization request goes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    /// As the client gave it: it must be given again with the code.
    pub(super) uri: String,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
}

/// OAuth 2.0 Multiple Response Types section 2.1, and Form Post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// The redirect URI of a request, if it is registered. Without one in the
/// request it is the client's only one.
pub(super) fn registered(
    entra: &Entra,
    client: &Application,
    asked: Option<&str>,
) -> Result<String, EntraError> {
    let own: &[String] = if client.client_id == directory::CLIENT_ID {
        &entra.redirect_uris
    } else {
        &[]
    };
    let mut registered = own
        .iter()
        .map(String::as_str)
        .chain(client.redirect_uris.iter().copied());
    let Some(asked) = asked else {
        let only = registered.next().filter(|_| registered.next().is_none());
        return only.map(str::to_owned).ok_or_else(|| {
            EntraError::new(
                900_971,
                OAuthError::InvalidRequest,
                "No reply address provided.",
            )
        });
    };
    if registered.any(|uri| matches(uri, asked)) {
        return Ok(asked.to_owned());
    }
    Err(EntraError::new(
        50011,
        OAuthError::InvalidRequest,
        format!(
            "The redirect URI '{asked}' specified in the request does not match the redirect URIs \
             configured for the application '{}'. Make sure the redirect URI sent in the request \
             matches one added to your application in the Azure portal.",
            client.client_id
        ),
    ))
}

/// Equal byte for byte, or a loopback `http` address that differs in the port
/// alone (Microsoft Learn, "Redirect URI restrictions and limitations", by RFC
/// 8252 section 7.3).
fn matches(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let (Ok(mut registered), Ok(mut asked)) = (Url::parse(registered), Url::parse(asked)) else {
        return false;
    };
    let loopback = registered.scheme() == "http"
        && match registered.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
    loopback
        && registered.set_port(None).is_ok()
        && asked.set_port(None).is_ok()
        && registered == asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_matches_on_any_port_and_nothing_else_does() {
        let registered = "http://localhost/auth/callback";
        assert!(matches(registered, "http://localhost:7071/auth/callback"));
        assert!(matches("http://127.0.0.1/x", "http://127.0.0.1:9/x"));
        for other in [
            "http://localhost:7071/auth/callback/",
            "http://localhost:7071/auth/callback?x=1",
            "http://localhost:7071/auth/callback#x",
            "http://user@localhost:7071/auth/callback",
            "https://localhost:7071/auth/callback",
            "http://127.0.0.1:7071/auth/callback",
            "http://localhost.evil.example/auth/callback",
            "/auth/callback",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
    }

    #[test]
    fn any_other_address_matches_exactly() {
        let registered = "https://app.example/callback";
        assert!(matches(registered, registered));
        assert!(!matches(registered, "https://app.example:8443/callback"));
        assert!(!matches(registered, "https://app.example/Callback"));
    }
}
