use std::collections::BTreeMap;

use serde_json::Value;

use super::error::EntraError;
use super::refusal;
use crate::encoding::{base64url, sha256};

/// A `claims` parameter (`OpenID` Connect Core section 5.5; Microsoft Learn,
/// "Claims challenges, claims requests and client capabilities").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClaimsRequest {
    /// Digest of what is asked of the sign-in; `None` when nothing is.
    pub(crate) challenge: Option<String>,
    /// The client declares the capability `cp1` to handle challenges.
    pub(crate) challenge_capable: bool,
}

impl ClaimsRequest {
    /// Reads the parameter. Inferred: which code Entra has for one that is no
    /// JSON object is not documented.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, EntraError> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let claims: Value = serde_json::from_str(text)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| refusal::invalid_request("The 'claims' parameter is not valid JSON."))?;
        let capabilities = claims
            .pointer("/access_token/xms_cc/values")
            .and_then(Value::as_array);
        Ok(Self {
            challenge_capable: capabilities
                .is_some_and(|values| values.iter().any(|value| value == "cp1")),
            challenge: digest(&claims),
        })
    }
}

/// A digest of what a claims request asks of the access token. It does not
/// depend on the order of members, nor on the client's capabilities, which
/// client libraries merge into it. `None` when it asks for nothing: MSAL for
/// Node always asks for claims of the id token, and that is no challenge.
pub(crate) fn digest(claims: &Value) -> Option<String> {
    let canonical = canonical(claims.get("access_token")?);
    if canonical == "{}" {
        return None;
    }
    base64url(&sha256(canonical.as_bytes()))
        .get(..22)
        .map(str::to_owned)
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, String> = members
                .iter()
                .filter(|(name, _)| *name != "xms_cc")
                .map(|(name, value)| (name, canonical(value)))
                .filter(|(_, value)| value != "{}")
                .collect();
            let members: Vec<String> = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{value}", Value::String(name.clone())))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn capabilities_and_order_do_not_change_the_challenge() {
        let challenge = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
        let merged = r#"{"access_token":{"xms_cc":{"values":["cp1"]},"acrs":{"value":"c1","essential":true}}}"#;
        let request = ClaimsRequest::parse(Some(merged)).unwrap();
        assert!(request.challenge_capable);
        assert_eq!(request.challenge, digest(&challenge));
        assert!(request.challenge.is_some());
    }

    #[test]
    fn capabilities_alone_are_no_challenge() {
        let request =
            ClaimsRequest::parse(Some(r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#))
                .unwrap();
        assert_eq!(request.challenge, None);
        let id_token = r#"{"id_token":{"login_hint":{"essential":false}}}"#;
        assert_eq!(
            ClaimsRequest::parse(Some(id_token)).unwrap().challenge,
            None
        );
        assert_eq!(
            ClaimsRequest::parse(None).unwrap(),
            ClaimsRequest::default()
        );
        assert_eq!(ClaimsRequest::parse(Some("x")).unwrap_err().code(), 90023);
    }
}
