//! The service's limits, checked before anything is sent (Microsoft:
//! "Understanding the Table service data model", "Performing entity group
//! transactions"). Azurite enforces fewer of them, so both backends ask here.

use std::collections::HashSet;

use time::OffsetDateTime;
use time::macros::datetime;

use crate::query::PAGE_ROWS;
use crate::{Operation, Query, Row, RowRange, TableError, Value};

/// The property in which [`AzureTables`](crate::AzureTables) keeps the id of
/// a row's last write; no caller sees or sets it.
pub(crate) const WRITE_ID: &str = "entrada_write";

/// UTF-16 units of a key; 1 KiB of them.
const KEY_UNITS: usize = 512;
/// Own properties of a row: the service allows 252, and one is ours.
const PROPERTIES: usize = 251;
/// Characters of a property's name.
const NAME_CHARACTERS: usize = 255;
/// UTF-16 units of a string; 64 KiB of them.
pub(crate) const STRING_UNITS: usize = 32 * 1024;
/// Bytes of a binary.
pub(crate) const BINARY_BYTES: usize = 64 * 1024;
/// Bytes of a row.
pub(crate) const ROW_BYTES: usize = 1024 * 1024;
/// Operations of a batch.
const BATCH_OPERATIONS: usize = 100;
/// Bytes of a batch as it is sent.
pub(crate) const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that an operation of a batch takes beside its keys and properties,
/// rounded up.
const OPERATION_BYTES: usize = 1024;
/// The earliest moment that the service keeps; the latest is the last that
/// `time` has.
const FIRST_MOMENT: OffsetDateTime = datetime!(1601-01-01 0:00 UTC);

/// Names that a filter would read as something else.
const WORDS: [&str; 12] = [
    "and", "or", "not", "eq", "ne", "gt", "ge", "lt", "le", "true", "false", "null",
];

fn invalid(reason: String) -> TableError {
    TableError::Invalid { reason }
}

/// A table's name: a letter, then 2 to 62 letters and digits.
pub(crate) fn table(name: &str) -> Result<(), TableError> {
    let letter_first = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if letter_first && plain && (3..=63).contains(&name.len()) {
        return Ok(());
    }
    Err(TableError::invalid(
        "a table's name is a letter and 2 to 62 letters and digits",
    ))
}

/// Both keys of a row.
pub(crate) fn keys(partition: &str, row: &str) -> Result<(), TableError> {
    key("partition", partition)?;
    key("row", row)
}

fn key(which: &str, text: &str) -> Result<(), TableError> {
    if text.is_empty() {
        return Err(invalid(format!("the {which} key is empty")));
    }
    let units = text.encode_utf16().count();
    if units > KEY_UNITS {
        return Err(invalid(format!(
            "the {which} key has {units} UTF-16 units, at most {KEY_UNITS} (1 KiB) are allowed"
        )));
    }
    match text.chars().find(|character| forbidden_in_key(*character)) {
        Some(character) => Err(invalid(format!(
            "the {which} key holds U+{:04X}; / \\ # ? and control characters are not allowed",
            u32::from(character)
        ))),
        None => Ok(()),
    }
}

/// Characters that a key must not hold.
pub(crate) fn forbidden_in_key(character: char) -> bool {
    matches!(character, '/' | '\\' | '#' | '?') || character.is_control()
}

/// A property's name: a C# identifier of ASCII characters that is not taken.
fn property_name(name: &str) -> Result<(), TableError> {
    let identifier = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !identifier || name.len() > NAME_CHARACTERS {
        return Err(invalid(format!(
            "a property's name is a letter or _ and letters, digits and _, at most \
             {NAME_CHARACTERS}; one of {} bytes is not",
            name.len()
        )));
    }
    if ["PartitionKey", "RowKey", "Timestamp", WRITE_ID].contains(&name) {
        return Err(invalid(format!("the property name {name} is reserved")));
    }
    Ok(())
}

/// A property's name inside a filter, where it must not read as a word.
pub(crate) fn filter_property_name(name: &str) -> Result<(), TableError> {
    property_name(name)?;
    if WORDS.contains(&name) {
        return Err(invalid(format!(
            "a filter cannot name the property {name}, which it would read as a word"
        )));
    }
    Ok(())
}

/// One value of the property `name`.
pub(crate) fn value(name: &str, value: &Value) -> Result<(), TableError> {
    match value {
        Value::String(text) => {
            let units = text.encode_utf16().count();
            if units > STRING_UNITS {
                return Err(invalid(format!(
                    "property {name} has {units} UTF-16 units, a string has at most {STRING_UNITS}"
                )));
            }
        }
        Value::Binary(bytes) if bytes.len() > BINARY_BYTES => {
            return Err(invalid(format!(
                "property {name} has {} bytes, a binary has at most {BINARY_BYTES}",
                bytes.len()
            )));
        }
        Value::Double(number) if !number.is_finite() => {
            return Err(invalid(format!("property {name} is not a finite number")));
        }
        Value::DateTime(moment) if *moment < FIRST_MOMENT => {
            return Err(invalid(format!(
                "property {name} is a moment before the year 1601"
            )));
        }
        _ => {}
    }
    Ok(())
}

/// A row to be written.
pub(crate) fn row(row: &Row) -> Result<(), TableError> {
    keys(&row.partition, &row.row)?;
    if row.properties.len() > PROPERTIES {
        return Err(invalid(format!(
            "the row has {} properties, at most {PROPERTIES} are allowed",
            row.properties.len()
        )));
    }
    let mut bytes = row_overhead(row);
    for (name, property) in &row.properties {
        property_name(name)?;
        value(name, property)?;
        bytes += 8 + 2 * name.len() + value_bytes(property);
    }
    if bytes > ROW_BYTES {
        return Err(invalid(format!(
            "the row has {bytes} bytes, at most {ROW_BYTES} (1 MiB) are allowed"
        )));
    }
    Ok(())
}

/// Bytes of a row before its properties, with room for our own one.
fn row_overhead(row: &Row) -> usize {
    let keys = row.partition.encode_utf16().count() + row.row.encode_utf16().count();
    let write_id = 8 + 2 * WRITE_ID.len() + 16;
    4 + 2 * keys + write_id
}

/// Bytes of a value as the service counts them.
fn value_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => 4 + 2 * text.encode_utf16().count(),
        Value::Binary(bytes) => 4 + bytes.len(),
        Value::Boolean(_) => 1,
        Value::Int32(_) => 4,
        Value::Int64(_) | Value::Double(_) | Value::DateTime(_) => 8,
        Value::Guid(_) => 16,
    }
}

/// A batch: number, size, one partition, a row at most once.
pub(crate) fn batch(operations: &[Operation]) -> Result<(), TableError> {
    if operations.len() > BATCH_OPERATIONS {
        return Err(invalid(format!(
            "the batch has {} operations, at most {BATCH_OPERATIONS} are allowed",
            operations.len()
        )));
    }
    let mut bytes = 0;
    let mut seen = HashSet::new();
    let mut first_partition = None;
    for (index, operation) in operations.iter().enumerate() {
        let (partition, row) = operation.keys();
        if *first_partition.get_or_insert(partition) != partition {
            return Err(invalid(format!(
                "operation {index} of the batch is on another partition than the first"
            )));
        }
        if !seen.insert(row) {
            return Err(invalid(format!(
                "operation {index} of the batch is on a row that an earlier one is on"
            )));
        }
        bytes += operation_bytes(operation).map_err(|error| at(index, error))?;
    }
    if bytes > BATCH_BYTES {
        return Err(invalid(format!(
            "the batch has {bytes} bytes, at most {BATCH_BYTES} (4 MiB) are allowed"
        )));
    }
    Ok(())
}

/// Checks an operation; answers how much of a batch it takes at most.
fn operation_bytes(operation: &Operation) -> Result<usize, TableError> {
    let (partition, row_key) = operation.keys();
    // In an address, each byte of a key may take three.
    let keys_bytes = 3 * (partition.len() + row_key.len());
    let properties_bytes = match operation {
        Operation::Insert(written)
        | Operation::Replace(written, _)
        | Operation::Merge(written, _) => {
            row(written)?;
            let properties = written.properties.iter();
            properties
                .map(|(name, value)| 2 * name.len() + 40 + json_bytes(value))
                .sum()
        }
        Operation::Delete { .. } => {
            keys(partition, row_key)?;
            0
        }
    };
    Ok(OPERATION_BYTES + 2 * keys_bytes + properties_bytes)
}

/// Bytes of a value in JSON, at most.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text
            .chars()
            .map(|character| match character {
                '"' | '\\' => 2,
                control if u32::from(control) < 0x20 => 6,
                other => other.len_utf8(),
            })
            .sum(),
        Value::Binary(bytes) => bytes.len().div_ceil(3) * 4,
        _ => 40,
    }
}

fn at(index: usize, error: TableError) -> TableError {
    match error {
        TableError::Invalid { reason } => {
            invalid(format!("operation {index} of the batch: {reason}"))
        }
        other => other,
    }
}

/// A query: keys, filter, names, page size.
pub(crate) fn query(query: &Query) -> Result<(), TableError> {
    key("partition", &query.partition)?;
    page_rows(query.limit)?;
    if let Some(filter) = &query.filter {
        filter.check()?;
    }
    for name in query.select.iter().flatten() {
        property_name(name)?;
    }
    match &query.rows {
        RowRange::All => Ok(()),
        RowRange::Prefix(prefix) if prefix.is_empty() => Ok(()),
        RowRange::Prefix(prefix) => key("row", prefix),
        RowRange::Between { from, to } => {
            from.as_ref().map_or(Ok(()), |from| key("row", from))?;
            to.as_ref().map_or(Ok(()), |to| key("row", to))
        }
    }
}

/// The rows of one page: 1 to 1,000.
pub(crate) fn page_rows(limit: Option<u32>) -> Result<u32, TableError> {
    match limit {
        None => Ok(PAGE_ROWS),
        Some(limit) if (1..=PAGE_ROWS).contains(&limit) => Ok(limit),
        Some(limit) => Err(invalid(format!(
            "a page of {limit} rows was asked for, 1 to {PAGE_ROWS} are allowed"
        ))),
    }
}

/// A continuation that another backend handed out.
pub(crate) fn foreign_continuation() -> TableError {
    TableError::invalid("the continuation was handed out by another kind of storage")
}
