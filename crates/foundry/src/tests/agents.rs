//! The list of agents, from a server that pages it.

use serde_json::{Value, json};

use super::server::{Answer, Server, error, token};
use crate::{FoundryError, ListedAgent, Route};

fn agent(name: &str, state: &str, description: Option<&str>) -> Value {
    json!({
        "object": "agent", "id": name, "name": name, "state": state,
        "versions": {"latest": {"version": "1", "description": description}},
    })
}

fn page(agents: &[Value], last: Option<&str>, more: bool) -> Answer {
    let body = json!({"object": "list", "data": agents, "last_id": last, "has_more": more});
    Answer::Whole(200, Vec::new(), body.to_string())
}

fn names(agents: &[ListedAgent]) -> Vec<&str> {
    agents.iter().map(|agent| agent.name.as_str()).collect()
}

#[tokio::test]
async fn every_page_is_read_and_asked_for_after_the_last() {
    let server = Server::start([
        page(&[agent("a", "enabled", Some("Helps."))], Some("a"), true),
        page(&[], Some("b c"), true),
        page(&[agent("d", "disabled", None)], Some("d"), false),
    ])
    .await;
    let client = server.client(Route::AgentEndpoint);
    let agents = client.list_agents(&token()).await.unwrap();
    assert_eq!(
        agents,
        [
            ListedAgent {
                name: "a".into(),
                description: Some("Helps.".into()),
                is_enabled: true
            },
            ListedAgent {
                name: "d".into(),
                description: None,
                is_enabled: false
            },
        ]
    );
    let asked = server.arrived();
    let targets: Vec<_> = asked.iter().map(|asked| asked.target.as_str()).collect();
    let base = "/api/projects/p/agents?api-version=v1&limit=50&order=asc";
    assert_eq!(
        targets,
        [
            base.to_owned(),
            format!("{base}&after=a"),
            format!("{base}&after=b+c")
        ]
    );
    for asked in asked {
        assert_eq!(asked.headers["authorization"], "Bearer the-token");
    }
}

#[tokio::test]
async fn what_cannot_be_called_is_left_out_and_long_words_are_cut() {
    let long = "x".repeat(2_000);
    let server = Server::start([page(
        &[
            agent("../other", "enabled", None),
            agent("fine", "enabled", Some(&long)),
            json!({"name": "bare"}),
        ],
        None,
        false,
    )])
    .await;
    let client = server.client(Route::Project);
    let agents = client.list_agents(&token()).await.unwrap();
    assert_eq!(names(&agents), ["fine", "bare"]);
    assert_eq!(agents[0].description.as_ref().unwrap().len(), 1_000);
    assert!(agents[1].is_enabled);
}

#[tokio::test]
async fn a_list_without_an_end_is_not_taken_for_one() {
    let again = || page(&[], Some("a"), true);
    for answers in [
        vec![page(&[], None, true)],
        vec![again(), again()],
        (0..20)
            .map(|number| page(&[], Some(&number.to_string()), true))
            .collect(),
        vec![Answer::Whole(200, Vec::new(), "[]".into())],
    ] {
        let server = Server::start(answers).await;
        let client = server.client(Route::AgentEndpoint);
        let listed = client.list_agents(&token()).await;
        assert!(
            matches!(listed, Err(FoundryError::Protocol { .. })),
            "{listed:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_told_apart() {
    let server = Server::start([error(401, "Unauthorized"), error(403, "PermissionDenied")]).await;
    let client = server.client(Route::AgentEndpoint);
    let refused = client.list_agents(&token()).await;
    assert!(matches!(refused, Err(FoundryError::Unauthorized { .. })));
    let refused = client.list_agents(&token()).await;
    assert!(matches!(refused, Err(FoundryError::Forbidden { .. })));
}
