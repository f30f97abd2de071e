//! Where Entra sends browsers back to.

use url::Url;

use super::BaseUrl;
use super::reader::Reader;

const NAME: &str = "ENTRADA_CALLBACK_URL";

/// Paths that the router answers itself: it takes no second route there.
const TAKEN: [&str; 31] = [
    "/",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-protected-resource/runtime/webhooks/mcp",
    "/.well-known/openid-configuration",
    "/api/agents",
    "/api/auth/me",
    "/api/chat",
    "/api/docs",
    "/api/grants",
    "/api/health",
    "/api/openapi.json",
    "/api/redoc",
    "/api/sessions",
    "/auth/exchange",
    "/auth/info",
    "/auth/login",
    "/auth/logout",
    "/auth/refresh",
    "/authorize",
    "/consent",
    "/health",
    "/mcp",
    "/mcp/tools",
    "/register",
    "/revoke",
    "/runtime/webhooks/mcp",
    "/sweep",
    "/token",
];

/// The redirect URI: under the base URL, at a path that can be a route of its
/// own.
pub(super) fn url(reader: &mut Reader<'_>, base: Option<&BaseUrl>) -> Option<Url> {
    let Some(text) = reader.text(NAME) else {
        return Url::parse(&base?.join("/auth/callback")).ok();
    };
    let base = base?;
    let fault = match Url::parse(&text) {
        Ok(url) => match fault(&url, base) {
            None => return Some(url),
            Some(fault) => fault,
        },
        Err(_) => "is not a URL",
    };
    reader.faults.note(NAME, fault);
    None
}

fn fault(url: &Url, base: &BaseUrl) -> Option<&'static str> {
    let path = url.path();
    let lies_under_base = url.origin().ascii_serialization() == base.as_str();
    if !lies_under_base || url.query().is_some() || url.fragment().is_some() {
        return Some("must lie under ENTRADA_BASE_URL and have neither query nor fragment");
    }
    if TAKEN.contains(&path) {
        return Some("must have a path of its own: something else of the server answers there");
    }
    // axum panics at what were parameters in its older versions.
    let parameter = |segment: &str| segment.starts_with([':', '*']);
    if path.split('/').any(parameter) {
        return Some("must have no part of its path that begins with `:` or `*`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A route that is added to the router is added here too.
    #[test]
    fn every_fixed_route_is_taken() {
        let router = include_str!("../router.rs");
        let written = router.split('"').skip(1).step_by(2);
        let fixed = written.filter(|text| text.starts_with('/') && !text.contains('{'));
        let own = ["/auth/callback", "/.well-known"];
        let missing: Vec<_> = fixed
            .filter(|path| !TAKEN.contains(path) && !own.contains(path))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
