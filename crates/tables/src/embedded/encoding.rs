//! How rows lie in the file.
//!
//! A key is the table's name, a zero byte, the partition key as UTF-16 units
//! with the high byte first, two zero bytes, and the row key likewise. Zero
//! units are not allowed in keys, so none is a beginning of another, and the
//! order of bytes is the order of UTF-16 units, which the service sorts by.
//!
//! A value is the number of the row's version (8 bytes) and then each
//! property: length of the name (1 byte), name, type (1 byte), value. Numbers
//! have the low byte first; strings and binaries begin with their length in 4
//! bytes; a moment is its steps of 100 nanoseconds since 1970.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::value::TICK;
use crate::{ETag, Row, TableError, Value};

/// The key of a row.
pub(super) fn key(table: &str, partition: &str, row: &str) -> Vec<u8> {
    let mut key = partition_prefix(table, partition);
    push_units(&mut key, row);
    key
}

/// What the keys of all rows of a partition begin with.
pub(super) fn partition_prefix(table: &str, partition: &str) -> Vec<u8> {
    let mut key = table_prefix(table);
    push_units(&mut key, partition);
    key.extend([0, 0]);
    key
}

/// What the keys of all rows of a table begin with.
pub(super) fn table_prefix(table: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(table.len() + 200);
    key.extend(table.as_bytes());
    key.push(0);
    key
}

/// The first key after all that begin with `prefix`; `None` when there is no
/// such key.
pub(super) fn after_prefix(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if let Some(next) = last.checked_add(1) {
            prefix.push(next);
            return Some(prefix);
        }
    }
    None
}

/// Appends `text` as UTF-16 units.
pub(super) fn push_units(key: &mut Vec<u8>, text: &str) {
    key.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
}

/// Partition and row key of a key of this table.
pub(super) fn split_key(table: &str, key: &[u8]) -> Result<(String, String), TableError> {
    let units: Vec<u16> = key
        .get(table.len() + 1..)
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes(pair.try_into().unwrap_or_default()))
        .collect();
    let damaged = || TableError::corrupt("a key in the file of the tables");
    let mut parts = units.splitn(2, |unit| *unit == 0);
    let mut text = || String::from_utf16(parts.next()?).ok();
    Ok((text().ok_or_else(damaged)?, text().ok_or_else(damaged)?))
}

/// The version that the number stands for.
pub(super) fn etag(number: u64) -> ETag {
    ETag::new(format!("W/\"{number}\""))
}

/// The number of a stored row's version.
pub(super) fn version(stored: &[u8]) -> Result<u64, TableError> {
    Reader(stored).u64()
}

/// Properties, ready to be stored behind a version.
pub(super) fn encode(properties: &BTreeMap<String, Value>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    for (name, value) in properties {
        // Names have at most 255 bytes, values less than 4 GiB: checked before.
        bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        bytes.extend(name.as_bytes());
        encode_value(&mut bytes, value);
    }
    bytes
}

fn encode_value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => push_sized(bytes, 1, text.as_bytes()),
        Value::Binary(binary) => push_sized(bytes, 2, binary),
        Value::Boolean(boolean) => bytes.extend([3, u8::from(*boolean)]),
        Value::Int32(integer) => push_tagged(bytes, 4, &integer.to_le_bytes()),
        Value::Int64(integer) => push_tagged(bytes, 5, &integer.to_le_bytes()),
        Value::Double(number) => push_tagged(bytes, 6, &number.to_bits().to_le_bytes()),
        Value::DateTime(moment) => {
            let ticks = moment.unix_timestamp_nanos().div_euclid(i128::from(TICK));
            let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
            push_tagged(bytes, 7, &ticks.to_le_bytes());
        }
        Value::Guid(guid) => push_tagged(bytes, 8, guid.as_bytes()),
    }
}

fn push_tagged(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    bytes.extend(value);
}

fn push_sized(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(value);
}

/// A stored row.
pub(super) fn decode(partition: &str, row: &str, stored: &[u8]) -> Result<Row, TableError> {
    let mut reader = Reader(stored);
    let mut decoded = Row::new(partition, row);
    decoded.etag = Some(etag(reader.u64()?));
    while !reader.0.is_empty() {
        let name = reader.name()?;
        let value = reader.value()?;
        decoded.properties.insert(name, value);
    }
    Ok(decoded)
}

/// What is left to be read of a stored row.
struct Reader<'row>(&'row [u8]);

impl<'row> Reader<'row> {
    fn take(&mut self, count: usize) -> Result<&'row [u8], TableError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TableError> {
        self.take(N)?.try_into().map_err(|_| damaged())
    }

    fn u64(&mut self) -> Result<u64, TableError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64, TableError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn name(&mut self) -> Result<String, TableError> {
        let [length] = self.array()?;
        text(self.take(usize::from(length))?)
    }

    fn sized(&mut self) -> Result<&'row [u8], TableError> {
        let length = u32::from_le_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| damaged())?)
    }

    fn value(&mut self) -> Result<Value, TableError> {
        let [tag] = self.array()?;
        Ok(match tag {
            1 => Value::String(text(self.sized()?)?),
            2 => Value::Binary(self.sized()?.to_vec()),
            3 => Value::Boolean(self.array::<1>()? != [0]),
            4 => Value::Int32(i32::from_le_bytes(self.array()?)),
            5 => Value::Int64(self.i64()?),
            6 => Value::Double(f64::from_bits(self.u64()?)),
            7 => {
                let nanoseconds = i128::from(self.i64()?) * i128::from(TICK);
                let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
                Value::DateTime(moment.map_err(|_| damaged())?)
            }
            8 => Value::Guid(Uuid::from_bytes(self.array()?)),
            _ => return Err(damaged()),
        })
    }
}

fn text(bytes: &[u8]) -> Result<String, TableError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged())
}

fn damaged() -> TableError {
    TableError::corrupt("a row in the file of the tables")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".{0,40}".prop_map(Value::String),
            any::<bool>().prop_map(Value::Boolean),
            any::<i32>().prop_map(Value::Int32),
            any::<i64>().prop_map(Value::Int64),
            any::<f64>().prop_map(Value::Double),
            any::<Vec<u8>>().prop_map(Value::Binary),
            (-116_444_736_000_000_000_i64..2_534_023_007_999_999_999).prop_map(|ticks| {
                let nanoseconds = i128::from(ticks) * i128::from(TICK);
                let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
                Value::DateTime(moment.unwrap())
            }),
            any::<u128>().prop_map(|number| Value::Guid(Uuid::from_u128(number))),
        ]
    }

    /// A row that is stored under `number`.
    fn stored(number: u64, properties: &BTreeMap<String, Value>) -> Vec<u8> {
        [number.to_le_bytes().to_vec(), encode(properties)].concat()
    }

    proptest! {
        #[test]
        fn rows_survive_the_round_trip(
            number: u64,
            properties in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,20}", value(), 0..8),
        ) {
            let row = decode("p", "r", &stored(number, &properties)).unwrap();
            prop_assert_eq!(row.etag, Some(etag(number)));
            prop_assert!(row.properties == properties);
        }

        #[test]
        fn a_row_that_was_cut_off_or_altered_is_an_error_or_another_row_but_no_panic(
            properties in prop::collection::btree_map("[a-z]{1,5}", value(), 1..4),
            cut in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut bytes = stored(1, &properties);
            let at = cut.index(bytes.len());
            let whole = decode("p", "r", &bytes).unwrap();
            if let Ok(row) = decode("p", "r", &bytes[..at]) {
                prop_assert!(row.properties.len() < whole.properties.len());
            }
            bytes[at] = byte;
            let _ = decode("p", "r", &bytes);
        }

        #[test]
        fn keys_sort_by_partition_and_then_row_in_utf_16_units(
            a in "[a-c é🦀\u{e000}]{1,3}", b in "[a-c é🦀\u{e000}]{1,3}",
            c in "[a-c é🦀\u{e000}]{1,3}", d in "[a-c é🦀\u{e000}]{1,3}",
        ) {
            let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
            let expected = (units(&a), units(&b)).cmp(&(units(&c), units(&d)));
            let (first, second) = (key("t", &a, &b), key("t", &c, &d));
            prop_assert_eq!(first.cmp(&second), expected);
            prop_assert_eq!(split_key("t", &first).unwrap(), (a, b));
        }
    }
}
