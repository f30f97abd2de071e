use std::collections::BTreeMap;
use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{ETag, PropertyProblem, TableError, Value};

/// A row (an *entity* in the service's own words): two keys and typed
/// properties.
///
/// `Debug` shows the properties' names and types, never their values.
#[derive(Clone, PartialEq)]
pub struct Row {
    /// The partition key. At most 512 UTF-16 units, not empty, without
    /// `/ \ # ?` and control characters.
    pub partition: String,
    /// The row key, unique within the partition; the same rules.
    pub row: String,
    /// The version that was read; `None` on a row that was built. Writing
    /// ignores it: conditions are given explicitly.
    pub etag: Option<ETag>,
    /// The properties by name.
    pub properties: BTreeMap<String, Value>,
}

impl Row {
    /// A row without properties.
    pub fn new(partition: impl Into<String>, row: impl Into<String>) -> Self {
        Self {
            partition: partition.into(),
            row: row.into(),
            etag: None,
            properties: BTreeMap::new(),
        }
    }

    /// The row with the property `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.insert(name.into(), value.into());
        self
    }

    /// The row with the property `name` when there is a value for it. There
    /// are no null properties: an absent one is just absent.
    #[must_use]
    pub fn with_optional(self, name: impl Into<String>, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The value of the property `name`, whatever its type.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.properties.get(name)
    }

    /// The string property `name`.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type; so in
    /// all getters. The `optional_` ones take a missing one as `None`.
    pub fn text(&self, name: &str) -> Result<&str, TableError> {
        present(name, self.optional_text(name)?)
    }

    /// The string property `name`, if there is one.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, TableError> {
        self.typed(name, "String", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The Boolean property `name`.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type.
    pub fn boolean(&self, name: &str) -> Result<bool, TableError> {
        present(name, self.optional_boolean(name)?)
    }

    /// The Boolean property `name`, if there is one.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_boolean(&self, name: &str) -> Result<Option<bool>, TableError> {
        self.typed(name, "Boolean", |value| match value {
            Value::Boolean(boolean) => Some(*boolean),
            _ => None,
        })
    }

    /// The Int32 property `name`.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type.
    pub fn int32(&self, name: &str) -> Result<i32, TableError> {
        present(name, self.optional_int32(name)?)
    }

    /// The Int32 property `name`, if there is one.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_int32(&self, name: &str) -> Result<Option<i32>, TableError> {
        self.typed(name, "Int32", |value| match value {
            Value::Int32(integer) => Some(*integer),
            _ => None,
        })
    }

    /// The Int64 property `name`; an Int32 is taken too, since it loses
    /// nothing.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type.
    pub fn int64(&self, name: &str) -> Result<i64, TableError> {
        present(name, self.optional_int64(name)?)
    }

    /// The Int64 property `name`, if there is one; an Int32 is taken too.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_int64(&self, name: &str) -> Result<Option<i64>, TableError> {
        self.typed(name, "Int64", |value| match value {
            Value::Int64(integer) => Some(*integer),
            Value::Int32(integer) => Some(i64::from(*integer)),
            _ => None,
        })
    }

    /// The Double property `name`.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type.
    pub fn double(&self, name: &str) -> Result<f64, TableError> {
        present(name, self.optional_double(name)?)
    }

    /// The Double property `name`, if there is one.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_double(&self, name: &str) -> Result<Option<f64>, TableError> {
        self.typed(name, "Double", |value| match value {
            Value::Double(number) => Some(*number),
            _ => None,
        })
    }

    /// The Binary property `name`.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type.
    pub fn binary(&self, name: &str) -> Result<&[u8], TableError> {
        present(name, self.optional_binary(name)?)
    }

    /// The Binary property `name`, if there is one.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_binary(&self, name: &str) -> Result<Option<&[u8]>, TableError> {
        self.typed(name, "Binary", |value| match value {
            Value::Binary(bytes) => Some(bytes.as_slice()),
            _ => None,
        })
    }

    /// The `DateTime` property `name`.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type.
    pub fn datetime(&self, name: &str) -> Result<OffsetDateTime, TableError> {
        present(name, self.optional_datetime(name)?)
    }

    /// The `DateTime` property `name`, if there is one.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_datetime(&self, name: &str) -> Result<Option<OffsetDateTime>, TableError> {
        self.typed(name, "DateTime", |value| match value {
            Value::DateTime(moment) => Some(*moment),
            _ => None,
        })
    }

    /// The Guid property `name`.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is missing or of another type.
    pub fn guid(&self, name: &str) -> Result<Uuid, TableError> {
        present(name, self.optional_guid(name)?)
    }

    /// The Guid property `name`, if there is one.
    ///
    /// # Errors
    /// [`TableError::Property`] when it is of another type.
    pub fn optional_guid(&self, name: &str) -> Result<Option<Uuid>, TableError> {
        self.typed(name, "Guid", |value| match value {
            Value::Guid(guid) => Some(*guid),
            _ => None,
        })
    }

    fn typed<'row, T>(
        &'row self,
        name: &str,
        expected: &'static str,
        convert: impl FnOnce(&'row Value) -> Option<T>,
    ) -> Result<Option<T>, TableError> {
        let Some(value) = self.properties.get(name) else {
            return Ok(None);
        };
        match convert(value) {
            Some(converted) => Ok(Some(converted)),
            None => Err(TableError::Property {
                name: name.to_owned(),
                problem: PropertyProblem::WrongType {
                    expected,
                    found: value.type_name(),
                },
            }),
        }
    }
}

fn present<T>(name: &str, value: Option<T>) -> Result<T, TableError> {
    value.ok_or_else(|| TableError::Property {
        name: name.to_owned(),
        problem: PropertyProblem::Missing,
    })
}

impl fmt::Debug for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Row")
            .field("partition", &self.partition)
            .field("row", &self.row)
            .field("etag", &self.etag)
            .field("properties", &self.properties)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn row() -> Row {
        Row::new("p", "r")
            .with("text", "private")
            .with("boolean", true)
            .with("int32", 5)
            .with("int64", 6_i64)
            .with("double", 0.5)
            .with("binary", vec![1, 2])
            .with("moment", datetime!(2026-11-21 8:00 UTC))
            .with("guid", Uuid::nil())
    }

    #[test]
    fn each_getter_gives_its_type() {
        let row = row();
        assert_eq!(row.text("text").unwrap(), "private");
        assert!(row.boolean("boolean").unwrap());
        assert_eq!(row.int32("int32").unwrap(), 5);
        assert_eq!(row.int64("int64").unwrap(), 6);
        assert_eq!(row.int64("int32").unwrap(), 5, "nothing is lost");
        assert!((row.double("double").unwrap() - 0.5).abs() < f64::EPSILON);
        assert_eq!(row.binary("binary").unwrap(), [1, 2]);
        assert_eq!(row.datetime("moment").unwrap().year(), 2026);
        assert_eq!(row.guid("guid").unwrap(), Uuid::nil());
    }

    #[test]
    fn a_missing_property_is_named_or_none() {
        let row = row();
        let message = row.text("absent").unwrap_err().to_string();
        assert_eq!(message, "property absent is missing");
        assert!(row.int64("absent").is_err() && row.guid("absent").is_err());
        assert_eq!(row.optional_text("absent").unwrap(), None);
        assert_eq!(row.optional_int64("absent").unwrap(), None);
    }

    #[test]
    fn another_type_is_an_error_for_every_getter_and_tells_no_value() {
        let row = row();
        let message = row.boolean("text").unwrap_err().to_string();
        assert_eq!(message, "property text is of type String, not Boolean");
        assert!(row.optional_boolean("text").is_err());
        assert!(row.text("guid").is_err() && row.guid("text").is_err());
        assert!(row.int32("int64").is_err() && row.int64("double").is_err());
        assert!(row.binary("text").is_err() && row.datetime("int64").is_err());
    }

    #[test]
    fn values_are_not_in_the_debug_form() {
        let text = format!("{:?}", row());
        assert!(text.contains("\"text\": String(7 bytes)"), "{text}");
        assert!(!text.contains("private"), "{text}");
    }
}
