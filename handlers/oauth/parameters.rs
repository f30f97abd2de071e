//! Parameters of OAuth requests, from a query or a form.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::{StatusCode, header};
use url::form_urlencoded;

use super::OAuthError;

/// The parameters of a request. Empty ones count as absent, and one that is
/// repeated makes the request invalid (RFC 6749 section 3.1).
#[derive(Default)]
pub struct Parameters {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Parameters")
            .field("names", &self.values.keys())
            .finish_non_exhaustive()
    }
}

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text.
    #[must_use]
    pub fn parse(encoded: &[u8]) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(encoded) {
            if parameters.values.contains_key(name.as_ref()) {
                parameters.repeated.insert(name.into_owned());
            } else {
                parameters
                    .values
                    .insert(name.into_owned(), value.into_owned());
            }
        }
        parameters
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a parameter comes more than once.
    #[must_use]
    pub fn is_repeated(&self, name: &str) -> bool {
        self.repeated.contains(name)
    }

    /// A parameter that comes more than once, if any does.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.first().map(String::as_str)
    }
}

/// A form in a body. Refused with 400, 413 or 415 as RFC 6749 section 5.2
/// has it.
#[derive(Debug)]
pub struct OAuthForm(pub Parameters);

impl<S: Send + Sync> FromRequest<S> for OAuthForm {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|media| {
                media
                    .trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if !is_form {
            return Err(OAuthError::invalid_request(
                "send a form: Content-Type application/x-www-form-urlencoded",
            )
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                OAuthError::invalid_request("the body is too large or could not be read")
                    .with_status(rejection.status())
            })?;
        let parameters = Parameters::parse(&body);
        if parameters.repeated().is_some() {
            return Err(OAuthError::invalid_request(
                "a parameter comes more than once",
            ));
        }
        Ok(Self(parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_is_absent_and_a_repeated_one_is_noticed() {
        let parameters = Parameters::parse(b"a=1&b=&c=x%20y+z&c=2");
        assert_eq!(parameters.get("a"), Some("1"));
        assert_eq!(parameters.get("b"), None);
        assert_eq!(parameters.get("c"), Some("x y z"));
        assert!(parameters.is_repeated("c") && !parameters.is_repeated("a"));
    }
}
