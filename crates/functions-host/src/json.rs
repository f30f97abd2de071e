//! JSON texts handled as texts, where order, numbers and escapes must stay as
//! some other program wrote them.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order, values as texts. A repeated member
/// appears as often as it is written.
pub(crate) fn members<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, Box<RawValue>)>, D::Error> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    deserializer.deserialize_map(Members)
}

/// A piece of a JSON text.
enum Token<'a> {
    /// Quotes included.
    String(&'a str),
    /// One of `{}[],:`.
    Mark(char),
    /// A number, `true`, `false` or `null`.
    Other(&'a str),
}

/// The pieces of a valid JSON text, white space left out.
fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let first = rest.chars().next()?;
        let length = match first {
            '"' => end_of_string(rest),
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            _ => rest
                .find([' ', '\t', '\r', '\n', '{', '}', '[', ']', ',', ':', '"'])
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(match first {
            '"' => Token::String(token),
            '{' | '}' | '[' | ']' | ',' | ':' => Token::Mark(first),
            _ => Token::Other(token),
        })
    })
}

/// How many bytes the string takes with which `text` begins.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// A valid JSON text as `System.Text.Json` writes it by default: no white
/// space, and `\uXXXX` for everything outside ASCII, for control characters and
/// for ``" ' < > & + ` ``.
pub(crate) fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for token in tokens(text) {
        match token {
            Token::Mark(mark) => written.push(mark),
            Token::Other(other) => written.push_str(other),
            Token::String(string) => match serde_json::from_str::<String>(string) {
                Ok(value) => push_escaped(&value, &mut written),
                // Half of a surrogate pair, which Rust cannot hold.
                Err(_) => written.push_str(string),
            },
        }
    }
    written
}

fn push_escaped(value: &str, written: &mut String) {
    written.push('"');
    for character in value.chars() {
        match character {
            '\\' => written.push_str("\\\\"),
            '\u{8}' => written.push_str("\\b"),
            '\t' => written.push_str("\\t"),
            '\n' => written.push_str("\\n"),
            '\u{c}' => written.push_str("\\f"),
            '\r' => written.push_str("\\r"),
            '"' | '\'' | '<' | '>' | '&' | '+' | '`' => push_unit(character as u16, written),
            ' '..='~' => written.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    push_unit(*unit, written);
                }
            }
        }
    }
    written.push('"');
}

fn push_unit(unit: u16, written: &mut String) {
    for digit in format!("\\u{unit:04X}").chars() {
        written.push(digit);
    }
}

/// A valid JSON text as `Newtonsoft.Json` indents it.
pub(crate) fn indented(text: &str) -> String {
    let mut written = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut just_opened = false;
    for token in tokens(text) {
        let closes = matches!(token, Token::Mark('}' | ']'));
        if closes {
            depth = depth.saturating_sub(1);
        }
        if just_opened != closes && (just_opened || closes) {
            new_line(depth, &mut written);
        }
        just_opened = matches!(token, Token::Mark('{' | '['));
        match token {
            Token::Mark(',') => {
                written.push(',');
                new_line(depth, &mut written);
            }
            Token::Mark(':') => written.push_str(": "),
            Token::Mark(mark) => {
                written.push(mark);
                depth += usize::from(just_opened);
            }
            Token::String(text) | Token::Other(text) => written.push_str(text),
        }
    }
    written
}

fn new_line(depth: usize, written: &mut String) {
    written.push('\n');
    for _ in 0..depth {
        written.push_str("  ");
    }
}

/// How deep objects and arrays nest in a JSON text.
pub(crate) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens(text) {
        match token {
            Token::Mark('{' | '[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            Token::Mark('}' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_dotnet_does_it() {
        let text = "{ \"b\" : \"hi <b>& 'ü' 😀 +`\\\"\\n\\u0001\",\n \"a\":[ 1e+21, true,null ] }";
        assert_eq!(
            escaped(text),
            r#"{"b":"hi \u003Cb\u003E\u0026 \u0027\u00FC\u0027 \uD83D\uDE00 \u002B\u0060\u0022\n\u0001","a":[1e+21,true,null]}"#
        );
    }

    #[test]
    fn objects_are_indented_as_newtonsoft_does_it() {
        assert_eq!(
            indented(r#"{"b":1,"a":{"x":[],"y":{}},"c":[1,"{,"]}"#),
            "{\n  \"b\": 1,\n  \"a\": {\n    \"x\": [],\n    \"y\": {}\n  },\n  \"c\": [\n    1,\n    \"{,\"\n  ]\n}"
        );
    }

    #[test]
    fn depth_counts_containers_alone() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(r#"{"a":["[",{}],"b":[]}"#), 3);
    }
}
