use std::fmt;

use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

/// The value of a property, in one of the types of Table Storage
/// (Microsoft: "Understanding the Table service data model", property types).
///
/// `Debug` shows type and size, never the value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Text, at most 32,768 UTF-16 units.
    String(String),
    /// True or false.
    Boolean(bool),
    /// A 32-bit integer.
    Int32(i32),
    /// A 64-bit integer.
    Int64(i64),
    /// A finite 64-bit floating point number.
    Double(f64),
    /// Bytes, at most 65,536.
    Binary(Vec<u8>),
    /// A moment between the years 1601 and 9999. Kept in steps of 100
    /// nanoseconds, in UTC; what is finer is cut off.
    DateTime(OffsetDateTime),
    /// A 128-bit identifier.
    Guid(Uuid),
}

impl Value {
    /// The name of the type in the Entity Data Model without its `Edm.`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "String",
            Self::Boolean(_) => "Boolean",
            Self::Int32(_) => "Int32",
            Self::Int64(_) => "Int64",
            Self::Double(_) => "Double",
            Self::Binary(_) => "Binary",
            Self::DateTime(_) => "DateTime",
            Self::Guid(_) => "Guid",
        }
    }
}

/// Nanoseconds in one step of the service's clock.
pub(crate) const TICK: u32 = 100;

/// `moment` in UTC, cut to the steps that the service keeps.
pub(crate) fn to_tick(moment: OffsetDateTime) -> OffsetDateTime {
    let utc = moment.to_offset(UtcOffset::UTC);
    let nanosecond = utc.nanosecond() / TICK * TICK;
    utc.replace_nanosecond(nanosecond).unwrap_or(utc)
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write!(formatter, "String({} bytes)", text.len()),
            Self::Binary(bytes) => write!(formatter, "Binary({} bytes)", bytes.len()),
            other => write!(formatter, "{}(..)", other.type_name()),
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::String(value.clone())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int32(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int64(i64::from(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int64(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Binary(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Binary(value.to_vec())
    }
}

impl From<OffsetDateTime> for Value {
    fn from(value: OffsetDateTime) -> Self {
        Self::DateTime(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Guid(value)
    }
}
