//! Tokens of downstream services, on behalf of the caller: never in the
//! app's own name.

mod error;
mod key;
mod remedy;
mod store;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tokens;

pub use error::{DownstreamError, Missing};
pub use remedy::{Remedies, Remedy};
pub use store::TABLE;
pub(crate) use store::forget;
pub use tokens::{Downstream, DownstreamSources};
