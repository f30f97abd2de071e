use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::challenge;
use crate::error::{FoundryError, UnavailableCause};

/// Most of an error body that is read.
const BODY: usize = 64 * 1024;

/// Longest error code that is passed on.
const CODE: usize = 64;

/// What an answer without success means. Reads the body for its error code;
/// the message stays behind, since it may quote the request.
pub(crate) async fn from_response(response: Response) -> FoundryError {
    let status = response.status();
    let claims = challenge::claims(response.headers());
    let retry_after = retry_after(response.headers());
    let codes = codes(&body(response).await);
    let code = codes.first().cloned();
    tracing::warn!(
        status = status.as_u16(),
        code = code.as_deref(),
        "Foundry refused a request"
    );
    if codes.iter().any(|code| code == "preview_feature_required") {
        return FoundryError::FeatureRequired;
    }
    match status {
        StatusCode::UNAUTHORIZED => FoundryError::Unauthorized { claims },
        StatusCode::FORBIDDEN => FoundryError::Forbidden { code },
        StatusCode::NOT_FOUND => FoundryError::NotFound,
        StatusCode::TOO_MANY_REQUESTS => FoundryError::RateLimited { retry_after },
        status if status.is_server_error() => FoundryError::Unavailable {
            source: UnavailableCause::Status {
                status: status.as_u16(),
                code,
            },
        },
        status if status.is_client_error() => FoundryError::Rejected {
            status: status.as_u16(),
            code,
        },
        _ => FoundryError::Protocol {
            reason: "a redirect or another status that an API does not send",
        },
    }
}

/// `Retry-After` in seconds, or Azure's variants in milliseconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .find_map(number)
        .map(Duration::from_millis)
        .or_else(|| number(RETRY_AFTER.as_str()).map(Duration::from_secs))
}

async fn body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = BODY.saturating_sub(body.len());
        body.extend(chunk.iter().take(room));
        if chunk.len() > room {
            break;
        }
    }
    body
}

/// The error's codes, outermost first: `error.code`, that of each inner error,
/// and `error.type`.
fn codes(body: &[u8]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let error = value.get("error").unwrap_or(&value);
    let inner = error.get("innererror");
    [
        error.get("code"),
        inner.and_then(|inner| inner.get("code")),
        error.get("type"),
    ]
    .into_iter()
    .flatten()
    .filter_map(|code| plain_code(code.as_str()?))
    .collect()
}

/// A code, if it looks like one: what a service puts there beyond that could
/// be text of the conversation on its way to a log.
pub(crate) fn plain_code(code: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!code.is_empty() && code.len() <= CODE && code.bytes().all(plain)).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_wherever_the_service_puts_them() {
        let nested = br#"{"error":{"code":"UserError","innererror":{"code":"inner"},"type":"t"}}"#;
        assert_eq!(codes(nested), ["UserError", "inner", "t"]);
        assert_eq!(codes(br#"{"code":"plain"}"#), ["plain"]);
        assert!(codes(br#"{"error":{"code":"You said: hello"}}"#).is_empty());
        assert!(codes(br#"{"error":"text"}"#).is_empty());
        assert!(codes(b"<html>").is_empty());
    }

    #[test]
    fn waits_are_read_in_seconds_and_milliseconds() {
        let read = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("retry-after", "3"), Some(Duration::from_secs(3)));
        assert_eq!(
            read("retry-after-ms", "250"),
            Some(Duration::from_millis(250))
        );
        assert_eq!(
            read("x-ms-retry-after-ms", "1"),
            Some(Duration::from_millis(1))
        );
        assert_eq!(read("retry-after", "soon"), None);
        assert_eq!(read("other", "3"), None);
    }
}
