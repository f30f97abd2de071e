//! Limits: how often somebody may call, the same whichever instance answers.
//!
//! Each limit is a token bucket of twice the calls that it allows in a
//! minute. The buckets are rows of Table Storage ([`TABLE`]); an instance
//! leases blocks of calls from them and serves from memory, so that a call
//! with a lease in hand costs no round trip. While storage is away each
//! instance limits by itself, with the same figures.
//!
//! `docs/limits.md` says which limit counts what.

mod address;
mod bucket;
mod exceeded;
mod layer;
mod lease;
mod leases;
mod ledger;
mod limiter;
mod outage;
mod rate;
mod registrations;
#[cfg(test)]
mod tests;

pub use exceeded::Exceeded;
pub use layer::{SignInLimit, limit_sign_in};
pub use ledger::TABLE;
pub use limiter::{AddressLimit, AddressesStatus, CallerKey, Figures, Limits, LimitsStatus};
