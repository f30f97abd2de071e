//! Entity group transactions: several requests in one, as `multipart/mixed`
//! (Microsoft: "Performing entity group transactions").

use std::fmt::Write;

use azure_core::http::StatusCode;
use uuid::Uuid;

use super::entity;
use super::fault::{self, Refusal};
use super::service::{JSON, Service};
use crate::{Condition, ETag, Operation, Row, TableError};

/// Between the parts. Fixed: it stands at the beginning of a line, and rows
/// in JSON have no line breaks.
const BATCH: &str = "batch_entrada";
const CHANGES: &str = "changeset_entrada";

/// The `Content-Type` of [`body`].
pub(super) const CONTENT_TYPE: &str = "multipart/mixed; boundary=batch_entrada";

/// Writing to a string cannot fail, so its results are passed over.
pub(super) fn body(
    service: &Service,
    table: &str,
    operations: &[&Operation],
    write_id: Uuid,
) -> String {
    let mut body =
        format!("--{BATCH}\r\nContent-Type: multipart/mixed; boundary={CHANGES}\r\n\r\n");
    for operation in operations {
        let _ = write!(
            body,
            "--{CHANGES}\r\nContent-Type: application/http\r\n\
             Content-Transfer-Encoding: binary\r\n\r\n"
        );
        let part = part(service, table, operation);
        let _ = write!(
            body,
            "{} {} HTTP/1.1\r\nAccept: {JSON}\r\nDataServiceVersion: 3.0;\r\n",
            part.method, part.url
        );
        if let Some(if_match) = part.if_match {
            let _ = write!(body, "If-Match: {if_match}\r\n");
        }
        if part.method == "POST" {
            body.push_str("Prefer: return-no-content\r\n");
        }
        match part.row {
            Some(row) => {
                let json = entity::encode(row, write_id);
                let _ = write!(body, "Content-Type: application/json\r\n\r\n{json}\r\n");
            }
            None => body.push_str("\r\n\r\n"),
        }
    }
    let _ = write!(body, "--{CHANGES}--\r\n--{BATCH}--\r\n");
    body
}

struct Part<'operation> {
    method: &'static str,
    url: String,
    if_match: Option<&'operation str>,
    row: Option<&'operation Row>,
}

fn part<'operation>(
    service: &Service,
    table: &str,
    operation: &'operation Operation,
) -> Part<'operation> {
    let (partition, row_key) = operation.keys();
    let (method, if_match, row) = match operation {
        Operation::Insert(row) => {
            return Part {
                method: "POST",
                url: service.url(table),
                if_match: None,
                row: Some(row),
            };
        }
        Operation::Replace(row, condition) => ("PUT", if_match(condition), Some(row)),
        Operation::Merge(row, condition) => ("PATCH", if_match(condition), Some(row)),
        Operation::Delete { condition, .. } => {
            ("DELETE", Some(if_match(condition).unwrap_or("*")), None)
        }
    };
    Part {
        method,
        url: service.row_url(table, partition, row_key),
        if_match,
        row,
    }
}

/// The `If-Match` of a write; none makes the row when there is none.
pub(super) fn if_match(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::None => None,
        Condition::Exists => Some("*"),
        Condition::Matches(etag) => Some(etag.as_str()),
    }
}

/// Why a batch was not applied.
#[derive(Debug)]
pub(super) struct Failed {
    /// The operation that it failed at, if the service told.
    pub(super) index: Option<usize>,
    pub(super) error: TableError,
}

impl From<TableError> for Failed {
    fn from(error: TableError) -> Self {
        Self { index: None, error }
    }
}

/// Reads the answer to a batch of `count` operations: a version for each that
/// left a row, or why none was applied.
pub(super) fn answers(
    table: &str,
    count: usize,
    answer: &str,
) -> Result<Vec<Option<ETag>>, Failed> {
    let mut tags = Vec::with_capacity(count);
    let mut lines = answer.lines();
    while let Some(line) = lines.next() {
        let Some(status) = line.strip_prefix("HTTP/1.1 ") else {
            continue;
        };
        let status = status.get(..3).and_then(|digits| digits.parse().ok());
        let status: u16 = status.ok_or_else(unreadable)?;
        let mut etag = None;
        for header in lines.by_ref().take_while(|line| !line.is_empty()) {
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("etag")
            {
                etag = Some(ETag::new(value.trim()));
            }
        }
        if (200..300).contains(&status) {
            tags.push(etag);
            continue;
        }
        let body: Vec<&str> = lines
            .by_ref()
            .take_while(|line| !line.starts_with("--"))
            .collect();
        let refusal = fault::refusal(body.join("\n").as_bytes());
        return Err(refused(table, StatusCode::from(status), &refusal));
    }
    if tags.len() == count {
        Ok(tags)
    } else {
        Err(unreadable().into())
    }
}

fn refused(table: &str, status: StatusCode, refusal: &Refusal) -> Failed {
    Failed {
        index: refusal.index,
        error: fault::refused(table, status, refusal),
    }
}

fn unreadable() -> TableError {
    TableError::corrupt("the answer to a batch")
}
