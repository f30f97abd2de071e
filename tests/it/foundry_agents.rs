//! Agents as Foundry lists them to the server's managed identity.

use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use entrada_stand_ins::StandIns;
use entrada_stand_ins::directory::{IDENTITY_HEADER, MANAGED_IDENTITY_CLIENT_ID};
use serde_json::{Value, json};

use crate::rig::{Rig, through_host, until};

/// Changes something at Foundry.
pub(crate) async fn foundry(stand_ins: &StandIns, path: &str, body: Value) {
    let http = entrada_ambient::http_client(&entrada_ambient::NetworkOptions::default()).unwrap();
    let url = format!("{}foundry/stand-in/{path}", stand_ins.url());
    let answer = http.post(url).json(&body).send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}

/// A server with a managed identity and these agents, started when Foundry is
/// as `prepare` leaves it.
async fn rig(agents: Value, prepare: impl AsyncFnOnce(&StandIns)) -> Rig {
    let mut rig = Rig::unready(async |stand_ins| {
        prepare(stand_ins).await;
        [
            (
                "ENTRADA_IDENTITY_CLIENT_ID",
                MANAGED_IDENTITY_CLIENT_ID.to_string(),
            ),
            ("IDENTITY_ENDPOINT", stand_ins.identity_endpoint()),
            ("IDENTITY_HEADER", IDENTITY_HEADER.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    })
    .await;
    std::fs::write(rig.file("agents.json"), agents.to_string()).unwrap();
    rig.restart().await;
    rig
}

async fn may_list(stand_ins: &StandIns) {
    foundry(stand_ins, "applications", json!({"role": "reader"})).await;
}

async fn offered(rig: &Rig, persona: &str) -> Vec<Value> {
    let (status, body) = rig.get("/api/agents", &rig.token(persona)).await;
    assert_eq!(status, 200, "{body}");
    body["agents"].as_array().unwrap().clone()
}

fn ids(agents: &[Value]) -> Vec<&str> {
    agents
        .iter()
        .map(|agent| agent["id"].as_str().unwrap())
        .collect()
}

/// What a server that has just started comes to offer. Its first answers wait
/// two seconds at most for Foundry's list, and then are as agents.json has it:
/// one that took less is right, or never will be.
async fn comes_to_offer(rig: &Rig, persona: &str, is_right: impl Fn(&[Value]) -> bool) {
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let agents = offered(rig, persona).await;
    let took = clock.monotonic().saturating_sub(began);
    assert!(
        is_right(&agents) || took >= Duration::from_secs(2),
        "after {took:?}: {agents:?}"
    );
    until("Foundry's list has come", async || {
        is_right(&offered(rig, persona).await)
    })
    .await;
}

#[tokio::test]
async fn what_agents_json_leaves_out_is_read_by_the_managed_identity() {
    let agents = json!({"agents": [
        {"id": "assistant"},
        {"id": "researcher", "name": "Ours", "description": "Says so here."},
    ]});
    let rig = rig(agents, async |stand_ins| {
        may_list(stand_ins).await;
        foundry(stand_ins, "behaviour", json!({"agents_page": 3})).await;
    })
    .await;
    let assistant = json!({
        "id": "assistant", "name": "assistant",
        "description": "Repeats what you say and who you are",
    });
    let ours = json!({"id": "researcher", "name": "Ours", "description": "Says so here."});
    let expected = [assistant, ours];
    // No more than these, though the project has more.
    comes_to_offer(&rig, "reader", |agents| agents == expected).await;
    let url = format!(
        "{}stand-in/requests?path=/foundry/api/projects/demo/agents",
        rig.stand_ins.url()
    );
    let (_, asked) = rig.ask(rig.http.get(url)).await;
    let asked = asked.as_array().unwrap();
    assert!(asked.len() >= 3, "every page: {asked:?}");
    // To an agent it speaks as the person alone.
    let (_, session) = rig
        .post(
            "/api/sessions",
            &rig.token("reader"),
            &json!({"agent_id": "assistant"}),
        )
        .await;
    let said = json!({"session_id": session["session"]["id"], "content": "Who am I?"});
    let (status, answer) = rig.post("/api/chat", &rig.token("reader"), &said).await;
    let content = answer["message"]["content"].as_str().unwrap();
    assert!(status == 200 && content.contains("Rita Reader"), "{answer}");
}

#[tokio::test]
async fn an_agent_that_foundry_turned_off_is_not_offered_and_says_why() {
    let agents = json!({"agents": [
        {"id": "assistant"}, {"id": "slow"}, {"id": "hidden"},
        {"id": "approver", "foundry_agent": "no-such"},
    ]});
    let mut rig = rig(agents, async |stand_ins| {
        may_list(stand_ins).await;
    })
    .await;
    let reader = rig.token("reader");
    let new = json!({"agent_id": "slow"});
    let (status, session) = rig.post("/api/sessions", &reader, &new).await;
    assert_eq!(status, 201);
    foundry(&rig.stand_ins, "agents/slow", json!({"state": "disabled"})).await;
    rig.restart().await;
    comes_to_offer(&rig, "reader", |agents| ids(agents) == ["assistant"]).await;
    for (agent, word) in [
        ("slow", "turned off"),
        ("approver", "no such agent any more"),
    ] {
        let (status, answer) = rig.get(&format!("/api/agents/{agent}"), &reader).await;
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("AGENT_UNAVAILABLE"))
        );
        assert!(
            answer["detail"].as_str().unwrap().contains(word),
            "{answer}"
        );
    }
    let said = json!({"session_id": session["session"]["id"], "content": "Hello"});
    let (status, answer) = rig.post("/api/chat", &reader, &said).await;
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("AGENT_UNAVAILABLE"))
    );
    // To those who may not use it, it is as unknown as ever.
    let (status, answer) = rig.get("/api/agents/hidden", &reader).await;
    assert_eq!((status, &answer["code"]), (404, &json!("AGENT_NOT_FOUND")));
    let said = "agents of agents.json that cannot be used";
    rig.handler.logs(said).await;
    diagnosed(&rig).await;
}

/// What health, which is at most ten seconds old, comes to say is missing.
async fn missing(rig: &Rig, code: &str) -> Value {
    let mut missing = Value::Null;
    until(&format!("health says {code}"), async || {
        let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        missing = health["missing"][0].clone();
        missing["code"] == code
    })
    .await;
    missing
}

/// What health comes to say of Foundry: for ten seconds after a probe that took
/// too long it says that Foundry does not answer.
async fn foundry_is(rig: &Rig, status: &str) {
    until(
        &format!("health says that Foundry is {status}"),
        async || {
            let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
            health["services"]["azure_foundry"] == status
        },
    )
    .await;
}

/// What the doctor says of the agents, from outside and by the settings.
async fn diagnosed(rig: &Rig) {
    if through_host() {
        return;
    }
    let missing = missing(rig, "AGENTS_UNAVAILABLE").await;
    let detail = missing["detail"].as_str().unwrap();
    assert!(
        detail.starts_with('3') && !detail.contains("slow"),
        "{detail}"
    );
    let run = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_entrada"));
        command
            .env_clear()
            .envs(rig.handler.environment().iter().cloned())
            .args(arguments)
            .output()
    };
    let output = run(&["doctor", "--url", &rig.handler.base]).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("3 of the agents in agents.json"), "{text}");
    let output = run(&["doctor", "--json"]).await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = report["areas"][0][1].as_array().unwrap();
    let found: Vec<_> = lines
        .iter()
        .filter(|line| line["result"] == "found")
        .collect();
    let named: Vec<_> = found
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        named,
        ["agent-disabled", "agent-missing", "agent-missing"],
        "{report}"
    );
    let fix = found[0]["fix"].to_string();
    assert!(fix.contains("/agents/slow:enable?api-version=v1"), "{fix}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn all_agents_of_the_project_are_offered_to_those_whom_the_policy_gives_them() {
    let agents = json!({"whole_project": true, "agents": [
        {"id": "researcher", "name": "First"},
    ]});
    let rig = rig(agents, async |stand_ins| {
        may_list(stand_ins).await;
        foundry(stand_ins, "agents/breaker", json!({"state": "disabled"})).await;
    })
    .await;
    let expected = [
        "researcher",
        "approver",
        "assistant",
        "consenter",
        "failing",
        "slow",
    ];
    // `huge` is in no policy, and `breaker` is turned off.
    comes_to_offer(&rig, "reader", |agents| ids(agents) == expected).await;
    assert!(offered(&rig, "norole").await.is_empty());
    let reader = rig.token("reader");
    let (status, _) = rig.get("/api/agents/huge", &reader).await;
    assert_eq!(status, 404);
    let (status, session) = rig
        .post("/api/sessions", &reader, &json!({"agent_id": "assistant"}))
        .await;
    assert_eq!(status, 201);
    let said = json!({"session_id": session["session"]["id"], "content": "Who am I?"});
    let (status, answer) = rig.post("/api/chat", &reader, &said).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn an_identity_that_may_not_list_them_takes_no_agent_away() {
    let agents = json!({"agents": [{"id": "assistant"}, {"id": "hidden"}]});
    let rig = rig(agents, async |_| {}).await;
    assert_eq!(ids(&offered(&rig, "reader").await), ["assistant"]);
    rig.handler.logs("AIServices/agents/read").await;
    assert_eq!(ids(&offered(&rig, "reader").await), ["assistant"]);
    foundry_is(&rig, "operational").await;
}

#[tokio::test]
async fn health_says_when_the_whole_project_cannot_be_listed() {
    let agents = json!({"whole_project": true, "agents": []});
    let rig = rig(agents, async |_| {}).await;
    assert!(offered(&rig, "reader").await.is_empty());
    let (status, answer) = rig.get("/api/agents/assistant", &rig.token("reader")).await;
    assert_eq!(
        (status, &answer["code"]),
        (503, &json!("AGENTS_NOT_LISTED"))
    );
    missing(&rig, "AGENTS_NOT_LISTED").await;
    foundry_is(&rig, "degraded").await;
}
