//! The pieces that handlers are handed, each by its own type: a handler's
//! signature is the list of what it needs.

use std::sync::Arc;

use axum::extract::FromRef;
use entrada_ambient::{Clock, Random};

use crate::auth::callback::CallbackState;
use crate::auth::info::Info;
use crate::auth::login::LoginState;
use crate::chat::Chat;
use crate::context::Surroundings;
use crate::grants::Grants;
use crate::identity::{Authenticator, Profiles};
use crate::mcp::{AllowedOrigins, McpServer, Registry};
use crate::oauth::ProtectedResources;
use crate::ops::{Health, Root};

/// Everything that is made once.
#[derive(Debug)]
pub struct Pieces {
    /// `/`.
    pub root: Arc<Root>,
    /// Health.
    pub health: Arc<Health>,
    /// Who may call.
    pub authenticator: Arc<Authenticator>,
    /// Sign-ins.
    pub grants: Arc<Grants>,
    /// Profiles.
    pub profiles: Arc<Profiles>,
    /// What `/auth/login` needs.
    pub login: LoginState,
    /// What `/auth/callback` needs.
    pub callback: CallbackState,
    /// `/auth/info`.
    pub info: Arc<Info>,
    /// Metadata.
    pub resources: Arc<ProtectedResources>,
    /// The tools.
    pub registry: Arc<Registry>,
    /// The MCP server.
    pub mcp: McpServer,
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
    grants: Arc<Grants>,
    profiles: Arc<Profiles>,
    login: LoginState,
    callback: CallbackState,
    info: Arc<Info>,
    resources: Arc<ProtectedResources>,
    registry: Arc<Registry>,
    origins: Arc<AllowedOrigins>,
    chat: Arc<Chat>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl FromRef<AppState> for Surroundings {
    fn from_ref(state: &AppState) -> Self {
        Self {
            clock: state.0.clock.clone(),
            random: state.0.random.clone(),
        }
    }
}
