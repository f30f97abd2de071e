//! The pieces that handlers are handed, each by its own type: a handler's
//! signature is the list of what it needs.

use std::sync::Arc;

use axum::extract::FromRef;
use entrada_ambient::{Clock, Random};

use crate::address::AddressSource;
use crate::audit::Audit;
use crate::auth::SignInPieces;
use crate::auth::callback::CallbackState;
use crate::auth::info::Info;
use crate::auth::login::LoginState;
use crate::auth::my_grants::GrantsBase;
use crate::auth::step_up::StepUps;
use crate::chat::Chat;
use crate::context::Surroundings;
use crate::grants::Grants;
use crate::identity::{Authenticator, Gate, Profiles, Revocations};
use crate::limits::Limits;
use crate::mcp::{AllowedOrigins, McpServer, Registry};
use crate::oauth::clients::Clients;
use crate::oauth::{AuthorizationServer, Metadata, ProtectedResources};
use crate::ops::{Health, Root, Sweep};

/// Everything that is made once.
#[derive(Debug)]
pub struct Pieces {
    /// `/`.
    pub root: Arc<Root>,
    /// Health.
    pub health: Arc<Health>,
    /// What has ended is deleted.
    pub sweep: Arc<Sweep>,
    /// Who was cut off.
    pub revocations: Arc<Revocations>,
    /// Who calls.
    pub authenticator: Arc<Authenticator>,
    /// Who may call, and how often.
    pub gate: Arc<Gate>,
    /// How often.
    pub limits: Arc<Limits>,
    /// Sign-ins.
    pub grants: Arc<Grants>,
    /// Profiles.
    pub profiles: Arc<Profiles>,
    /// Signing in: for front ends, for clients, and again.
    pub sign_in: SignInPieces,
    /// `/auth/info`.
    pub info: Arc<Info>,
    /// Where a caller's address is found.
    pub addresses: AddressSource,
    /// Metadata.
    pub resources: Arc<ProtectedResources>,
    /// The tools.
    pub registry: Arc<Registry>,
    /// The MCP server.
    pub mcp: McpServer,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// Names and origins.
    pub origins: Arc<AllowedOrigins>,
    /// Chat.
    pub chat: Arc<Chat>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// The state of the router.
#[derive(Debug, Clone)]
pub struct AppState(pub Arc<Pieces>);

macro_rules! piece {
    ($($field:ident: $type:ty),+ $(,)?) => {$(
        impl FromRef<AppState> for $type {
            fn from_ref(state: &AppState) -> Self {
                state.0.$field.clone()
            }
        }
    )+};
}

piece! {
    root: Arc<Root>,
    health: Arc<Health>,
    authenticator: Arc<Authenticator>,
    gate: Arc<Gate>,
    grants: Arc<Grants>,
    profiles: Arc<Profiles>,
    info: Arc<Info>,
    addresses: AddressSource,
    resources: Arc<ProtectedResources>,
    registry: Arc<Registry>,
    mcp: McpServer,
    chat: Arc<Chat>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

macro_rules! sign_in_piece {
    ($($field:ident: $type:ty),+ $(,)?) => {$(
        impl FromRef<AppState> for $type {
            fn from_ref(state: &AppState) -> Self {
                state.0.sign_in.$field.clone()
            }
        }
    )+};
}

sign_in_piece! {
    login: LoginState,
    callback: CallbackState,
    server: Arc<AuthorizationServer>,
    metadata: Arc<Metadata>,
    step_ups: Arc<StepUps>,
    grants_base: GrantsBase,
}

impl FromRef<AppState> for Arc<Clients> {
    fn from_ref(state: &AppState) -> Self {
        state.0.sign_in.server.clients.clone()
    }
}

impl FromRef<AppState> for Surroundings {
    fn from_ref(state: &AppState) -> Self {
        Self {
            clock: state.0.clock.clone(),
            random: state.0.random.clone(),
        }
    }
}
