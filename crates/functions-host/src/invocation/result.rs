use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::InvocationError;

/// What a function gave back.
#[derive(Debug, Clone, Default)]
pub struct InvocationResult {
    /// JSON text of `ReturnValue`, as the handler wrote it; `None` when it is
    /// absent or `null`.
    pub return_value: Option<Box<RawValue>>,
    /// `Outputs`, by binding.
    pub outputs: Map<String, Value>,
    /// `Logs`, which the host logs as information.
    pub logs: Vec<String>,
}

impl InvocationResult {
    /// Reads the body of an answer with status 2xx and the given content type.
    /// Members are found in any case (azure-functions-host,
    /// `HttpScriptInvocationResult`).
    pub(super) fn read(content_type: &str, body: &[u8]) -> Result<Self, InvocationError> {
        let text = std::str::from_utf8(body)
            .map_err(|_| InvocationError::Invalid("the body is not UTF-8".into()))?
            .trim();
        if text.is_empty() || text == "null" {
            return Err(InvocationError::Hangs);
        }
        if !is_json(content_type) {
            return Err(InvocationError::Invalid(format!(
                "no formatter reads the content type '{content_type}': answer application/json"
            )));
        }
        let not_an_object = |source: serde_json::Error| {
            InvocationError::Invalid(format!("the body is not a JSON object: {source}"))
        };
        let members: Members = serde_json::from_str(text).map_err(not_an_object)?;
        let mut result = Self::default();
        for (name, value) in members.0 {
            if value.get() == "null" {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "returnvalue" => result.return_value = Some(value),
                "outputs" => result.outputs = typed("Outputs", &value)?,
                "logs" => result.logs = typed("Logs", &value)?,
                _ => {}
            }
        }
        Ok(result)
    }
}

fn typed<T: serde::de::DeserializeOwned>(
    name: &str,
    value: &RawValue,
) -> Result<T, InvocationError> {
    serde_json::from_str(value.get()).map_err(|source| {
        InvocationError::Invalid(format!("'{name}' has the wrong type: {source}"))
    })
}

fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
        || media_type.eq_ignore_ascii_case("text/json")
}

/// The members of an object, with their texts.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::members(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<InvocationResult, InvocationError> {
        InvocationResult::read("application/json; charset=utf-8", body.as_bytes())
    }

    #[test]
    fn members_are_found_in_any_case() {
        let result =
            read(r#"{"returnvalue":{"b":1,"a":2},"OUTPUTS":{"res":1},"logs":["x"]}"#).unwrap();
        assert_eq!(result.return_value.unwrap().get(), r#"{"b":1,"a":2}"#);
        assert_eq!(result.outputs["res"], 1);
        assert_eq!(result.logs, ["x"]);
    }

    #[test]
    fn an_object_without_anything_is_a_result() {
        assert!(read("{}").unwrap().return_value.is_none());
        assert!(
            read(r#"{"ReturnValue":null}"#)
                .unwrap()
                .return_value
                .is_none()
        );
    }

    #[test]
    fn an_empty_answer_is_said_to_hang_the_host() {
        for body in ["", "  ", "null"] {
            assert!(
                matches!(read(body), Err(InvocationError::Hangs)),
                "{body:?}"
            );
        }
    }

    #[test]
    fn other_answers_are_invalid() {
        for body in [
            "[]",
            "\"text\"",
            "1",
            "{",
            r#"{"Logs":"x"}"#,
            r#"{"Outputs":[]}"#,
        ] {
            assert!(
                matches!(read(body), Err(InvocationError::Invalid(_))),
                "{body}"
            );
        }
        for content_type in ["", "text/plain", "application/problem+json"] {
            let outcome = InvocationResult::read(content_type, b"{}");
            assert!(
                matches!(outcome, Err(InvocationError::Invalid(_))),
                "{content_type}"
            );
        }
    }
}
