//! Tokens of downstream services, on behalf of the caller: never in the
//! app's own name.

mod answer;
mod error;
mod key;
mod store;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tokens;

pub use error::{DownstreamError, Missing};
pub use store::TABLE;
pub use tokens::{Downstream, DownstreamSources};
