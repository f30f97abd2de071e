//! Microsoft Entra ID as Entrada uses it.
//!
//! * [`AccessTokenValidator`] decides whether a bearer token is an Entra access
//!   token for our app, of version 1 or 2, and says which check failed if not.
//! * [`EntraClient`] is our app as Entra's client: it signs people in
//!   (authorization code with PKCE), refreshes their tokens, and gets tokens
//!   for downstream services on their behalf.
//! * [`Discovery`] has the authority's endpoints, per tenant.
//! * [`aadsts`] knows what the error codes of Entra mean and who can mend them.
//!
//! Four rules hold throughout:
//!
//! 1. A token is trusted by its signature and by nothing else. What an
//!    unverified token says of itself is used to word its refusal, never to
//!    accept it.
//! 2. The user's own tenant is asked, and tokens of one tenant or subject never
//!    stand for another's. The app never acts in its own name where a user's
//!    was asked for.
//! 3. Entra being out of reach is not the caller's fault: such errors answer
//!    true to `is_unavailable`.
//! 4. No error and no `Debug` holds a token, a code, a secret or a URL with a
//!    query.

pub mod aadsts;
mod audience;
mod client;
mod credential;
mod discovery;
mod error;
mod fetch;
mod id_token;
mod kept;
mod keys;
pub mod pkce;
mod settings;
#[cfg(test)]
mod tests;
mod token;

pub use aadsts::{Aadsts, AadstsClass};
pub use audience::SignInAudience;
pub use client::{
    AuthorizeRequest, CodeRedemption, CredentialStatus, DownstreamToken, EntraClient, OnBehalfOf,
    Prompt, SignIn, TokenSet,
};
pub use credential::{
    CertificateError, ClientCertificate, ClientCredential, ClientSecret, FederatedIdentity,
};
pub use discovery::{Discovery, OpenIdConfiguration};
pub use error::{EntraError, Rejection};
pub use fetch::FetchError;
pub use id_token::{IdToken, IdTokenError};
pub use keys::KeysStatus;
pub use settings::{EntraSettings, PERSONAL_ACCOUNTS_TENANT, Tenancy};
pub use token::{
    AccessToken, AccessTokenError, AccessTokenValidator, Check, Examination, Fingerprint, Outcome,
    SubjectKind, TokenVersion, UnverifiedClaims,
};
