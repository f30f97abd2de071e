//! A call of a tool, as the MCP extension hands it to a function.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::JsonObject;
use serde::de::{self, DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use thiserror::Error;

use crate::json::JsonFault;

/// Why a wrapped call, which holds tokens and arguments, cannot be read.
#[derive(Debug, Error)]
pub enum ToolCallError {
    /// The body is not what the host sends.
    #[error("the wrapped call is not readable")]
    Wrapping(#[source] JsonFault),
    /// What is wrapped is not what the extension sends.
    #[error("the wrapped call's payload is not readable")]
    Payload(#[source] JsonFault),
}

/// A call of a tool (azure-functions-mcp-extension, `ToolInvocationContext`).
///
/// The payload's `name` is left out: the extension matches names without
/// regard to case and passes on what the client wrote. The function that was
/// called says which tool it is.
#[derive(Default, Deserialize)]
pub struct ToolCall {
    /// As the client sent them; nothing has been checked.
    #[serde(default)]
    pub arguments: Option<JsonObject>,
    #[serde(default)]
    transport: Transport,
}

#[derive(Default, Deserialize)]
struct Transport {
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
struct Properties {
    #[serde(default, deserialize_with = "header_map")]
    headers: HeaderMap,
}

/// Headers hold tokens, and arguments are the caller's.
impl fmt::Debug for ToolCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ToolCall").finish_non_exhaustive()
    }
}

/// The body of a wrapped call (azure-functions-host,
/// `HttpScriptInvocationContext`). `Metadata`, which repeats the payload, is
/// not read.
#[derive(Deserialize)]
struct Invocation {
    #[serde(rename = "Data")]
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    /// The binding, [`super::declaration::TOOL_BINDING`].
    context: Value,
}

/// Texts around the payload: its own JSON, and the one that the host makes of
/// a trigger's value when that is a text.
const TEXTS: usize = 2;

impl ToolCall {
    /// Reads the body of a wrapped call.
    ///
    /// # Errors
    /// When it is not one.
    pub fn read(body: &[u8]) -> Result<Self, ToolCallError> {
        let invocation: Invocation =
            serde_json::from_slice(body).map_err(|error| ToolCallError::Wrapping(error.into()))?;
        let mut payload = invocation.data.context;
        for _ in 0..TEXTS {
            let Value::String(text) = &payload else { break };
            payload = parse(text)?;
        }
        serde_json::from_value(payload).map_err(|error| ToolCallError::Payload(error.into()))
    }

    /// The headers of the client's request to the extension, of which nothing
    /// has been checked: repeated ones are one value with commas.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.transport.properties.headers
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ToolCallError> {
    serde_json::from_str(text).map_err(|error| ToolCallError::Payload(error.into()))
}

/// Names in any case, as they come. What cannot be a header is kept by its
/// name, with an empty value: a token that cannot be read is not the same as
/// none.
fn header_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    struct Headers;
    impl<'de> Visitor<'de> for Headers {
        type Value = HeaderMap;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("headers by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<HeaderMap, A::Error> {
            let mut headers = HeaderMap::new();
            while let Some((name, value)) = entries.next_entry::<String, String>()? {
                let Ok(name) = HeaderName::try_from(name) else {
                    continue;
                };
                let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""));
                headers
                    .try_append(name, value)
                    .map_err(|_| de::Error::custom("too many headers"))?;
            }
            Ok(headers)
        }
    }
    deserializer.deserialize_map(Headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload() -> Value {
        json!({
            "name": "GET_WEATHER",
            "arguments": { "city": "Porto", "days": 12_345_678_901_234_567_u64 },
            "transport": { "name": "http-streamable", "properties": { "headers": {
                "authorization": "Bearer one,Bearer two",
                "X-Odd": "é",
                "not a name": "x",
                "X-Broken": "a\nb",
            }}},
        })
    }

    fn wrapped(context: &Value) -> Vec<u8> {
        json!({ "Data": { "context": context }, "Metadata": { "name": "\"x\"" } })
            .to_string()
            .into_bytes()
    }

    fn texts(times: usize) -> Value {
        (0..times).fold(payload(), |value, _| Value::String(value.to_string()))
    }

    #[test]
    fn a_payload_is_read_encoded_twice_once_or_not_at_all() {
        for times in 0..=2 {
            let call = ToolCall::read(&wrapped(&texts(times))).unwrap();
            let arguments = Value::from(call.arguments.clone().unwrap());
            assert_eq!(arguments, payload()["arguments"], "{times}");
            let headers = call.headers();
            assert_eq!(headers["Authorization"], "Bearer one,Bearer two");
            assert_eq!(headers["x-odd"].as_bytes(), "é".as_bytes());
            assert_eq!(headers["x-broken"], "");
            assert_eq!(headers.len(), 3);
        }
        assert!(ToolCall::read(&wrapped(&texts(3))).is_err());
    }

    #[test]
    fn what_the_host_never_sends_is_not_a_call() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"Data":{}}"#,
            r#"{"Data":{"context":null}}"#,
            r#"{"Data":{"context":"\"text\""}}"#,
            r#"{"Data":{"context":{"arguments":[]}}}"#,
            r#"{"Data":{"context":{"transport":{"properties":{"headers":{"authorization":["a"]}}}}}}"#,
        ] {
            assert!(ToolCall::read(body.as_bytes()).is_err(), "{body}");
        }
        let nothing = ToolCall::read(br#"{"Data":{"context":{}}}"#).unwrap();
        assert!(nothing.arguments.is_none() && nothing.headers().is_empty());
    }

    #[test]
    fn why_a_call_cannot_be_read_is_told_without_what_it_holds() {
        let secret = "ert.secret";
        for context in [
            json!(secret),
            json!(json!(secret).to_string()),
            json!({ "arguments": secret }),
            json!({ "transport": { "properties": { "headers": secret } } }),
            json!({ "transport": { "properties": { "headers": { "authorization": [secret] } } } }),
        ] {
            let refused = ToolCall::read(&wrapped(&context)).err().unwrap();
            let said = crate::error::chain(&refused);
            assert!(!said.contains("secret"), "{said}");
        }
        let refused = ToolCall::read(br#""ert.secret""#).err().unwrap();
        let said = crate::error::chain(&refused);
        assert!(!said.contains("secret"), "{said}");
    }

    #[test]
    fn more_headers_than_a_map_holds_are_refused() {
        let many: serde_json::Map<String, Value> = (0..40_000)
            .map(|number| (format!("x-{number}"), json!("1")))
            .collect();
        let call = json!({ "transport": { "properties": { "headers": many } } });
        assert!(ToolCall::read(&wrapped(&call)).is_err());
    }
}
