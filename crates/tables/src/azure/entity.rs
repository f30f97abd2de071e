//! Rows as the service writes them in JSON (Microsoft: "Payload format for
//! Table service operations", minimal metadata).

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
