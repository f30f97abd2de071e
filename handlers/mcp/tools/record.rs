//! What tools say about records.

use crate::error::chain;
use crate::mcp::ToolError;
use crate::records::RecordsError;

/// What the caller is told when records cannot be saved or found.
pub(super) fn records_error(error: RecordsError) -> ToolError {
    match error {
        RecordsError::Storage(error) => error.into(),
        RecordsError::NoKeys => ToolError::unavailable(
            "This server has no keys yet. Try again shortly.",
            chain(&error),
        ),
        RecordsError::Fault(_)
        | RecordsError::Filters
        | RecordsError::Cursor
        | RecordsError::Busy => ToolError::new(sentence(&error.to_string())),
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(characters).collect();
    sentence.push('.');
    sentence
}
