use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::TableError;

/// Longest text of a continuation, in bytes: two keys of 1 KiB with what the
/// service adds to them, encoded twice.
const MOST_BYTES: usize = 8 * 1024;

/// Where the next page of a query begins. Opaque, `[A-Za-z0-9_-]`, at most
/// 8 KiB; may be handed to a caller and parsed when it comes back. It opens
/// nothing: the query that it is given to decides which rows are seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Continuation {
    text: String,
    position: Position,
}

/// What a continuation holds, by the backend that made it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Position {
    /// The service's own tokens, from the headers
    /// `x-ms-continuation-NextPartitionKey` and `-NextRowKey`.
    #[serde(rename = "a")]
    Azure(String, Option<String>),
    /// Partition and row key of the first row of the next page.
    #[serde(rename = "e")]
    Embedded(String, String),
}

impl Continuation {
    pub(crate) fn new(position: Position) -> Result<Self, TableError> {
        let json = serde_json::to_vec(&position)
            .map_err(|_| TableError::corrupt("a continuation that cannot be written"))?;
        Ok(Self {
            text: URL_SAFE_NO_PAD.encode(json),
            position,
        })
    }

    /// The continuation that `text` stands for.
    ///
    /// # Errors
    /// [`TableError::Invalid`] when it is not one that was handed out.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let invalid = || TableError::invalid("the continuation is not one that was handed out");
        if text.len() > MOST_BYTES {
            return Err(invalid());
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        Ok(Self {
            text: text.to_owned(),
            position: serde_json::from_slice(&json).map_err(|_| invalid())?,
        })
    }

    /// The text to hand out.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }
}

impl FromStr for Continuation {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Self, TableError> {
        Self::parse(text)
    }
}

impl fmt::Display for Continuation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Continuation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Continuation")
            .finish_non_exhaustive()
    }
}
