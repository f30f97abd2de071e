//! Rows as the service writes them in JSON (Microsoft: "Payload format for
//! Table service operations", minimal metadata).

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::filter::moment_text;
use crate::validate::WRITE_ID;
use crate::{ETag, Row, TableError, Value};

const TYPE: &str = "@odata.type";

/// The row with the id of this write, as a body.
pub(super) fn encode(row: &Row, write_id: Uuid) -> Json {
    let mut object = Map::new();
    object.insert("PartitionKey".to_owned(), json!(row.partition));
    object.insert("RowKey".to_owned(), json!(row.row));
    for (name, value) in &row.properties {
        put(&mut object, name, value);
    }
    put(&mut object, WRITE_ID, &Value::Guid(write_id));
    Json::Object(object)
}

/// `json` as a body. Characters beyond ASCII are written as escapes as long as
/// that takes no more than `limit` bytes: Azurite (3.35) reads a body in
/// pieces and garbles a character that is cut by the end of one.
pub(super) fn body(json: String, limit: usize) -> Vec<u8> {
    if json.is_ascii() {
        return json.into_bytes();
    }
    let mut escaped = String::with_capacity(json.len() * 2);
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
        if escaped.len() > limit {
            return json.into_bytes();
        }
    }
    escaped.into_bytes()
}

fn put(object: &mut Map<String, Json>, name: &str, value: &Value) {
    let (kind, json) = match value {
        Value::String(text) => (None, json!(text)),
        Value::Boolean(boolean) => (None, json!(boolean)),
        Value::Int32(integer) => (None, json!(integer)),
        // As text: numbers in JSON do not have the range.
        Value::Int64(integer) => (Some("Edm.Int64"), json!(integer.to_string())),
        Value::Double(number) => (Some("Edm.Double"), json!(number)),
        Value::Binary(bytes) => (Some("Edm.Binary"), json!(STANDARD.encode(bytes))),
        Value::DateTime(moment) => (Some("Edm.DateTime"), json!(moment_text(*moment))),
        Value::Guid(guid) => (Some("Edm.Guid"), json!(guid.hyphenated().to_string())),
    };
    if let Some(kind) = kind {
        object.insert(format!("{name}{TYPE}"), json!(kind));
    }
    object.insert(name.to_owned(), json);
}

/// A row with the id of its last write, which only [`encode`] sets.
pub(super) struct Written {
    pub(super) row: Row,
    pub(super) write_id: Option<Uuid>,
}

/// A row from an answer.
pub(super) fn decode(json: &Json) -> Result<Written, TableError> {
    let object = json.as_object().ok_or_else(|| corrupt("a row"))?;
    let key = |name: &str| {
        let text = object.get(name).and_then(Json::as_str);
        text.ok_or_else(|| corrupt(name))
    };
    let mut row = Row::new(key("PartitionKey")?, key("RowKey")?);
    row.etag = object
        .get("odata.etag")
        .and_then(Json::as_str)
        .map(ETag::new);
    let mut write_id = None;
    for (name, json) in object {
        if name.contains('.') || json.is_null() {
            continue;
        }
        if matches!(name.as_str(), "PartitionKey" | "RowKey" | "Timestamp") {
            continue;
        }
        let kind = object.get(&format!("{name}{TYPE}")).and_then(Json::as_str);
        let value = value(kind, json).ok_or_else(|| corrupt(name))?;
        match value {
            Value::Guid(guid) if name == WRITE_ID => write_id = Some(guid),
            value => {
                row.properties.insert(name.clone(), value);
            }
        }
    }
    Ok(Written { row, write_id })
}

fn value(kind: Option<&str>, json: &Json) -> Option<Value> {
    match (kind, json) {
        (None | Some("Edm.String"), Json::String(text)) => Some(Value::String(text.clone())),
        (None | Some("Edm.Boolean"), Json::Bool(boolean)) => Some(Value::Boolean(*boolean)),
        (None, Json::Number(number)) if number.is_f64() => number.as_f64().map(Value::Double),
        (None | Some("Edm.Int32"), Json::Number(number)) => {
            let integer = i32::try_from(number.as_i64()?).ok()?;
            Some(Value::Int32(integer))
        }
        (Some("Edm.Double"), Json::Number(number)) => number.as_f64().map(Value::Double),
        (Some("Edm.Int64"), Json::String(text)) => text.parse().ok().map(Value::Int64),
        (Some("Edm.Binary"), Json::String(text)) => STANDARD.decode(text).ok().map(Value::Binary),
        (Some("Edm.Guid"), Json::String(text)) => Uuid::try_parse(text).ok().map(Value::Guid),
        (Some("Edm.DateTime"), Json::String(text)) => OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .map(Value::DateTime),
        _ => None,
    }
}

fn corrupt(name: &str) -> TableError {
    TableError::corrupt(format!("{name} in an answer of the service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_ascii_as_long_as_they_fit() {
        let json = json!({"a": "é🦀"}).to_string();
        let escaped = body(json.clone(), 100);
        assert_eq!(escaped, br#"{"a":"\u00e9\ud83e\udd80"}"#);
        assert_eq!(body(json.clone(), 20), json.as_bytes());
        let back: Json = serde_json::from_slice(&escaped).unwrap();
        assert_eq!(back.to_string(), json);
    }

    #[test]
    fn a_row_with_a_value_of_an_unknown_type_is_refused() {
        for json in [
            json!({"PartitionKey": "p", "RowKey": "r", "a": [1]}),
            json!({"PartitionKey": "p", "RowKey": "r", "a": 3_000_000_000_u32}),
            json!({"PartitionKey": "p", "RowKey": "r", "a": "x", "a@odata.type": "Edm.Int64"}),
            json!({"PartitionKey": "p", "RowKey": "r", "a": "x", "a@odata.type": "Edm.Time"}),
            json!({"PartitionKey": "p"}),
            json!([]),
        ] {
            assert!(matches!(decode(&json), Err(TableError::Corrupt { .. })));
        }
    }

    #[test]
    fn what_the_service_adds_is_no_property() {
        let json = json!({
            "odata.metadata": "x", "odata.etag": "W/\"1\"", "PartitionKey": "p", "RowKey": "r",
            "Timestamp": "2026-11-21T08:00:00Z", "Timestamp@odata.type": "Edm.DateTime",
            "nothing": null, "a": 1,
            "entrada_write": "00000000-0000-0000-0000-000000000007",
            "entrada_write@odata.type": "Edm.Guid",
        });
        let written = decode(&json).unwrap();
        assert_eq!(written.row.etag, Some(ETag::new("W/\"1\"")));
        assert_eq!(written.row.properties.len(), 1);
        assert_eq!(written.write_id, Some(Uuid::from_u128(7)));
    }
}
