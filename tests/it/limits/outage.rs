//! Storage goes away and comes back.

use std::sync::{Arc, Mutex};

use entrada_ambient::{Clock as _, SystemClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::get;
use crate::rig::{Rig, on_azurite, setting, until};

/// A way to Azurite that can be cut.
struct Wire {
    port: u16,
    cut: Arc<Mutex<bool>>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Wire {
    async fn lay(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            cut: Arc::default(),
            connections: Arc::default(),
        };
        let (cut, connections) = (wire.cut.clone(), wire.connections.clone());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if *cut.lock().unwrap() {
                    continue;
                }
                let carried = tokio::spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
                connections.lock().unwrap().push(carried.abort_handle());
            }
        });
        wire
    }

    fn cut(&self) {
        *self.cut.lock().unwrap() = true;
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    fn mend(&self) {
        *self.cut.lock().unwrap() = false;
    }
}

/// The connection string with another port, for an account that no rig takes.
async fn wired() -> (Wire, String) {
    let connection = setting("ENTRADA_TEST_TABLES").unwrap();
    let (_, after) = connection
        .split_once("TableEndpoint=http://127.0.0.1:")
        .unwrap();
    let port: u16 = after.split('/').next().unwrap().parse().unwrap();
    let wire = Wire::lay(port).await;
    let connection = connection
        .replace(&format!(":{port}/"), &format!(":{}/", wire.port))
        .replace("devstoreaccount1", "rig999");
    (wire, connection)
}

#[tokio::test]
async fn the_server_goes_on_with_limits_of_its_own_and_says_so() {
    if !on_azurite() {
        // A file does not go away.
        return;
    }
    let (wire, connection) = wired().await;
    let rig = Rig::with(&[
        ("ENTRADA_STORAGE", connection.as_str()),
        ("ENTRADA_LIMIT_USER", "20"),
    ])
    .await;
    let health = async || rig.ask(rig.http.get(rig.url("/api/health"))).await.1;
    let ask = async |persona: &str| {
        let answer = get(&rig, &rig.handler, "/mcp/tools", &rig.token(persona)).await;
        answer.status().as_u16()
    };
    assert_eq!(ask("reader").await, 200);
    assert_eq!(health().await["limits"], "operational");

    wire.cut();
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(ask("writer").await);
    }
    let through = answers.iter().filter(|status| **status == 200).count();
    assert!(
        answers.iter().all(|status| [200, 429].contains(status)),
        "{answers:?}"
    );
    // 40 at once, two until storage is known to be away, and 20 a minute.
    let seconds = clock.monotonic().saturating_sub(began).as_secs();
    let most = 40 + 2 + usize::try_from(seconds).unwrap() / 3 + 1;
    assert!((38..=most).contains(&through), "{through} of {most}");
    assert_eq!(health().await["limits"], "local");
    let said = |text: &str| rig.handler.log().matches(text).count();
    until("the log says that storage is away", async || {
        said("storage is away") > 0
    })
    .await;
    assert_eq!(said("storage is away"), 1, "{}", rig.handler.log());

    wire.mend();
    until("the limits are shared again", async || {
        ask("deleter").await;
        health().await["limits"] == "operational"
    })
    .await;
    // Said after they are.
    until("the log says so", async || {
        said("limits: storage answers again") > 0
    })
    .await;
    assert_eq!(said("limits: storage answers again"), 1);
}
