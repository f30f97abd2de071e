//! An authorization request that was found sound.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::Resource;
use super::clients::RedirectKind;
use super::scope::Scope;
use crate::config::BaseUrl;

/// Where an answer goes, as people understand it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A website.
    Website,
    /// A program that listens on the person's own computer.
    ThisComputer,
    /// An app that the operating system knows by its scheme.
    App,
}

impl From<RedirectKind> for Destination {
    fn from(kind: RedirectKind) -> Self {
        match kind {
            RedirectKind::Https => Self::Website,
            RedirectKind::Loopback => Self::ThisComputer,
            RedirectKind::CustomScheme => Self::App,
        }
    }
}

/// Where the answer to an authorization request goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnAddress {
    /// The redirect URI, matched with those of the client.
    pub redirect_uri: String,
    /// What it leads to.
    pub destination: Destination,
    /// The client's state.
    pub state: Option<String>,
}

impl ReturnAddress {
    /// The address with these parameters, the client's state, and who
    /// answers (RFC 9207). The redirect URI itself stays as it is, byte for
    /// byte.
    #[must_use]
    pub fn with(&self, base: &BaseUrl, parameters: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", base.as_str());
        let separator = match self.redirect_uri.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some((_, query)) if query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{separator}{}", self.redirect_uri, query.finish())
    }
}

/// An authorization request (RFC 6749 section 4.1.1, RFC 7636, RFC 8707) that
/// was found sound.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The client.
    pub client_id: String,
    /// What it calls itself.
    pub client_name: Option<String>,
    /// Where the answer goes.
    pub to: ReturnAddress,
    /// The PKCE challenge (S256).
    pub code_challenge: String,
    /// What is asked for.
    pub resource: Resource,
    /// The scope.
    pub scope: Scope,
    /// Whether the person must enter their credentials.
    pub login: bool,
    /// Whether the person must choose an account.
    pub select_account: bool,
    /// The account to suggest.
    pub login_hint: Option<String>,
    /// The tenant's domain to suggest.
    pub domain_hint: Option<String>,
}

impl AuthorizationRequest {
    /// Whether a consent to this may be remembered: anything on a computer
    /// can take a loopback port or a scheme, so for those it never is.
    #[must_use]
    pub fn may_be_remembered(&self) -> bool {
        self.to.destination == Destination::Website
    }
}

/// How the person consented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum ConsentGiven {
    /// The client is one that an administrator configured.
    NotNeeded,
    /// On the page, just now.
    Now {
        /// Whether it is to be remembered.
        remember: bool,
    },
    /// Earlier, by whom this partition belongs to.
    Remembered {
        /// The person's partition.
        partition: String,
    },
}

/// A sign-in that a client of the authorization server began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientFlow {
    /// What was asked for.
    pub request: AuthorizationRequest,
    /// How it was consented to.
    pub consent: ConsentGiven,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_and_the_redirect_uri_stays() {
        let base = BaseUrl::parse("https://entrada.example").unwrap();
        let with = |uri: &str| {
            ReturnAddress {
                redirect_uri: uri.to_owned(),
                destination: Destination::Website,
                state: Some("a b&c".to_owned()),
            }
            .with(&base, &[("code", "x/y")])
        };
        let added = "code=x%2Fy&state=a+b%26c&iss=https%3A%2F%2Fentrada.example";
        for (uri, separator) in [
            ("https://a.example/cb", "?"),
            ("https://a.example/cb?", ""),
            ("https://a.example/cb?x=1", "&"),
            ("https://a.example/cb?x=1&", ""),
            ("cursor://a/cb", "?"),
        ] {
            assert_eq!(with(uri), format!("{uri}{separator}{added}"));
        }
    }
}
