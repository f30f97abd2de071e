use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::{alphabet, engine::DecodePaddingMode};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// Longest claims request that is passed on, in characters of base64.
const LONGEST: usize = 8 * 1024;

/// The claims request of a continuous access evaluation challenge:
/// `WWW-Authenticate: Bearer …, error="insufficient_claims", claims="{base64}"`
/// (Microsoft: "Claims challenges, claims requests, and client capabilities").
/// Decoded, and `None` unless it is a JSON object.
#[must_use]
pub fn claims(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|value| {
            let error = parameter(value, "error")?;
            let claims = parameter(value, "claims")?;
            (error == "insufficient_claims" && claims.len() <= LONGEST)
                .then(|| decode(&claims))
                .flatten()
        })
}

/// The value of an auth-param (RFC 9110 section 11.2), quoted or a token.
/// Walks the list, so that a name inside a quoted value is not taken for one.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let mut rest = challenge;
    while let Some((before, after)) = rest.split_once('=') {
        let found = before
            .rsplit([' ', ',', '\t'])
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(name));
        let (value, tail) = value(after.trim_start());
        if found {
            return Some(value);
        }
        rest = tail;
    }
    None
}

/// Splits a value off the front: its unescaped text, and what follows.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, tail) = text.split_at(end);
        return (value.to_owned(), tail);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

/// Services write standard or URL-safe base64, padded or not.
fn decode(claims: &str) -> Option<String> {
    let standard = claims.replace('-', "+").replace('_', "/");
    let engine = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let bytes = engine.decode(standard).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::{any, proptest};
    use reqwest::header::HeaderValue;

    use super::*;

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}"#;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn a_claims_challenge_is_decoded_in_either_alphabet() {
        for encoded in [STANDARD.encode(CLAIMS), URL_SAFE_NO_PAD.encode(CLAIMS)] {
            let header = format!(
                r#"Bearer realm="", authorization_uri="https://login.example/authorize?error=x", error="insufficient_claims", claims="{encoded}""#
            );
            assert_eq!(claims(&headers(&header)).as_deref(), Some(CLAIMS));
        }
    }

    #[test]
    fn the_challenge_may_be_one_of_several_and_unquoted() {
        let encoded = URL_SAFE_NO_PAD.encode(CLAIMS);
        let mut both = headers("Basic realm=\"x\"");
        both.append(
            WWW_AUTHENTICATE,
            format!("Bearer CLAIMS={encoded},Error=insufficient_claims")
                .parse()
                .unwrap(),
        );
        assert_eq!(claims(&both).as_deref(), Some(CLAIMS));
    }

    #[test]
    fn nothing_else_is_taken_for_a_challenge() {
        let encoded = STANDARD.encode(CLAIMS);
        for header in [
            r#"Bearer error="invalid_token""#.to_owned(),
            format!(r#"Bearer claims="{encoded}""#),
            format!(r#"Bearer error="invalid_token", claims="{encoded}""#),
            format!(r#"Bearer realm="error=\"insufficient_claims\"", claims="{encoded}""#),
            r#"Bearer error="insufficient_claims", claims="not base64!""#.to_owned(),
            format!(
                r#"Bearer error="insufficient_claims", claims="{}""#,
                STANDARD.encode("[1]")
            ),
            r#"Bearer error="insufficient_claims", claims=""#.to_owned(),
            String::new(),
        ] {
            assert_eq!(claims(&headers(&header)), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(value in any::<String>()) {
            let _ = parameter(&value, "claims");
        }
    }
}
