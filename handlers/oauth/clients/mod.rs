//! The clients of the authorization server: those that an administrator
//! configured, those that registered themselves (RFC 7591) and those that
//! describe themselves at the URL that is their id
//! (draft-ietf-oauth-client-id-metadata-document).

mod address_policy;
mod client;
mod configured;
mod document;
mod documents;
mod error;
mod fetch;
mod keys;
mod lifetime;
mod limiter;
mod metadata;
mod redirect;
mod registration;
mod registrations;
mod registry;
mod resolver;

#[cfg(test)]
mod tests;

pub use address_policy::AddressPolicy;
pub use client::{Client, ClientAuthentication, ClientOrigin, DaemonTerms, GrantType};
pub use configured::{ConfiguredClientFaults, ConfiguredClients};
pub use error::{ClientError, RegistrationError};
pub use keys::{KeySetError, PublicKeys, SignatureError};
pub use limiter::RegistrationLimiter;
#[cfg(test)]
pub(crate) use limiter::testing;
pub use redirect::{
    MatchedRedirect, RedirectKind, RedirectRefusal, RedirectRules, custom_redirect_uri,
};
pub use registration::{RegisteredMetadata, RegistrationRequest, RegistrationResponse};
pub use registrations::TABLE;
pub use registry::{ClientSources, Clients};
pub use resolver::{NameLookup, SystemLookup};
