//! Microsoft Entra ID as Entrada uses it: access tokens are verified,
//! people sign in, sessions are refreshed, and downstream services are called
//! on behalf of the user.

pub mod aadsts;
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
pub use client::{
    AuthorizeRequest, CodeRedemption, DownstreamToken, EntraClient, OnBehalfOf, Prompt, SignIn,
    TokenSet,
};
pub use credential::{ClientCredential, ClientSecret};
pub use discovery::{Discovery, OpenIdConfiguration};
pub use error::{EntraError, Rejection};
pub use fetch::FetchError;
pub use id_token::{IdToken, IdTokenError};
pub use keys::KeysStatus;
pub use settings::{EntraSettings, PERSONAL_ACCOUNTS_TENANT, Tenancy};
pub use token::{AccessToken, AccessTokenError, AccessTokenValidator, SubjectKind, TokenVersion};
