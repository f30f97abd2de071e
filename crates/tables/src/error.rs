use std::error::Error;
use std::fmt;

/// What went wrong with a table.
///
/// No message holds row data, a key of a row or an address with keys in it:
/// errors are logged, rows are not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// An insert met a row of the same keys.
    #[error("the row already exists")]
    AlreadyExists,
    /// The row is not as the condition says: it was changed meanwhile.
    #[error("the row was changed meanwhile")]
    PreconditionFailed,
    /// There is no row to apply a conditional write or delete to.
    #[error("there is no such row")]
    NotFound,
    /// The table was never created, or has been deleted.
    #[error("there is no table {table}")]
    NoSuchTable {
        /// The table's name.
        table: String,
    },
    /// The request breaks a rule of the service; repeating it is useless.
    #[error("not a valid request to a table: {reason}")]
    Invalid {
        /// Which limit or rule, and the actual size where there is one.
        reason: String,
    },
    /// Storage did not answer, or said that it cannot right now. Worth a
    /// retry. A write may or may not have been applied.
    #[error("table storage is not available: {reason}")]
    Unavailable {
        /// What was seen, in a few words.
        reason: String,
        /// What lay behind it, where something did.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The credential does not open this storage. Role assignments take
    /// minutes to count, so it may pass.
    #[error("table storage refused the credential: {reason}")]
    Forbidden {
        /// What the service or the credential said.
        reason: String,
        /// The service's code, such as `AuthorizationPermissionMismatch`;
        /// empty when it gave none.
        code: String,
    },
    /// A row lacks a property or holds it in another type.
    #[error("property {name} {problem}")]
    Property {
        /// The property's name.
        name: String,
        /// What is wrong with it.
        problem: PropertyProblem,
    },
    /// What storage holds or answered cannot be understood.
    #[error("table storage holds or answered what cannot be understood: {reason}")]
    Corrupt {
        /// What was not understood.
        reason: String,
    },
}

impl TableError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid {
            reason: reason.into(),
        }
    }

    pub(crate) fn corrupt(reason: impl Into<String>) -> Self {
        Self::Corrupt {
            reason: reason.into(),
        }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            source: None,
        }
    }

    pub(crate) fn unavailable_because(
        reason: impl Into<String>,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            source: Some(Box::new(source)),
        }
    }
}

/// What is wrong with a property that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertyProblem {
    /// The row has no such property.
    Missing,
    /// The property is of another type.
    WrongType {
        /// The type that was asked for.
        expected: &'static str,
        /// The type that it has.
        found: &'static str,
    },
    /// The parts of a long value do not add up to it.
    Incomplete,
}

impl fmt::Display for PropertyProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("is missing"),
            Self::WrongType { expected, found } => {
                write!(formatter, "is of type {found}, not {expected}")
            }
            Self::Incomplete => formatter.write_str("is split over parts that are not all there"),
        }
    }
}
