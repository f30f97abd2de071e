//! Signing in at Entra, whoever it is for: front ends (login, exchange,
//! refresh, logout), clients of the authorization server (by its own routes),
//! and grants that need more (step-up).

pub mod callback;
mod callback_page;
pub mod exchange;
mod flow;
pub(crate) mod flow_cookie;
mod front_end;
pub mod info;
pub mod login;
pub mod logout;
pub mod me;
pub mod my_grants;
mod pieces;
pub mod refresh;
mod sign_ins;
mod spot;
pub mod step_up;
mod tokens;

pub use flow::{Flow, FlowError, Flows, FrontEndFlow, Purpose, StepUpFlow};
pub(crate) use flow::{LIFETIME as FLOW_LIFETIME, tidy};
pub use pieces::{SignInPieces, SignInSources};
pub use sign_ins::{BeginError, Departure, FlowSecrets, SignIns, Wishes};
pub(crate) use spot::Spot;
pub use spot::TABLE as FLOWS_TABLE;
pub use tokens::FRONT_END_CLIENT;
pub(crate) use tokens::{TokenAnswer, begin_error, credential_trouble, grant_error};
