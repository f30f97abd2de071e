//! What a token says of itself, for reading alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_entra::UnverifiedClaims;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::identity::OwnToken;
use crate::terminal::printable;

pub(super) type Facts = Vec<(&'static str, String)>;

/// A JWT's header.
#[derive(Deserialize)]
pub(super) struct Header {
    typ: Option<String>,
    alg: String,
}

impl Header {
    pub(super) fn of(token: &str) -> Option<Self> {
        part(token, 0)
    }

    /// The type and algorithm of Entrada's own tokens (RFC 9068 section 2.1).
    pub(super) fn is_of_entrada(&self) -> bool {
        self.typ.as_deref() == Some("at+jwt") && self.alg == "ES256"
    }
}

/// `iss`, made fit for printing.
pub(super) fn issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    part::<Issuer>(token, 1).map(|claims| printable(&claims.iss))
}

fn part<T: for<'de> Deserialize<'de>>(token: &str, index: usize) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(index)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

pub(super) fn of_own(token: &OwnToken, issuer: &str, now: i64) -> Facts {
    let (issued_at, expires_at) = token.lifetime();
    let mut facts = vec![
        ("issued by", issuer.to_owned()),
        ("person", token.object_id().to_string()),
        ("tenant", token.tenant_id().to_string()),
        ("client", printable(token.client_id())),
        ("roles", list(token.roles())),
        ("scopes", list(token.scopes())),
        ("issued", moment(issued_at, now)),
        ("ends", moment(expires_at, now)),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

pub(super) fn of_entra(claims: &UnverifiedClaims, now: i64) -> Facts {
    let text = |value: &Option<String>| value.as_deref().map(printable).unwrap_or_default();
    let id = |value: Option<uuid::Uuid>| value.map(|id| id.to_string()).unwrap_or_default();
    let time = |value: Option<i64>| value.map(|at| moment(at, now)).unwrap_or_default();
    let person = match (id(claims.object_id), text(&claims.email)) {
        (object, email) if email.is_empty() => object,
        (object, email) => format!("{object} ({email})"),
    };
    let mut facts = vec![
        ("issued by", text(&claims.issuer)),
        ("audience", text(&claims.audience)),
        ("version", text(&claims.version)),
        ("subject", person),
        ("tenant", id(claims.tenant_id)),
        ("client", id(claims.client_id)),
        ("roles", list(&claims.roles)),
        ("scopes", text(&claims.scopes)),
        ("idtyp", text(&claims.kind)),
        ("issued", time(claims.issued_at)),
        ("ends", time(claims.expires_at)),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn list(values: &[String]) -> String {
    let values: Vec<_> = values.iter().map(|value| printable(value)).collect();
    values.join(", ")
}

/// A moment and how far it is from now.
fn moment(at: i64, now: i64) -> String {
    let Some(text) = OffsetDateTime::from_unix_timestamp(at)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
    else {
        return format!("{at} (no moment that there is)");
    };
    let seconds = at.abs_diff(now);
    let distance = match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    };
    if at > now {
        format!("{text} (in {distance})")
    } else {
        format!("{text} ({distance} ago)")
    }
}
