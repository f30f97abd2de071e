//! Two servers on one storage, as two instances behind a balancer. Whatever
//! the run's setting, the storage is Azurite: a file has one owner.

mod codes;
mod revocation;
mod sign_in;

use tokio::sync::{Mutex, MutexGuard};

use crate::rig::{Handler, Rig};

/// One test after the other: hundreds of requests of one at once are all that
/// Azurite, which has one thread, answers in time.
static TURN: Mutex<()> = Mutex::const_new(());

/// Two servers with the same public name, keys and storage.
struct Two {
    rig: Rig,
    second: Handler,
    _turn: MutexGuard<'static, ()>,
}

impl Two {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let turn = TURN.lock().await;
        let rig = Rig::shared(settings).await;
        let second = rig.second_handler().await;
        Self {
            rig,
            second,
            _turn: turn,
        }
    }

    /// The one or the other, in turn.
    fn server(&self, turn: usize) -> &Handler {
        if turn.is_multiple_of(2) {
            &self.rig.handler
        } else {
            &self.second
        }
    }

    /// What `GET path` is answered on a server.
    async fn get(&self, server: &Handler, path: &str, token: &str) -> u16 {
        let request = self.rig.http.get(server.url(path)).bearer_auth(token);
        self.rig.ask(request).await.0
    }
}
