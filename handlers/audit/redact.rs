//! Arguments without what must not be kept: secrets by name, secrets by
//! shape, text of messages; and bounded in size.

use serde_json::{Map, Value};

use crate::text;

/// Most bytes of arguments as JSON, with room for what marks a cut.
const BUDGET: usize = 3_600;
/// Most characters of one text.
const TEXT: usize = 300;
/// Deepest nesting.
const DEPTH: usize = 12;

const REDACTED: &str = "[redacted]";
const CUT: &str = "[cut]";

/// Words of a name that say that a value is secret.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "key",
    "auth",
    "authorization",
    "authentication",
    "credential",
    "code",
    "assertion",
    "cookie",
    "signature",
    "sig",
    "jwt",
    "bearer",
    "otp",
    "pin",
    "apikey",
    "sas",
    "nonce",
    "verifier",
];
/// The same inside words that are run together.
const SECRET_PARTS: &[&str] = &[
    "password",
    "passphrase",
    "passcode",
    "passwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "privatekey",
    "accesskey",
    "accountkey",
    "signingkey",
    "sharedkey",
    "connectionstring",
    "authorization",
    "assertion",
];
/// Headers of which nothing to the end of the line is kept.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];
/// What gives away secrets that are short or have other characters in them:
/// client secrets of Entra ID, access keys of AWS.
const SECRET_MARKS: &[&str] = &["7Q~", "8Q~", "AKIA", "ASIA"];
/// Characters of the shortest word that has the shape of a secret.
const SHORTEST_SECRET: usize = 20;
/// Names of what people write to each other and to agents.
const MESSAGES: &[&str] = &["message", "content", "prompt", "text", "question"];

/// Arguments as they may be kept: at most 4 KiB of JSON.
pub(super) fn arguments(arguments: &Map<String, Value>) -> Value {
    Redaction { left: BUDGET }.object(arguments, 0)
}

/// A name that somebody chose, of at most `most` characters, without what
/// looks like a secret.
pub(super) fn name(text: &str, most: usize) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let start: String = text.chars().take(most * 4).collect();
    text::beginning(&without_secrets(&start), most)
}

struct Redaction {
    /// Bytes that may still be used.
    left: usize,
}

impl Redaction {
    fn object(&mut self, members: &Map<String, Value>, depth: usize) -> Value {
        let mut kept = Map::new();
        for (member, value) in members {
            let name = name(member, 60);
            let size = quoted(&name) + 6;
            if self.left <= size {
                kept.insert(CUT.to_owned(), true.into());
                break;
            }
            self.left -= size;
            let value = if is_secret(member) {
                self.text(REDACTED)
            } else if is_message(member) {
                self.message(value)
            } else {
                self.value(value, depth + 1)
            };
            kept.insert(name, value);
        }
        Value::Object(kept)
    }

    fn value(&mut self, value: &Value, depth: usize) -> Value {
        match value {
            Value::Object(_) | Value::Array(_) if depth > DEPTH => self.text(CUT),
            Value::Object(members) => self.object(members, depth),
            Value::Array(items) => {
                let mut kept = Vec::new();
                for item in items {
                    if self.left < 16 {
                        kept.push(CUT.into());
                        break;
                    }
                    self.left -= 2;
                    kept.push(self.value(item, depth + 1));
                }
                Value::Array(kept)
            }
            Value::String(text) => self.string(text, depth),
            plain => {
                self.left = self.left.saturating_sub(plain.to_string().len());
                plain.clone()
            }
        }
    }

    /// JSON inside a text is looked into as well.
    fn string(&mut self, text: &str, depth: usize) -> Value {
        if is_plain(text) {
            return self.text(text);
        }
        let trimmed = text.trim_start();
        if trimmed.starts_with(['{', '['])
            && depth < DEPTH
            && let Ok(inner) = serde_json::from_str::<Value>(trimmed)
        {
            return self.value(&inner, depth + 1);
        }
        // A secret at the cut must not lose the part that gives it away.
        let beginning: String = text.chars().take(TEXT * 8).collect();
        self.text(&text::beginning(&without_secrets(&beginning), TEXT))
    }

    fn message(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let length = text.chars().count();
                self.text(&format!("[text of {length} characters]"))
            }
            Value::Null => Value::Null,
            _ => self.text("[content]"),
        }
    }

    fn text(&mut self, text: &str) -> Value {
        let size = quoted(text);
        if size > self.left {
            self.left = 0;
            return CUT.into();
        }
        self.left -= size;
        text.into()
    }
}

/// Whether a text is a word too short for a secret, or a UUID, as most are: it
/// is kept as it is. Nothing in it is escaped in JSON.
fn is_plain(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (text.len() < SHORTEST_SECRET && text.bytes().all(word)) || is_identifier(text)
}

/// Bytes of a text as JSON.
fn quoted(text: &str) -> usize {
    if is_plain(text) {
        return text.len() + 2;
    }
    serde_json::to_string(text).map_or(usize::MAX / 4, |text| text.len())
}

fn is_message(name: &str) -> bool {
    words(name)
        .iter()
        .any(|word| MESSAGES.contains(&word.as_str()))
}

fn is_secret(name: &str) -> bool {
    let words = words(name);
    let run_together = words.concat();
    words.iter().any(|word| {
        let singular = word.strip_suffix('s').unwrap_or(word);
        SECRET_WORDS.contains(&word.as_str()) || SECRET_WORDS.contains(&singular)
    }) || SECRET_PARTS.iter().any(|part| run_together.contains(part))
}

/// The words of a name in small letters: `apiKey`, `API-KEY` and `api_key`
/// have the same two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in name.chars() {
        let starts = character.is_uppercase() && after_small;
        after_small = character.is_lowercase() || character.is_ascii_digit();
        if !character.is_alphanumeric() || starts {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A text without what looks like a secret in it.
fn without_secrets(text: &str) -> String {
    if text.contains("-----BEGIN") {
        return REDACTED.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    let mut named_secret = false;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if !word.is_empty() {
            let scheme = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
            let names = scheme || names_what_follows(word, after);
            let secret = (named_secret && !names) || has_secret_shape(word);
            kept.push_str(if secret { REDACTED } else { word });
            if is_secret_header(word, after) {
                let end = after.find(['\n', '\r']).unwrap_or(after.len());
                kept.push_str(": ");
                kept.push_str(REDACTED);
                rest = after.get(end..).unwrap_or_default();
                named_secret = false;
                continue;
            }
            named_secret = names || (named_secret && !secret);
        }
        let separators = after.find(in_word).unwrap_or(after.len());
        let (between, next) = after.split_at(separators);
        kept.push_str(between);
        rest = next;
    }
    without_passwords_of_urls(&kept)
}

/// The characters of tokens, keys and identifiers.
fn in_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/_-.~%".contains(character)
}

/// `Cookie: …`, `Authorization: …`.
fn is_secret_header(word: &str, after: &str) -> bool {
    after.starts_with(':')
        && SECRET_HEADERS
            .iter()
            .any(|header| word.eq_ignore_ascii_case(header))
}

/// `AccountKey=…`, `"password": "…"`, `sig=…`.
fn names_what_follows(word: &str, after: &str) -> bool {
    let mut next = after.trim_start_matches(['"', '\'', ' ']).chars();
    matches!(next.next(), Some('=' | ':')) && is_secret(word)
}

/// JSON Web Tokens, and long runs of hex or base64 that are no identifier.
fn has_secret_shape(word: &str) -> bool {
    if word.contains("eyJ") && word.matches('.').count() >= 1 && word.len() >= SHORTEST_SECRET {
        return true;
    }
    let marked = SECRET_MARKS.iter().any(|mark| word.contains(mark));
    if marked && word.len() >= SHORTEST_SECRET {
        return true;
    }
    word.split(['.', '~', '%']).any(|part| {
        let hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let count = |is: fn(&u8) -> bool| part.bytes().filter(is).count();
        let mixed = count(u8::is_ascii_digit) >= 2
            && count(u8::is_ascii_uppercase) >= 2
            && count(u8::is_ascii_lowercase) >= 2;
        (hex && part.len() >= 32 && !is_identifier(part)) || (mixed && part.len() >= 32)
    })
}

/// A UUID with hyphens is an identifier; without them it may be a key.
fn is_identifier(part: &str) -> bool {
    part.contains('-') && uuid::Uuid::try_parse(part).is_ok()
}

/// `scheme://user:password@host`.
fn without_passwords_of_urls(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority = rest.find(['/', ' ', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority);
    let tail = without_passwords_of_urls(tail);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{REDACTED}@{host}{tail}"),
        None => format!("{scheme}://{authority}{tail}"),
    }
}

#[cfg(test)]
#[path = "tests/redact.rs"]
mod tests;
