//! Client metadata (RFC 7591 section 2) that is the same wherever it comes
//! from: what is taken, what is left out and what is refused.

use std::collections::BTreeSet;

use url::Url;

use super::client::GrantType;

/// The most redirect URIs that a client may have.
pub(super) const MOST_REDIRECT_URIS: usize = 20;
/// The longest name that is shown, in characters.
const LONGEST_NAME: usize = 100;
/// The longest home page that is shown, in bytes.
const LONGEST_URI: usize = 500;
/// The longest list of scopes, in bytes.
const LONGEST_SCOPE: usize = 1000;

/// The scope of a client that asked for none.
pub(super) const DEFAULT_SCOPE: &str = "mcp";

/// A name that can be shown: control characters, and those that reorder or
/// hide others, become spaces; it is trimmed and cut. `None` when nothing is
/// left.
pub(super) fn display_name(name: &str) -> Option<String> {
    let plain: String = name
        .chars()
        .map(|character| if hides(character) { ' ' } else { character })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Control, zero-width, bidirectional and tag characters: what makes one
/// name look like another.
fn hides(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A home page that can be linked to; what cannot is left out, since nothing
/// depends on it.
pub(super) fn display_uri(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let sound = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= LONGEST_URI;
    sound.then(|| url.into())
}

/// Grant types that a client of people may have: those it asks for that the
/// server has (clients list others too, and get along without them). Absent,
/// both.
///
/// # Errors
/// When the authorization code grant is not among them.
pub(super) fn grant_types(asked: Option<&[String]>) -> Result<BTreeSet<GrantType>, &'static str> {
    let both = [GrantType::AuthorizationCode, GrantType::RefreshToken];
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(both.into());
    };
    let granted: BTreeSet<_> = asked
        .iter()
        .filter_map(|name| GrantType::parse(name))
        .filter(|known| both.contains(known))
        .collect();
    if granted.contains(&GrantType::AuthorizationCode) {
        Ok(granted)
    } else {
        Err(
            "grant_types must contain authorization_code; daemons are configured by an administrator",
        )
    }
}

/// Whether response types leave anything to do: `code` is what the server
/// has.
///
/// # Errors
/// When `code` is not among those asked for.
pub(super) fn response_types(asked: Option<&[String]>) -> Result<(), &'static str> {
    match asked {
        Some(types) if !types.is_empty() && !types.iter().any(|name| name == "code") => {
            Err("response_types must contain code")
        }
        _ => Ok(()),
    }
}

/// The scopes that a client asks for, or `mcp`.
///
/// # Errors
/// When they are not scopes (RFC 6749 section 3.3) or too long.
pub(super) fn scope(asked: Option<&str>) -> Result<String, &'static str> {
    let asked = asked.unwrap_or_default();
    if asked.len() > LONGEST_SCOPE {
        return Err("scope must not be longer than 1,000 characters");
    }
    let token = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if !asked.bytes().all(token) {
        return Err("scope must be scope tokens separated by spaces (RFC 6749 section 3.3)");
    }
    let scopes: Vec<&str> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
    if scopes.is_empty() {
        return Ok(DEFAULT_SCOPE.to_owned());
    }
    Ok(scopes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn names_are_shown_without_what_disguises_them() {
        for (name, shown) in [
            ("Claude", Some("Claude")),
            ("  Visual   Studio\n Code ", Some("Visual Studio Code")),
            ("evil\u{202e}drowssap", Some("evil drowssap")),
            ("Clau\u{200b}de", Some("Clau de")),
            ("Büro für Übersetzung", Some("Büro für Übersetzung")),
            ("\u{200b}\u{feff}\t", None),
            ("", None),
        ] {
            assert_eq!(display_name(name).as_deref(), shown, "{name:?}");
        }
        assert_eq!(display_name(&"x".repeat(500)).unwrap().len(), 100);
    }

    #[test]
    fn home_pages_are_links_to_websites_or_nothing() {
        assert!(display_uri("https://code.visualstudio.com").is_some());
        for uri in [
            "javascript:alert(1)",
            "https://user@example.com/",
            "not a url",
        ] {
            assert_eq!(display_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn grant_types_are_those_that_both_sides_have() {
        let asked = strings(&[
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "client_credentials",
        ]);
        let both = BTreeSet::from([GrantType::AuthorizationCode, GrantType::RefreshToken]);
        assert_eq!(grant_types(Some(&asked)), Ok(both.clone()));
        assert_eq!(grant_types(None), Ok(both));
        assert_eq!(
            grant_types(Some(&strings(&["authorization_code"]))),
            Ok(BTreeSet::from([GrantType::AuthorizationCode]))
        );
        for asked in [
            &["implicit"][..],
            &["client_credentials"],
            &["refresh_token"],
        ] {
            assert!(grant_types(Some(&strings(asked))).is_err(), "{asked:?}");
        }
    }

    #[test]
    fn scopes_are_kept_and_default_to_mcp() {
        assert_eq!(scope(None).unwrap(), "mcp");
        assert_eq!(scope(Some("  ")).unwrap(), "mcp");
        assert_eq!(
            scope(Some("api://x/access_as_user  offline_access")).unwrap(),
            "api://x/access_as_user offline_access"
        );
        for bad in ["a\"b", "a\\b", "a\nb", "ä", &"x".repeat(1001)] {
            assert!(scope(Some(bad)).is_err(), "{bad}");
        }
    }
}
