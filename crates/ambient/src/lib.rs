//! Time, randomness, environment and network: the one seam for each.
//!
//! Everything that a program takes from its surroundings without being handed
//! it makes its behaviour hard to test and its lifetimes hard to prove. Here
//! each of the four has one trait or constructor, made once in `main` and
//! passed on; `clippy.toml` forbids the direct calls elsewhere. And what goes out
//! to a terminal passes through [`printable`].

mod clock;
mod environment;
mod network;
mod printable;
mod random;
mod trace;

pub use clock::{Clock, ManualClock, SystemClock};
pub use environment::{Environment, FixedEnvironment, ProcessEnvironment};
pub use network::{NetworkError, NetworkOptions, http_client, http_client_with_resolver};
pub use printable::printable;
pub use random::{Random, SystemRandom};
pub use trace::{continuing, incoming_traceparent, send, traceparent, upstream_span};
