//! A client of the Azure AI Foundry Responses API, called as the user.
//!
//! [`Foundry`] sends one request and hands back a [`ResponseStream`]: a bounded
//! stream of the few [`ResponseEvent`]s that a chat needs, in place of the
//! dozens that the service sends. Three [`Route`]s reach an agent or a model;
//! what differs between them (address, query, body) ends at this crate.
//!
//! The token that a call carries is the *user's*, obtained On-Behalf-Of. Nothing
//! is said to an agent with the application's own identity: OAuth consents of an
//! agent's tools are keyed by the caller, so with one identity for everybody, one
//! person's consent would serve the next. That identity only lists the agents
//! that there are ([`Foundry::list_agents`]).

mod address;
mod agents;
mod challenge;
mod client;
mod consent;
mod error;
mod event;
mod lines;
mod reach;
mod refusal;
mod request;
mod retry;
mod settings;
mod stream;
mod translate;
mod wire;

pub use agents::ListedAgent;
pub use challenge::claims as claims_challenge;
pub use client::Foundry;
pub use consent::ConsentLink;
pub use error::{FoundryError, UnavailableCause, Wait};
pub use event::{ResponseEvent, Sequenced, ToolKind, Usage};
pub use reach::reach;
pub use request::{Agent, InputItem, ResponseRequest};
pub use settings::{FoundrySettings, Route};
pub use stream::ResponseStream;

#[cfg(test)]
mod tests;
