//! The audit log: who did what, when, and what was decided.
//!
//! [`Audit`] takes entries; one writer of the process puts them into Table
//! Storage, in partitions by tenant and hour, chained by HMAC. [`verify`]
//! reads everything again and finds what was altered, removed or cut off;
//! [`AuditReader`] pages through a tenant's entries. `docs/audit.md` says
//! what is kept and what it proves.

mod appender;
mod chain;
mod counts;
mod entry;
mod error;
mod hour;
mod log;
mod query;
mod redact;
mod repeats;
mod rows;
#[cfg(test)]
mod tests;
mod verify;
mod waiting;
mod writer;

pub use entry::{Decision, Entry, Outcome};
pub use error::AuditError;
pub use hour::{Hour, Place};
pub use log::{Audit, AuditSources, Pending};
pub use query::{AuditPage, AuditQuery, AuditReader, CursorError, LONGEST_RANGE};
pub use rows::TABLE;
#[cfg(test)]
pub(crate) use tests::in_memory;
pub use verify::{Finding, Report, Scope, verify};
pub use writer::Writer;
