use serde_json::Value;
use serde_json::value::RawValue;

use crate::json;

/// Deepest nesting that the SDK reads.
const DEEPEST: usize = 64;

/// A JSON-RPC message from a client.
#[derive(Debug)]
pub(super) enum Message {
    Request {
        /// A text or an integer, as it was written.
        id: Box<RawValue>,
        /// `None` when it is `null`, which the SDK takes for a request too.
        method: Option<String>,
        params: Option<Box<RawValue>>,
    },
    /// A notification or a response: taken, and nothing follows.
    Silent,
}

/// Why a body is no message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The JSON text `null`.
    Null,
    /// Anything else; the extension fails without a word.
    Broken,
}

impl Message {
    /// Reads a body by the rules of the SDK's `JsonRpcMessage` converter.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::Broken)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let whole: &RawValue = serde_json::from_str(text).map_err(|_| Unreadable::Broken)?;
        if whole.get() == "null" {
            return Err(Unreadable::Null);
        }
        if json::depth(whole.get()) > DEEPEST {
            return Err(Unreadable::Broken);
        }
        let members = json::members(&mut serde_json::Deserializer::from_str(whole.get()))
            .map_err(|_| Unreadable::Broken)?;
        // Of a repeated member .NET takes the last.
        let member = |name: &str| {
            members
                .iter()
                .rev()
                .find(|(other, _)| other == name)
                .map(|(_, value)| value)
        };
        if member("jsonrpc").map(|value| value.get()) != Some("\"2.0\"") {
            return Err(Unreadable::Broken);
        }
        let id = member("id").map(|id| read_id(id)).transpose()?;
        match (id, member("method")) {
            (Some(id), Some(method)) => Ok(Self::Request {
                id,
                method: serde_json::from_str(method.get()).map_err(|_| Unreadable::Broken)?,
                params: member("params")
                    .filter(|params| params.get() != "null")
                    .cloned(),
            }),
            (None, Some(_)) => Ok(Self::Silent),
            (Some(_), None) if member("result").or(member("error")).is_some() => Ok(Self::Silent),
            (_, None) => Err(Unreadable::Broken),
        }
    }
}

/// A text or an integer; `null` and fractions break the SDK's reader.
fn read_id(id: &RawValue) -> Result<Box<RawValue>, Unreadable> {
    match serde_json::from_str(id.get()) {
        Ok(Value::String(_)) => Ok(id.to_owned()),
        Ok(Value::Number(number)) if number.is_i64() => Ok(id.to_owned()),
        _ => Err(Unreadable::Broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_id_and_params_as_written() {
        let body =
            r#"{"params":{"b":1,"a":1e+21},"jsonrpc":"2.0","id":9007199254740993,"method":"x"}"#;
        let Ok(Message::Request { id, method, params }) = Message::read(body.as_bytes()) else {
            panic!("not a request");
        };
        assert_eq!(id.get(), "9007199254740993");
        assert_eq!(method.as_deref(), Some("x"));
        assert_eq!(params.unwrap().get(), r#"{"b":1,"a":1e+21}"#);
    }

    #[test]
    fn what_needs_no_answer_is_silent() {
        for body in [
            r#"{"jsonrpc":"2.0","method":"notifications/none"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}"#,
        ] {
            assert!(
                matches!(Message::read(body.as_bytes()), Ok(Message::Silent)),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_no_message_is_broken() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{}{}}}"#,
            "[".repeat(64),
            "]".repeat(64)
        );
        for body in [
            "",
            "{",
            "[]",
            "1",
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0"}"#,
            deep.as_str(),
        ] {
            assert_eq!(
                Message::read(body.as_bytes()).unwrap_err(),
                Unreadable::Broken,
                "{body}"
            );
        }
        assert_eq!(Message::read(b" null ").unwrap_err(), Unreadable::Null);
    }
}
