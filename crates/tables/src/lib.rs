//! Table Storage, remote and embedded, behind one trait.
//!
//! [`Tables`] is as small as Azure Table Storage itself: rows named by a
//! partition and a row key, insert-if-absent, writes conditional on an
//! [`ETag`], queries within a partition, atomic batches within a partition.
//! [`AzureTables`] speaks to the service (or to Azurite) over REST,
//! [`EmbeddedTables`] keeps the same rows in one file of its own; one contract
//! test suite runs against both.
//!
//! Limits of the service are enforced before anything is sent, by both
//! backends alike, so that what works locally works there.

mod azure;
mod condition;
mod continuation;
mod embedded;
mod error;
mod expiry;
mod filter;
mod long;
mod query;
mod row;
mod tables;
mod validate;
mod value;

pub use azure::{AccountAddress, AzureTables, ConnectionError};
pub use condition::{Condition, ETag, Operation};
pub use continuation::Continuation;
pub use embedded::{EmbeddedTables, OpenError};
pub use error::{PropertyProblem, TableError};
pub use expiry::{EXPIRES_AT, SweptPage, sweep, sweep_page};
pub use filter::{Comparison, Filter};
pub use query::{Page, Query, RowRange, query_all};
pub use row::Row;
pub use tables::Tables;
pub use value::Value;
