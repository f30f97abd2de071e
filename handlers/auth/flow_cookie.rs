//! The cookie that binds a flow to the browser that began it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use http::header::COOKIE;

use crate::config::BaseUrl;

/// The name of a flow's cookie: one for each flow, so that sign-ins in two
/// tabs do not disturb each other. On https it has the `__Host-` prefix
/// (RFC 6265bis section 4.1.3.2); plain http on this machine cannot.
fn name(purpose: &str, state: &str, base: &BaseUrl) -> String {
    let prefix = if base.is_https() { "__Host-" } else { "" };
    let mut name = format!("{prefix}entrada-{purpose}-");
    for byte in digest(&SHA256, state.as_bytes()).as_ref().iter().take(4) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The `Set-Cookie` value that gives a browser `value` for `seconds`.
pub(crate) fn set(purpose: &str, state: &str, value: &str, seconds: i64, base: &BaseUrl) -> String {
    let secure = if base.is_https() { "; Secure" } else { "" };
    format!(
        "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
        name(purpose, state, base)
    )
}

/// The `Set-Cookie` value that takes it away again.
pub(crate) fn clear(purpose: &str, state: &str, base: &BaseUrl) -> String {
    set(purpose, state, "", 0, base)
}

/// The cookie's value in a request.
pub(crate) fn read(
    purpose: &str,
    state: &str,
    base: &BaseUrl,
    headers: &HeaderMap,
) -> Option<String> {
    let name = name(purpose, state, base);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_cookie_is_read_back_by_its_own_flow_alone() {
        let base = BaseUrl::parse("https://entrada.example").unwrap();
        let cookie = set("login", "state", "value", 600, &base);
        assert!(cookie.starts_with("__Host-entrada-login-"));
        assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"));
        let mut headers = HeaderMap::new();
        let pair = cookie.split(';').next().unwrap();
        headers.insert(
            COOKIE,
            HeaderValue::from_str(&format!("a=b; {pair}")).unwrap(),
        );
        assert_eq!(
            read("login", "state", &base, &headers).as_deref(),
            Some("value")
        );
        assert_eq!(read("login", "other", &base, &headers), None);
    }

    #[test]
    fn plain_http_gets_a_plain_cookie() {
        let base = BaseUrl::parse("http://localhost:7071").unwrap();
        let cookie = set("login", "state", "value", 600, &base);
        assert!(cookie.starts_with("entrada-login-") && !cookie.contains("Secure"));
    }
}
