//! The `WWW-Authenticate` header of a refusal (RFC 6750 section 3, RFC 9728
//! section 5.1).

use std::fmt::Write as _;

use http::HeaderValue;

/// A `Bearer` challenge.
#[derive(Debug, Default, Clone)]
pub struct Challenge {
    parameters: String,
}

impl Challenge {
    /// A challenge without parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter. The value is written as a quoted string (RFC 9110
    /// section 5.6.4); characters that RFC 6750 section 3 does not allow in
    /// `error_description` become spaces or single quotes.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let separator = if self.parameters.is_empty() { "" } else { ", " };
        let value: String = value
            .chars()
            .map(|character| match character {
                '"' | '\\' => '\'',
                ' '..='~' => character,
                _ => ' ',
            })
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(self.parameters, "{separator}{name}=\"{value}\"");
        self
    }

    /// The header's value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        let text = format!("Bearer {}", self.parameters);
        HeaderValue::from_str(text.trim_end()).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_quoted_and_cannot_break_out() {
        let challenge = Challenge::new()
            .with("error", "invalid_token")
            .with("error_description", "a \"quote\"\r\nX: y ü");
        assert_eq!(
            challenge.header().to_str().unwrap(),
            "Bearer error=\"invalid_token\", error_description=\"a 'quote'  X: y  \""
        );
    }

    #[test]
    fn without_parameters_it_is_the_scheme_alone() {
        assert_eq!(Challenge::new().header(), "Bearer");
    }
}
