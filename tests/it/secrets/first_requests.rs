//! The first requests of an instance. The Functions host sends them as soon as
//! `/` answers, and what is still on its way then is not held against them.

use std::time::Duration;

use entrada::identity::Door;
use entrada_stand_ins::StandIns;
use futures::future::join_all;
use http::header::ACCEPT;
use serde_json::{Value, json};

use super::wrapped::in_time;
use super::{Officer, control, own_token, secretless};
use crate::functions::{bearer, call};
use crate::rig::{Rig, Watched, through_host, until};

/// What may come first of all, at every door: each needs something that is
/// loaded after the start, and each is served.
async fn everybody_is_served(rig: &Rig) {
    let http = rig.trusting_client();
    let own = own_token(rig, Door::Mcp);
    let mcp = |token: &str, method: &str, parameters: Value| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let request = http.post(rig.url("/mcp")).bearer_auth(token);
        let accepted = "application/json, text/event-stream";
        request.header(ACCEPT, accepted).json(&call)
    };
    let get = |path: &str| http.get(rig.url(path));
    let record = json!({"data": {"a": 1}});
    let me = json!({"name": "graph_me", "arguments": {}});
    let save = json!({"name": "save_record", "arguments": record});
    let registration = json!({"redirect_uris": ["http://127.0.0.1:33418/callback"]});
    let requests = [
        (200, get("/.well-known/jwks.json")),
        (302, get("/auth/login")),
        (201, http.post(rig.url("/register")).json(&registration)),
        (200, get("/mcp/tools").bearer_auth(&own)),
        (200, get("/mcp/tools").bearer_auth(rig.token("reader"))),
        (200, get("/api/auth/me").bearer_auth(rig.token("reader"))),
        (200, mcp(&own, "tools/list", json!({}))),
        (200, mcp(&rig.token("writer"), "tools/call", save)),
        // On behalf of the caller, by the server's own credential.
        (200, mcp(&rig.token("reader"), "tools/call", me)),
    ];
    let served = requests.map(
        async |(expected, request): (u16, reqwest::RequestBuilder)| {
            let answer = in_time(request.send()).await.unwrap();
            let (status, url) = (answer.status(), answer.url().clone());
            let text = answer.text().await.unwrap();
            assert_eq!(status, expected, "{url}: {text}");
            assert!(!text.contains("\"isError\":true"), "{url}: {text}");
        },
    );
    let wrapped = [
        ("whoami", json!({}), bearer(&own_token(rig, Door::Webhook))),
        ("save_record", record, bearer(&rig.token("writer"))),
    ];
    let called = wrapped.map(async |(tool, arguments, caller): (&str, Value, String)| {
        let answer = in_time(call(rig, tool, arguments, &caller)).await;
        assert_eq!(answer["isError"], false, "{tool}: {answer}");
    });
    tokio::join!(join_all(served), join_all(called));
}

#[tokio::test]
async fn keys_that_are_on_their_way_are_waited_for() {
    // The vault is not asked for its ring before there is a token.
    let slow = json!({"route": "/msi/token", "delay_ms": 1_500, "times": 1_000});
    let rig = Rig::unready_with_ring(async |stand_ins, ring| {
        let officer = Officer::of(stand_ins);
        officer.write("entrada-key-ring", ring).await;
        control(stand_ins, "faults", slow).await;
        secretless(stand_ins)
    })
    .await;
    everybody_is_served(&rig).await;
}

#[tokio::test]
async fn revocations_that_are_on_their_way_are_waited_for() {
    if through_host() {
        return;
    }
    let mut watched = None;
    let rig = Rig::inside_unready(&[], |tables| {
        let tables = Watched::new(tables);
        tables.stall_queries();
        watched = Some(tables.clone());
        tables
    })
    .await;
    let answers_again = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        watched.unwrap().go_on();
    };
    tokio::join!(everybody_is_served(&rig), answers_again);
}

/// A look that came too early is not repeated to everybody for ten seconds.
#[tokio::test]
async fn health_is_well_as_soon_as_the_server_is() {
    let role = async |stand_ins: &StandIns, role: &str| {
        control(stand_ins, "vault-access", json!({"role": role})).await;
    };
    let rig = Rig::unready_with_ring(async |stand_ins, ring| {
        let officer = Officer::of(stand_ins);
        officer.write("entrada-key-ring", ring).await;
        role(stand_ins, "none").await;
        secretless(stand_ins)
    })
    .await;
    let health = async || rig.ask(rig.http.get(rig.url("/api/health"))).await.1;
    let early = health().await;
    assert_eq!(early["services"]["api"], "unavailable", "{early}");
    role(&rig.stand_ins, "secrets_user").await;
    let own = own_token(&rig, Door::Mcp);
    until("the keys are there", async || {
        rig.get("/mcp/tools", &own).await.0 == 200
    })
    .await;
    let health = health().await;
    assert_eq!(health["services"]["api"], "operational", "{health}");
    assert_eq!(health["services"]["key_vault"], "operational", "{health}");
}
