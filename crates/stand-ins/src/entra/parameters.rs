use std::collections::BTreeMap;

use super::error::EntraError;
use super::refusal;

/// The parameters of a request, from a query or a form, each at most once
/// (RFC 6749 section 3.1). An empty value counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, EntraError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            let name = name.into_owned();
            if parameters.contains_key(&name) {
                let why = format!("The parameter '{name}' is given more than once.");
                return Err(refusal::invalid_request(&why));
            }
            parameters.insert(name, value.into_owned());
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The parameter `name`, or AADSTS900144.
    pub(crate) fn required(&self, name: &str) -> Result<&str, EntraError> {
        self.get(name)
            .ok_or_else(|| refusal::missing_parameter(name))
    }

    /// Whether the flag `name` is `1`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_given_once_and_an_empty_one_is_absent() {
        let parameters = Parameters::parse(b"a=1&b=&c=x+y").unwrap();
        assert!(parameters.flag("a"));
        assert_eq!(parameters.get("c"), Some("x y"));
        assert_eq!(parameters.required("b").unwrap_err().code(), 900_144);
        assert_eq!(Parameters::parse(b"a=1&a=2").unwrap_err().code(), 90023);
    }
}
