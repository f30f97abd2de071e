use crate::{Row, TableError, Value, validate};

mod matching;
mod odata;

pub(crate) use odata::{moment_text, quoted};

/// How a property is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Not the same.
    NotEqual,
    /// Greater.
    Greater,
    /// Greater or the same.
    GreaterOrEqual,
    /// Less.
    Less,
    /// Less or the same.
    LessOrEqual,
}

/// A condition on the properties of a row, rendered to `OData` for the service
/// and evaluated in memory by the embedded backend with the same meaning:
///
/// * A comparison with a property that the row lacks is false, `ne` too; so
///   `not (a eq 1)` finds rows without `a`, and `a ne 1` does not.
/// * A value of another type than the property's differs from it: `ne` is
///   true, every other comparison is false. Int32 and Int64 are two types.
///   (Azurite converts in some cases and fails in others: compare with the
///   type that the column has.)
/// * Strings compare by their UTF-16 units. Boolean, Binary and Guid values
///   have no order that all implementations share, so they are compared for
///   equality alone.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// A property against a value.
    Compare {
        /// The property's name, a C# identifier of ASCII characters.
        name: String,
        /// How.
        comparison: Comparison,
        /// The value, in the type that the property has.
        value: Value,
    },
    /// Both.
    And(Box<Filter>, Box<Filter>),
    /// One or both.
    Or(Box<Filter>, Box<Filter>),
    /// Not.
    Not(Box<Filter>),
}

/// Most comparisons of one filter: the service allows 15 (Microsoft: "Querying
/// tables and entities"), of which the partition takes one and the range of
/// rows two.
const MOST_COMPARISONS: usize = 12;

/// Longest filter in `OData`, in bytes: it travels in the address.
const MOST_BYTES: usize = 4096;

/// Deepest nesting of a filter.
const MOST_LEVELS: usize = 16;

impl Filter {
    /// `name` compared with `value`.
    pub fn compare(
        name: impl Into<String>,
        comparison: Comparison,
        value: impl Into<Value>,
    ) -> Self {
        Self::Compare {
            name: name.into(),
            comparison,
            value: value.into(),
        }
    }

    /// `name` is `value`.
    pub fn eq(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparison::Equal, value)
    }

    /// `name` is there and is not `value`.
    pub fn ne(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparison::NotEqual, value)
    }

    /// `name` is greater than `value`.
    pub fn gt(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparison::Greater, value)
    }

    /// `name` is `value` or greater.
    pub fn ge(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparison::GreaterOrEqual, value)
    }

    /// `name` is less than `value`.
    pub fn lt(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparison::Less, value)
    }

    /// `name` is `value` or less.
    pub fn le(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::compare(name, Comparison::LessOrEqual, value)
    }

    /// This and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    /// This or `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    /// Whether `row` is matched. What the embedded backend decides by.
    #[must_use]
    pub fn matches(&self, row: &Row) -> bool {
        matching::matches(self, row)
    }

    /// The filter in `OData`, with every value as an escaped, typed literal.
    pub(crate) fn to_odata(&self) -> String {
        odata::render(self)
    }

    /// Checks names, values, number and depth of comparisons, and length.
    pub(crate) fn check(&self) -> Result<(), TableError> {
        let mut comparisons = 0;
        self.check_within(1, &mut comparisons)?;
        if comparisons > MOST_COMPARISONS {
            return Err(TableError::invalid(format!(
                "a filter has {comparisons} comparisons, at most {MOST_COMPARISONS} are allowed"
            )));
        }
        let bytes = self.to_odata().len();
        if bytes > MOST_BYTES {
            return Err(TableError::invalid(format!(
                "a filter has {bytes} bytes, at most {MOST_BYTES} are allowed"
            )));
        }
        Ok(())
    }

    fn check_within(&self, level: usize, comparisons: &mut usize) -> Result<(), TableError> {
        if level > MOST_LEVELS {
            return Err(TableError::invalid(format!(
                "a filter is nested deeper than {MOST_LEVELS} levels"
            )));
        }
        match self {
            Self::Compare {
                name,
                comparison,
                value,
            } => {
                *comparisons += 1;
                validate::filter_property_name(name)?;
                validate::value(name, value)?;
                check_order(name, *comparison, value)
            }
            Self::And(first, second) | Self::Or(first, second) => {
                first.check_within(level + 1, comparisons)?;
                second.check_within(level + 1, comparisons)
            }
            Self::Not(inner) => inner.check_within(level + 1, comparisons),
        }
    }
}

impl std::ops::Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

fn check_order(name: &str, comparison: Comparison, value: &Value) -> Result<(), TableError> {
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let unordered = matches!(value, Value::Boolean(_) | Value::Binary(_) | Value::Guid(_));
    if unordered && !equality {
        return Err(TableError::invalid(format!(
            "property {name} is compared by order with a value of type {}, which has none",
            value.type_name()
        )));
    }
    Ok(())
}
