//! Redirect URIs: which may be registered, and which one a request names.

use std::collections::BTreeSet;

use thiserror::Error;
use url::{Host, Url};

/// Redirect URIs with a scheme of their own that known MCP clients use:
/// Cursor's.
const KNOWN_CUSTOM: [&str; 1] = ["cursor://anysphere.cursor-mcp/oauth/callback"];

/// Schemes that run or show what they carry, in the browser that is sent
/// there.
const DANGEROUS: [&str; 12] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
    "ftp",
    "ws",
    "wss",
    "mailto",
];

/// The longest redirect URI that is taken, in bytes.
const LONGEST: usize = 2048;

/// What a redirect URI leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectKind {
    /// A website.
    Https,
    /// A program that listens on the person's own machine.
    Loopback,
    /// A program that has a scheme of its own on the person's machine.
    CustomScheme,
}

/// A redirect URI that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedRedirect {
    /// The URI as it was asked for.
    pub uri: String,
    /// What it leads to.
    pub kind: RedirectKind,
}

/// Why a redirect URI is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RedirectRefusal {
    /// It is none of those that the client registered.
    #[error("it is none of those that the client registered")]
    NotRegistered,
    /// It cannot be read as an absolute URI.
    #[error("it is not an absolute URI of printable ASCII characters without a wildcard")]
    Malformed,
    /// It is too long.
    #[error("it is longer than 2,048 characters")]
    TooLong,
    /// It has a fragment (RFC 6749 section 3.1.2 forbids it).
    #[error("it has a fragment")]
    Fragment,
    /// It has a user name or password.
    #[error("it has a user name or a password")]
    UserInformation,
    /// It has `.` or `..` as part of its path.
    #[error("it has `.` or `..` in its path")]
    DotSegment,
    /// It is `http` but not to the loopback interface.
    #[error("it is http but leads neither to localhost nor to 127.0.0.1 or [::1]")]
    PlainHttp,
    /// Its scheme is one that is never taken.
    #[error("its scheme is one that is never taken")]
    DangerousScheme,
    /// A client that calls itself a web application has https alone.
    #[error("it is not https, which a client with application_type web must use")]
    NotForWeb,
    /// It needs no place on the list of those with a scheme of their own.
    #[error("its scheme is http or https: clients register those themselves")]
    NotCustom,
    /// Its scheme is neither http nor https, and it is not on the list of
    /// exact URIs of that kind.
    #[error(
        "its scheme is neither http nor https, and it is not one of the exact URIs that the server's setting ENTRADA_CUSTOM_REDIRECT_URIS allows"
    )]
    UnknownCustomScheme,
}

/// Which redirect URIs may be registered by anybody.
#[derive(Debug, Clone)]
pub struct RedirectRules {
    custom: BTreeSet<String>,
}

impl RedirectRules {
    /// https anywhere, http on the loopback interface, and of other schemes
    /// exactly those URIs that known clients use and those of `custom`
    /// (`ENTRADA_CUSTOM_REDIRECT_URIS`).
    #[must_use]
    pub fn new(custom: impl IntoIterator<Item = String>) -> Self {
        let known = KNOWN_CUSTOM.into_iter().map(str::to_owned);
        Self {
            custom: known.chain(custom).collect(),
        }
    }

    /// Whether anybody may register `uri`, and what it leads to.
    ///
    /// # Errors
    /// With the reason, when it may not be registered.
    pub fn check(&self, uri: &str) -> Result<RedirectKind, RedirectRefusal> {
        let kind = sound(uri)?;
        if kind == RedirectKind::CustomScheme && !self.custom.contains(uri) {
            return Err(RedirectRefusal::UnknownCustomScheme);
        }
        Ok(kind)
    }
}

/// Whether `uri` may stand on the list of redirect URIs with a scheme of
/// their own (`ENTRADA_CUSTOM_REDIRECT_URIS`).
///
/// # Errors
/// With the reason: it is not sound, or needs no place on that list.
pub fn custom_redirect_uri(uri: &str) -> Result<(), RedirectRefusal> {
    match sound(uri)? {
        RedirectKind::CustomScheme => Ok(()),
        RedirectKind::Https | RedirectKind::Loopback => Err(RedirectRefusal::NotCustom),
    }
}

/// What `uri` leads to, if it is sound: the rules that hold even for what an
/// administrator configured.
pub(super) fn sound(uri: &str) -> Result<RedirectKind, RedirectRefusal> {
    if uri.len() > LONGEST {
        return Err(RedirectRefusal::TooLong);
    }
    // Browsers and URL parsers disagree about backslashes, spaces and
    // control characters; a wildcard is somebody's hope that we match it.
    let printable = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'*');
    if !uri.bytes().all(printable) {
        return Err(RedirectRefusal::Malformed);
    }
    let url = Url::parse(uri).map_err(|_| RedirectRefusal::Malformed)?;
    if DANGEROUS.contains(&url.scheme()) {
        return Err(RedirectRefusal::DangerousScheme);
    }
    if uri.contains('#') {
        return Err(RedirectRefusal::Fragment);
    }
    if !url.username().is_empty() || url.password().is_some() || authority(uri).contains('@') {
        return Err(RedirectRefusal::UserInformation);
    }
    if has_dot_segment(uri) {
        return Err(RedirectRefusal::DotSegment);
    }
    match url.scheme() {
        // Browsers resolve `https:path` against the page that they are on.
        "https" if begins_with(uri, "https://") && has_host(&url) => Ok(RedirectKind::Https),
        "http" if loopback(uri).is_some() => Ok(RedirectKind::Loopback),
        "http" => Err(RedirectRefusal::PlainHttp),
        "https" => Err(RedirectRefusal::Malformed),
        _ => Ok(RedirectKind::CustomScheme),
    }
}

fn begins_with(uri: &str, prefix: &str) -> bool {
    uri.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn has_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => !name.is_empty(),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

/// What stands between `//` and the path.
fn authority(uri: &str) -> &str {
    let after = uri.split_once("//").map_or("", |(_, after)| after);
    after.split(['/', '?']).next().unwrap_or_default()
}

/// Whether a part of the path is `.` or `..`, percent-encoded or not: URL
/// parsers remove them, so that what is compared is not what is called.
fn has_dot_segment(uri: &str) -> bool {
    let path = uri.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

/// Host, and path with query, of an `http` URI to the loopback interface.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end)?;
    ["localhost", "127.0.0.1", "[::1]"]
        .into_iter()
        .find_map(|host| {
            let port = authority.strip_prefix(host)?;
            is_port(port).then_some((host, after))
        })
}

/// Nothing, or a colon and a port.
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some(digits) => {
            digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
    }
}

/// The registered URI that `asked` is.
pub(super) fn find_match(
    registered: &[String],
    asked: &str,
) -> Result<MatchedRedirect, RedirectRefusal> {
    let kind = sound(asked)?;
    let same = |registered: &String| {
        registered == asked
            || (kind == RedirectKind::Loopback && loopback(registered) == loopback(asked))
    };
    if registered.iter().any(same) {
        return Ok(MatchedRedirect {
            uri: asked.to_owned(),
            kind,
        });
    }
    Err(RedirectRefusal::NotRegistered)
}
