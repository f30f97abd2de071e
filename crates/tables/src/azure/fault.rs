//! What the service's and the network's failures mean.

use std::error::Error;

use azure_core::error::ErrorKind;
use azure_core::http::{RawResponse, StatusCode};
use serde::Deserialize;

use super::service::ERROR_CODE;
use crate::TableError;

/// Errors behind an error that are told at most.
const MOST_CAUSES: usize = 8;

/// A refusal as the service words it.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// The service's code, `EntityAlreadyExists` for instance; empty when it
    /// gave none.
    pub(super) code: String,
    /// Which operation of a batch it is about, counted from 0.
    pub(super) index: Option<usize>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "odata.error")]
    error: ODataError,
}

#[derive(Deserialize)]
struct ODataError {
    code: String,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    value: String,
}

/// Reads `{"odata.error": …}` or the XML in which authorisation is refused.
pub(super) fn refusal(body: &[u8]) -> Refusal {
    if let Ok(Envelope { error }) = serde_json::from_slice(body) {
        return Refusal {
            index: error.message.as_ref().and_then(index),
            code: code(&error.code),
        };
    }
    let text = String::from_utf8_lossy(body);
    let between = |open: &str, close: &str| {
        let (_, after) = text.split_once(open)?;
        Some(code(after.split_once(close)?.0))
    };
    Refusal {
        code: between("<Code>", "</Code>").unwrap_or_default(),
        index: None,
    }
}

/// In a batch the message begins with the operation's number and a colon
/// (Microsoft: "Performing entity group transactions").
fn index(message: &Message) -> Option<usize> {
    message.value.split_once(':')?.0.parse().ok()
}

/// The code, if it looks like one: it goes to the log.
fn code(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect()
}

/// The error that an answer other than a success stands for.
pub(super) fn answered(table: &str, response: &RawResponse) -> TableError {
    let mut refusal = refusal(response.body().as_ref());
    if let Some(header) = response.headers().get_optional_str(&ERROR_CODE) {
        refusal.code = code(header);
    }
    refused(table, response.status(), &refusal)
}

/// The error that a status and a code stand for (Microsoft: "Table service
/// error codes").
pub(super) fn refused(table: &str, status: StatusCode, refusal: &Refusal) -> TableError {
    let number = u16::from(status);
    let said = format!("{number} {}", refusal.code).trim_end().to_owned();
    match (number, refusal.code.as_str()) {
        (401 | 403, code) => TableError::Forbidden {
            reason: said,
            code: code.to_owned(),
        },
        (404, "TableNotFound") => TableError::NoSuchTable {
            table: table.to_owned(),
        },
        (404, _) => TableError::NotFound,
        (409, "EntityAlreadyExists") => TableError::AlreadyExists,
        (412, _) => TableError::PreconditionFailed,
        (408 | 409 | 429 | 500..=599, _) => TableError::unavailable(said),
        (400..=499, _) => TableError::invalid(format!("the service answered {said}")),
        _ => TableError::corrupt(format!("the service answered {said}")),
    }
}

/// The error of a request that got no answer.
pub(super) fn unanswered(error: &azure_core::Error) -> TableError {
    let reason = match error.kind() {
        ErrorKind::Credential => "no token could be had",
        ErrorKind::Connection => "no connection could be made",
        ErrorKind::Io => "the connection broke",
        _ => "the request could not be sent",
    };
    TableError::unavailable_because(reason, Causes::of(error))
}

/// The messages of an error and of those behind it. Made instead of keeping
/// the errors, since those of the HTTP client tell the whole address, in which
/// the keys of rows stand.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Causes(String);

impl Causes {
    fn of(error: &azure_core::Error) -> Self {
        let mut messages = vec![told(error)];
        let mut cause = error.source();
        while let Some(error) = cause
            && messages.len() < MOST_CAUSES
        {
            let message = told(error);
            if messages.last() != Some(&message) {
                messages.push(message);
            }
            cause = error.source();
        }
        Self(messages.join(": "))
    }
}

fn told(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => "timed out".to_owned(),
        Some(error) if error.is_connect() => "connecting failed".to_owned(),
        Some(error) if error.is_body() || error.is_decode() => "the body broke off".to_owned(),
        Some(_) => "the request failed".to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_json_with_the_operation_they_are_about() {
        let body = br#"{"odata.error":{"code":"EntityAlreadyExists","message":{"lang":"en-US",
            "value":"17:The specified entity already exists.\nRequestId:1"}}}"#;
        let refusal = refusal(body);
        assert_eq!(refusal.code, "EntityAlreadyExists");
        assert_eq!(refusal.index, Some(17));
        let error = refused("t", StatusCode::Conflict, &refusal);
        assert!(matches!(error, TableError::AlreadyExists));
    }

    #[test]
    fn codes_are_read_from_the_xml_of_refused_credentials() {
        let body = b"<?xml version=\"1.0\"?>\n<Error>\n  <Code>AuthenticationFailed</Code>\n\
            <Message>Server failed to authenticate. Signature was abc</Message></Error>";
        let error = refused("t", StatusCode::Forbidden, &refusal(body));
        assert_eq!(
            error.to_string(),
            "table storage refused the credential: 403 AuthenticationFailed"
        );
    }

    #[test]
    fn what_is_worth_a_retry_is_unavailable_and_what_is_not_is_not() {
        let error = |status: u16, code: &str| {
            let refusal = Refusal {
                code: code.to_owned(),
                index: None,
            };
            refused("t", StatusCode::from(status), &refusal)
        };
        for (status, code) in [
            (408, ""),
            (409, "TableBeingDeleted"),
            (429, ""),
            (500, "OperationTimedOut"),
            (503, "ServerBusy"),
        ] {
            let error = error(status, code);
            assert!(matches!(error, TableError::Unavailable { .. }), "{status}");
        }
        assert!(matches!(
            error(404, "TableNotFound"),
            TableError::NoSuchTable { .. }
        ));
        assert!(matches!(
            error(404, "ResourceNotFound"),
            TableError::NotFound
        ));
        assert!(matches!(
            error(412, "UpdateConditionNotSatisfied"),
            TableError::PreconditionFailed
        ));
        assert!(matches!(
            error(400, "InvalidInput"),
            TableError::Invalid { .. }
        ));
        assert!(matches!(error(302, ""), TableError::Corrupt { .. }));
    }

    #[test]
    fn an_answer_that_is_neither_json_nor_xml_has_no_code() {
        assert_eq!(refusal(b"<html>proxy says no</html>").code, "");
        assert_eq!(refusal(b"\xff\xfe").code, "");
    }
}
