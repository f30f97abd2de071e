//! How far a call is.

use rmcp::Peer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{RequestContext, RoleServer};

/// Tells the client how far a call is, if the client asked to be told by a
/// `progressToken` (MCP, "Progress").
#[derive(Debug, Clone, Default)]
pub struct Progress {
    to: Option<(Peer<RoleServer>, ProgressToken)>,
}

impl Progress {
    /// For who does not ask.
    #[must_use]
    pub fn untold() -> Self {
        Self::default()
    }

    /// For the client of a request.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self {
            to: token.map(|token| (context.peer.clone(), token)),
        }
    }

    /// Tells that `done` is done, of a whole that is not known: more than the
    /// time before. `message` is for people.
    pub async fn tell(&self, done: u32, message: &str) {
        let Some((peer, token)) = &self.to else {
            return;
        };
        let told =
            ProgressNotificationParam::new(token.clone(), f64::from(done)).with_message(message);
        if let Err(error) = peer.notify_progress(told).await {
            // The call goes on: that the client has gone is seen elsewhere.
            tracing::debug!(%error, "a client was not told how far its call is");
        }
    }
}
