use crate::validate::{BINARY_BYTES, STRING_UNITS};
use crate::{PropertyProblem, Row, TableError, Value};

/// Values longer than one property holds, split over several: `body_0`,
/// `body_1` and so on, with their number in `body_count` (Int32). Write such
/// rows by replace: a merge of a shorter value leaves old parts behind, which
/// the number makes harmless but which still count for the size of the row.
impl Row {
    /// The row with a text of any length that the row's 1 MiB allow, split
    /// over the properties `name_0`, `name_1` and so on.
    #[must_use]
    pub fn with_long_text(self, name: &str, text: &str) -> Self {
        self.with_parts(name, text_parts(text).into_iter().map(Value::from))
    }

    /// The row with bytes of any number that the row's 1 MiB allow, split
    /// over the properties `name_0`, `name_1` and so on.
    #[must_use]
    pub fn with_long_binary(self, name: &str, bytes: &[u8]) -> Self {
        self.with_parts(name, bytes.chunks(BINARY_BYTES).map(Value::from))
    }

    /// The text that [`Row::with_long_text`] split; `None` when the row has
    /// none of that name.
    ///
    /// # Errors
    /// [`TableError::Property`] when a part is missing or of another type.
    pub fn long_text(&self, name: &str) -> Result<Option<String>, TableError> {
        let Some(count) = self.parts(name)? else {
            return Ok(None);
        };
        let mut text = String::new();
        for index in 0..count {
            text.push_str(self.text(&part(name, index))?);
        }
        Ok(Some(text))
    }

    /// The bytes that [`Row::with_long_binary`] split; `None` when the row
    /// has none of that name.
    ///
    /// # Errors
    /// [`TableError::Property`] when a part is missing or of another type.
    pub fn long_binary(&self, name: &str) -> Result<Option<Vec<u8>>, TableError> {
        let Some(count) = self.parts(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        for index in 0..count {
            bytes.extend_from_slice(self.binary(&part(name, index))?);
        }
        Ok(Some(bytes))
    }

    fn with_parts(mut self, name: &str, parts: impl Iterator<Item = Value>) -> Self {
        let mut count: i32 = 0;
        for value in parts {
            self = self.with(part(name, count), value);
            count += 1;
        }
        self.with(counter(name), count)
    }

    fn parts(&self, name: &str) -> Result<Option<i32>, TableError> {
        let name = counter(name);
        match self.optional_int32(&name)? {
            Some(count) if count < 0 => Err(TableError::Property {
                name,
                problem: PropertyProblem::Incomplete,
            }),
            count => Ok(count),
        }
    }
}

fn part(name: &str, index: i32) -> String {
    format!("{name}_{index}")
}

fn counter(name: &str) -> String {
    format!("{name}_count")
}

/// Cuts `text` into pieces that fit a property, never within a character.
fn text_parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut units = 0;
        let end = rest
            .char_indices()
            .find(|(_, character)| {
                units += character.len_utf16();
                units > STRING_UNITS
            })
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        parts.push(piece);
        rest = after;
    }
    parts
}
