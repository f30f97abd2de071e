use std::sync::Mutex;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use azure_core::credentials::{AccessToken, TokenRequestOptions};
use entrada_ambient::{Clock as _, NetworkOptions, http_client};
use serde_json::{Value, json};

use super::*;

fn service() -> AgentsService {
    AgentsService {
        endpoint: "https://account.example/api/projects/p".parse().unwrap(),
        default_route: AgentRoute::Agent,
        consent_hosts: Vec::new(),
        http: http_client(&NetworkOptions::default()).unwrap(),
        identity: None,
    }
}

fn ids(agents: &[Agent]) -> Vec<&str> {
    agents.iter().map(|agent| agent.id.as_str()).collect()
}

#[tokio::test]
async fn agents_are_kept_in_the_order_of_the_file() {
    let json = r#"{"agents": [
        {"id": "b", "name": "B", "description": "Does b."},
        {"id": "a", "name": "A", "description": "", "route": "project",
         "foundry_agent": "other", "version": "3"},
        {"id": "m", "route": "openai", "model": "gpt"}
    ]}"#;
    let catalogue = Catalogue::parse(json, Some(&service())).unwrap();
    let agents = catalogue.offered().await;
    assert_eq!(ids(&agents), ["b", "a", "m"]);
    assert_eq!(agents[0].description, "Does b.");
    assert_eq!(agents[2].name, "m", "nobody says more");
    let upstream = catalogue
        .find("a")
        .await
        .unwrap()
        .unwrap()
        .upstream
        .unwrap();
    assert_eq!(upstream.agent.name, "other");
    assert_eq!(upstream.agent.version.as_deref(), Some("3"));
    assert!(catalogue.find("c").await.unwrap().is_none());
    assert!(catalogue.project().is_none(), "there is nobody to read it");
}

#[test]
fn every_fault_is_named_at_once() {
    let json = r#"{"agents": [
        {"id": "a b", "name": "", "description": ""},
        {"id": "v", "name": "V", "description": "", "version": "1"},
        {"id": "v", "name": "V", "description": ""},
        {"id": "m", "name": "M", "description": "", "route": "openai"}
    ]}"#;
    let faults = Catalogue::parse(json, Some(&service()))
        .unwrap_err()
        .to_string();
    for part in ["`a b`", "`name` is empty", "`version`", "twice", "`model`"] {
        assert!(faults.contains(part), "{part} is not in: {faults}");
    }
}

#[test]
fn an_unknown_member_is_a_fault() {
    for json in [
        "",
        "[]",
        r#"{"agents": [{"id": "a", "name": "A", "description": "", "roles": []}]}"#,
        r#"{"agents": [{"id": "a", "name": "A", "description": "", "route": "classic"}]}"#,
        r#"{"agents": [{"name": "A"}]}"#,
        r#"{"whole_project": true}"#,
        r#"{"agents": [], "whole_project": "yes"}"#,
    ] {
        assert!(Catalogue::parse(json, None).is_err(), "{json}");
    }
}

#[test]
fn the_schema_in_the_documentation_is_that_of_the_file() {
    let mut schema = schemars::schema_for!(AgentsFile);
    schema.insert("title".to_owned(), "Entrada agents".into());
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    crate::snapshot::assert_current("docs/agents.schema.json", &text);
}

/// A project that answers as it is told, and remembers whose token it was
/// asked with.
#[derive(Default)]
struct Project {
    answer: Mutex<Option<Value>>,
    bearers: Mutex<Vec<String>>,
}

async fn list(
    State(project): State<Arc<Project>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let bearer = headers["authorization"].to_str().unwrap().to_owned();
    project.bearers.lock().unwrap().push(bearer);
    let answer = project.answer.lock().unwrap().clone();
    answer.map(Json).ok_or(StatusCode::FORBIDDEN)
}

#[derive(Debug)]
struct Identity;

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://ai.azure.com/.default"]);
        let later = entrada_ambient::SystemClock::new().now() + std::time::Duration::from_hours(1);
        Ok(AccessToken::new("of-the-identity", later))
    }
}

/// A catalogue of this file over a project, which is served.
async fn over(json: &str) -> (Catalogue, Arc<Project>) {
    let project = Arc::new(Project::default());
    let router = Router::new()
        .route("/api/projects/p/agents", get(list))
        .with_state(project.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let service = AgentsService {
        endpoint: format!("http://{address}/api/projects/p").parse().unwrap(),
        identity: Some(Arc::new(Identity)),
        ..service()
    };
    (Catalogue::parse(json, Some(&service)).unwrap(), project)
}

impl Project {
    fn has(&self, agents: &[(&str, &str)]) {
        let agents: Vec<_> = agents
            .iter()
            .map(|(name, state)| {
                json!({"name": name, "state": state, "versions": {"latest": {
                    "description": format!("Foundry's {name}."),
                }}})
            })
            .collect();
        *self.answer.lock().unwrap() = Some(json!({"data": agents, "has_more": false}));
    }
}

const FILE: &str = r#"{"agents": [
    {"id": "own", "name": "Own", "description": "Ours."},
    {"id": "short", "foundry_agent": "in-foundry"},
    {"id": "model", "route": "openai", "model": "gpt"}
]}"#;

#[tokio::test]
async fn what_the_file_leaves_out_foundry_says() {
    let (catalogue, project) = over(FILE).await;
    project.has(&[
        ("own", "enabled"),
        ("in-foundry", "enabled"),
        ("more", "enabled"),
    ]);
    catalogue.project().unwrap().load().await.unwrap();
    let agents = catalogue.offered().await;
    assert_eq!(ids(&agents), ["own", "short", "model"]);
    assert_eq!(
        (agents[0].name.as_str(), agents[0].description.as_str()),
        ("Own", "Ours.")
    );
    assert_eq!(
        (agents[1].name.as_str(), agents[1].description.as_str()),
        ("in-foundry", "Foundry's in-foundry.")
    );
    assert!(
        catalogue.find("more").await.unwrap().is_none(),
        "not asked for"
    );
    assert_eq!(*project.bearers.lock().unwrap(), ["Bearer of-the-identity"]);
}

#[tokio::test]
async fn an_agent_that_is_turned_off_or_gone_is_not_offered() {
    let (catalogue, project) = over(FILE).await;
    project.has(&[("own", "disabled")]);
    catalogue.project().unwrap().load().await.unwrap();
    assert_eq!(ids(&catalogue.offered().await), ["model"]);
    let why = async |id| catalogue.find(id).await.unwrap_err();
    assert_eq!(why("own").await, Unavailable::Disabled);
    assert_eq!(why("short").await, Unavailable::Missing);
    let named: Vec<_> = catalogue
        .unavailable()
        .into_iter()
        .map(|agent| (agent.id, agent.name))
        .collect();
    assert_eq!(named, [("own", "own"), ("short", "in-foundry")]);
}

#[tokio::test]
async fn the_whole_project_is_offered_to_who_asks_for_it() {
    let file = FILE.replacen('{', r#"{"whole_project": true, "#, 1);
    let (catalogue, project) = over(&file).await;
    assert!(!catalogue.misses_agents(), "nobody has asked yet");
    assert!(catalogue.project().unwrap().load().await.is_err());
    assert!(catalogue.misses_agents());
    let unknown = catalogue.find("z").await.unwrap_err();
    assert_eq!(unknown, Unavailable::NotListed);
    assert_eq!(ids(&catalogue.offered().await), ["own", "short", "model"]);
    let listed = [
        ("z", "enabled"),
        ("own", "enabled"),
        ("in-foundry", "enabled"),
        ("off", "disabled"),
        ("b", "enabled"),
    ];
    project.has(&listed);
    catalogue.project().unwrap().load().await.unwrap();
    assert!(!catalogue.misses_agents());
    let agents = catalogue.offered().await;
    assert_eq!(ids(&agents), ["own", "short", "model", "b", "z"]);
    assert_eq!(agents[3].description, "Foundry's b.");
    let z = catalogue.find("z").await.unwrap().unwrap();
    assert_eq!(z.upstream.unwrap().agent.name, "z");
    assert!(
        catalogue.find("in-foundry").await.unwrap().is_none(),
        "it is `short`"
    );
    let off = catalogue.find("off").await.unwrap_err();
    assert_eq!(off, Unavailable::Disabled);
    assert!(catalogue.find("never").await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_known_stays_known_while_foundry_is_away_and_nobody_waits() {
    let (catalogue, project) = over(FILE).await;
    // Nothing is known yet: the file alone counts.
    assert!(catalogue.find("own").await.unwrap().is_some());
    project.has(&[("own", "disabled"), ("in-foundry", "enabled")]);
    catalogue.project().unwrap().load().await.unwrap();
    *project.answer.lock().unwrap() = None;
    let refused = catalogue.project().unwrap().load().await.unwrap_err();
    assert!(matches!(
        refused,
        ProjectError::Foundry(entrada_foundry::FoundryError::Forbidden { .. })
    ));
    assert_eq!(
        catalogue.find("own").await.unwrap_err(),
        Unavailable::Disabled
    );
    assert_eq!(ids(&catalogue.offered().await), ["short", "model"]);
}
