use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::Fault;
use super::claims::Claims;

/// Longest token that is looked at, in bytes. Entra's stay below 8 KiB, since
/// it replaces long lists of groups by a reference.
pub(crate) const TOKEN_LIMIT: usize = 16 * 1024;

/// A signed token in compact form (RFC 7515 section 7.1), taken apart and not
/// verified.
pub(crate) struct UnverifiedToken<'a> {
    /// `kid`; empty when absent.
    pub(crate) key_id: String,
    /// What the signature is over.
    pub(crate) signing_input: &'a str,
    /// The signature, base64url.
    pub(crate) signature: &'a str,
    /// What the token claims. Not to be acted on, but for saying why the token
    /// is refused.
    pub(crate) unverified_claims: Claims,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes `token` apart.
    ///
    /// # Errors
    /// `Malformed`, `CriticalHeader` or `UnsupportedAlgorithm`.
    pub(crate) fn parse(token: &'a str) -> Result<Self, Fault> {
        if token.len() > TOKEN_LIMIT {
            return Err(Fault::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Fault::Malformed)?;
        let header: Header = decode(header)?;
        if header.crit.is_some() {
            return Err(Fault::CriticalHeader);
        }
        // Entra signs with RS256 alone. Naming it here, rather than trusting
        // the header, is what keeps `none` and HS256 by the public key out
        // (RFC 8725 section 3.1).
        if header.alg != "RS256" {
            return Err(Fault::UnsupportedAlgorithm);
        }
        Ok(Self {
            key_id: header.kid.unwrap_or_default(),
            signing_input,
            signature,
            unverified_claims: decode(payload)?,
        })
    }
}

/// Decodes one base64url part that holds a JSON object without a name twice:
/// with two, whoever reads the token next may see the other one.
fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Fault> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_malformed| Fault::Malformed)?;
    serde_json::from_slice::<UniqueObject>(&bytes)
        .and_then(|object| serde_json::from_value(Value::Object(object.0)))
        .map_err(|_malformed| Fault::Malformed)
}

/// A JSON object in which no name occurs twice.
struct UniqueObject(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueObject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueObjectVisitor)
    }
}

struct UniqueObjectVisitor;

impl<'de> Visitor<'de> for UniqueObjectVisitor {
    type Value = UniqueObject;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<UniqueObject, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name occurs twice"));
            }
        }
        Ok(UniqueObject(object))
    }
}
