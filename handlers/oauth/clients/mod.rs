//! The clients of the authorization server: those that an administrator
//! configured, those that registered themselves (RFC 7591) and those that
//! describe themselves at the URL that is their id
//! (draft-ietf-oauth-client-id-metadata-document).

mod client;
mod error;
mod keys;
mod redirect;
mod registration;
mod registry;

pub use client::{Client, ClientAuthentication, ClientOrigin, DaemonTerms, GrantType};
pub use error::{ClientError, RegistrationError};
pub use keys::{KeySetError, PublicKeys, SignatureError};
pub use redirect::{MatchedRedirect, RedirectKind, RedirectRefusal, RedirectRules};
pub use registration::{RegistrationRequest, RegistrationResponse};
pub use registry::{Clients, TABLE};
