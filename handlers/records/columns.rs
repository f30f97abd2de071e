//! Fields as properties of a row, so that Table Storage can decide by them.

use aws_lc_rs::digest::{SHA256, digest};
use entrada_tables::Row;
use serde_json::{Map, Value};

use super::Scalar;

/// Fields of a record that become properties: with the parts of the record
/// itself they stay far below the service's 252.
const MOST: usize = 64;
/// Longest text that becomes a property, in UTF-16 units.
const LONGEST: usize = 256;
/// The property that says: some field that storage could decide by is missing
/// here, so ask the record itself.
pub(super) const INCOMPLETE: &str = "incomplete";

/// A property that stands for a field: its name and value.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) value: entrada_tables::Value,
}

impl Column {
    /// The property of a field, if it can be one: a flag, a number that every
    /// implementation writes and compares alike, a short text of plain
    /// characters.
    pub(super) fn of(field: &str, value: &Scalar) -> Option<Self> {
        let (kind, value) = match value {
            Scalar::Flag(flag) => ('b', (*flag).into()),
            // Adding zero takes the sign off a negative one.
            Scalar::Number(number) if is_plain_number(*number) => ('n', (number + 0.0).into()),
            Scalar::Text(text) if is_plain_text(text) => ('s', text.as_str().into()),
            Scalar::Number(_) | Scalar::Text(_) | Scalar::Null => return None,
        };
        // Hashed, since a property's name is an identifier and a field's is
        // anything; with its type, since a field may be of several.
        let hash = digest(&SHA256, field.as_bytes());
        let (half, _) = hash.as_ref().split_at(16);
        let name = half.iter().fold(format!("{kind}_"), |mut name, byte| {
            for nibble in [byte >> 4, byte & 15] {
                name.extend(char::from_digit(nibble.into(), 16));
            }
            name
        });
        Some(Self { name, value })
    }
}

fn is_plain_number(number: f64) -> bool {
    number == 0.0 || (1e-6..1e15).contains(&number.abs())
}

fn is_plain_text(text: &str) -> bool {
    text.encode_utf16().take(LONGEST + 1).count() <= LONGEST
        && !text.contains(|character: char| {
            character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}')
        })
}

/// The row with the record's own fields as properties, and a mark when some
/// of them could not become one.
pub(super) fn with_columns(mut row: Row, data: &Map<String, Value>) -> Row {
    let mut columns = 0;
    let mut incomplete = false;
    for (field, value) in data {
        // Lists, objects and null are never decided by storage.
        let Some(scalar) = Scalar::of(value).filter(|scalar| *scalar != Scalar::Null) else {
            continue;
        };
        match Column::of(field, &scalar).filter(|_| columns < MOST) {
            Some(column) => {
                row = row.with(column.name, column.value);
                columns += 1;
            }
            None => incomplete = true,
        }
    }
    row.with_optional(INCOMPLETE, incomplete.then_some(true))
}
