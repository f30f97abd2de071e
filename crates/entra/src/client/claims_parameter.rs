use serde_json::{Map, Value, json};

use crate::EntraError;

/// Longest claims challenge that is passed on, in bytes.
const CHALLENGE_LIMIT: usize = 8 * 1024;

/// The `claims` parameter (OIDC Core 1.0 section 5.5): the challenge
/// if there is one, and the capability `cp1` ("I understand claims
/// challenges", Microsoft identity platform, "Claims challenges, claims
/// requests and client capabilities").
pub(super) fn claims_parameter(challenge: Option<&str>) -> Result<String, EntraError> {
    let mut claims = match challenge {
        Some(challenge) => parse(challenge)?,
        None => Map::new(),
    };
    let access_token = claims
        .entry("access_token")
        .or_insert_with(|| Value::Object(Map::new()));
    if access_token.is_null() {
        *access_token = Value::Object(Map::new());
    }
    let Value::Object(access_token) = access_token else {
        return Err(MALFORMED);
    };
    access_token.insert("xms_cc".to_owned(), json!({"values": ["cp1"]}));
    Ok(Value::Object(claims).to_string())
}

/// Whether `challenge` can be passed on: a JSON object of bounded length.
pub(crate) fn is_claims_challenge(challenge: &str) -> bool {
    parse(challenge).is_ok()
}

const MALFORMED: EntraError = EntraError::Protocol {
    reason: "the claims challenge is not a JSON object of at most 8 KiB",
};

fn parse(challenge: &str) -> Result<Map<String, Value>, EntraError> {
    if challenge.len() > CHALLENGE_LIMIT {
        return Err(MALFORMED);
    }
    serde_json::from_str(challenge).map_err(|_malformed| MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(challenge: Option<&str>) -> Value {
        serde_json::from_str(&claims_parameter(challenge).unwrap()).unwrap()
    }

    #[test]
    fn without_a_challenge_the_capability_stands_alone() {
        assert_eq!(
            claims_parameter(None).unwrap(),
            r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#
        );
    }

    #[test]
    fn a_challenge_keeps_its_members_beside_the_capability() {
        let challenge = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}},"id_token":{"auth_time":null}}"#;
        assert_eq!(
            merged(Some(challenge)),
            json!({
                "access_token": {
                    "acrs": {"essential": true, "value": "c1"},
                    "xms_cc": {"values": ["cp1"]},
                },
                "id_token": {"auth_time": null},
            })
        );
    }

    #[test]
    fn what_is_not_a_bounded_object_is_refused() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(CHALLENGE_LIMIT));
        for challenge in ["", "[]", "1", "{", r#"{"access_token":"x"}"#, &long] {
            assert!(claims_parameter(Some(challenge)).is_err());
        }
    }
}
