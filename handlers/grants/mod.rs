//! Grants: one for each sign-in of a person with a client. Entra's tokens
//! stay in them, encrypted; clients hold only Entrada's.

mod claims;
mod cut_off;
mod daemon;
mod end;
mod grant;
mod list;
mod open;
mod redeem;
mod remembered;
mod rotate;
mod secret_code;
mod step_up;
mod store;

pub use cut_off::{CutOff, Severed};
pub use daemon::{DaemonToken, NewDaemonToken};
pub use grant::{CodeState, Grant, GrantState, RefreshState, TABLE, UpstreamState};
pub use open::NewGrant;
pub use redeem::Redemption;
pub use remembered::{ConsentBinding, REMEMBERED_SECONDS};
pub use rotate::Refresh;
pub use secret_code::{SecretCode, SecretKind};
pub use store::{Assertion, GrantError, Grants, IssuedTokens, Keys};
