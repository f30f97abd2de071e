use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;

use super::Foundry;
use super::control::Standing;
use super::door::Door;
use super::problem::Problem;

/// Version that every agent has.
pub(super) const VERSION: &str = "1";

/// The model that every agent runs on; the project route takes it without an
/// agent, too.
pub(super) const MODEL: &str = "local-model";

/// When the agents were made, in epoch seconds.
const CREATED_AT: i64 = 1_767_225_600;

/// Most agents of one page.
const PAGE: usize = 100;

/// An agent of the project.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) name: &'static str,
    description: &'static str,
}

const AGENTS: [Agent; 8] = [
    Agent {
        name: "approver",
        description: "Asks for approval before it acts",
    },
    Agent {
        name: "assistant",
        description: "Repeats what you say and who you are",
    },
    Agent {
        name: "breaker",
        description: "Loses the connection while it answers",
    },
    Agent {
        name: "consenter",
        description: "Needs your consent to use a tool",
    },
    Agent {
        name: "failing",
        description: "Fails while it answers",
    },
    Agent {
        name: "huge",
        description: "Answers at great length",
    },
    Agent {
        name: "researcher",
        description: "Looks things up with a tool",
    },
    Agent {
        name: "slow",
        description: "Takes its time",
    },
];

/// The agent with this name.
pub(super) fn find(name: &str) -> Result<&'static Agent, Problem> {
    AGENTS
        .iter()
        .find(|agent| agent.name == name)
        .ok_or_else(|| unknown(name))
}

/// 404 for an agent.
pub(super) fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("Agent {name} doesn't exist"))
}

impl Agent {
    fn document(&self, standing: Standing) -> Value {
        let is_enabled = standing == Standing::Enabled;
        json!({
            "object": "agent",
            "id": self.name,
            "name": self.name,
            "state": if is_enabled { "enabled" } else { "disabled" },
            "versions": {"latest": {
                "object": "agent.version",
                "id": format!("{}:{VERSION}", self.name),
                "name": self.name,
                "version": VERSION,
                "description": self.description,
                "created_at": CREATED_AT,
                "metadata": {},
                "definition": {"kind": "prompt", "model": MODEL, "instructions": "", "tools": []},
                "status": "active",
            }},
        })
    }
}

/// `GET /agents?kind&limit&order&after&before`
pub(super) async fn list(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    let settings = foundry.settings();
    let limit = match door.query.get("limit") {
        None => 20,
        Some(limit) => limit
            .parse::<usize>()
            .ok()
            .filter(|limit| (1..=PAGE).contains(limit))
            .ok_or_else(|| Problem::parameter("invalid_value", "limit", "Between 1 and 100"))?,
    };
    let limit = limit.min(settings.behaviour.agents_page);
    let kind = door.query.get("kind").map_or("prompt", String::as_str);
    let mut agents: Vec<&Agent> = AGENTS
        .iter()
        .filter(|agent| kind == "prompt" && settings.standing(agent) != Standing::Missing)
        .collect();
    if door.query.get("order").is_none_or(|order| order != "asc") {
        agents.reverse();
    }
    let place = |parameter: &str| match door.query.get(parameter) {
        None => Ok(None),
        Some(name) => agents
            .iter()
            .position(|agent| agent.name == name)
            .map(Some)
            .ok_or_else(|| Problem::parameter("invalid_value", parameter, "No such agent")),
    };
    let (from, to) = (place("after")?, place("before")?);
    let from = from.map_or(0, |place| place + 1);
    let rest = agents
        .get(from..to.unwrap_or(agents.len()))
        .unwrap_or_default();
    let page: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|agent| agent.document(settings.standing(agent)))
        .collect();
    let id = |agent: Option<&Value>| agent.map_or(Value::Null, |agent| agent["id"].clone());
    Ok(Json(json!({
        "object": "list",
        "first_id": id(page.first()),
        "last_id": id(page.last()),
        "has_more": page.len() < rest.len(),
        "data": page,
    })))
}

/// `GET /agents/{name}`
pub(super) async fn read(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    let settings = foundry.settings();
    let agent = settings.agent(&door.id)?;
    Ok(Json(agent.document(settings.standing(agent))))
}
