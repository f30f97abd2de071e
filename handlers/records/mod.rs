//! Records: JSON objects that belong to a tenant.
//!
//! A tenant's records are one partition, and every request names the tenant
//! of its caller and no other. What callers write in ids, field names and
//! filters never becomes a key, a property name or the text of a filter: ids
//! and field names are hashed, values go into the filter as typed values.

mod columns;
mod condition;
mod cursor;
mod field;
mod filters;
mod order;
mod pushdown;
mod query;
mod record;
mod scan;
mod store;
#[cfg(test)]
mod tests;

pub use condition::{Condition, Operator, Scalar};
pub use field::FieldPath;
pub use filters::{Clause, Filters, Group};
pub use order::{Direction, Sort};
pub use query::{Found, RecordQuery};
pub use record::{Record, RecordFault};
pub use store::{Records, RecordsError, Saved, TABLE};
