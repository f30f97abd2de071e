//! Grants: one for each sign-in of a person with a client. Entra's tokens
//! stay in them, encrypted; clients hold only Entrada's.

mod grant;
mod open;
mod redeem;
mod rotate;
mod secret_code;
mod store;

pub use grant::{CodeState, Grant, GrantState, RefreshState, TABLE, UpstreamState};
pub use open::NewGrant;
pub use redeem::Redemption;
pub use secret_code::{SecretCode, SecretKind, hash};
pub use store::{GrantError, Grants, IssuedTokens, Keys};
