mod agents;
mod approvals;
mod audit;
mod cancelling;
mod foundry;
mod refusals;
mod resuming;
mod sessions;
mod streams;
mod turns;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use entrada_ambient::{Clock, NetworkOptions, SystemRandom, http_client};
use entrada_tables::{Query, Tables, query_all};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

use self::foundry::Agents;
use super::{AgentRoute, AgentsService, Catalogue, Chat, ChatLimits, ChatSources, TABLE};
use super::{
    agents_list, agents_read, post, sessions_create, sessions_delete, sessions_list, sessions_read,
    sessions_rename,
};
use crate::address::AddressSource;
use crate::context::{Surroundings, surround};
use crate::downstream::Downstream;
use crate::downstream::testing::{ALICE, HOME, World};
use crate::identity::{Gate, Revocation, Revoked, UserPartition};
use crate::limits::{Figures, Limits};

const POLICY: &str = r#"{
    "agents": {"assistant": ["Task.Read"], "keeper": ["Task.Write"]}
}"#;
const AGENTS: &str = r#"{"agents": [
    {"id": "assistant", "name": "Assistant", "description": "Helps."},
    {"id": "keeper", "name": "Keeper", "description": "Keeps."},
    {"id": "other", "name": "Other", "description": "Is in no policy."}
]}"#;

/// A server of chat, called over HTTP as people call it.
struct Place {
    world: World,
    agents: Agents,
    chat: Arc<Chat>,
    downstream: Arc<Downstream>,
    base: String,
    /// Alice's token.
    token: String,
}

#[derive(Clone)]
struct TestState {
    chat: Arc<Chat>,
    gate: Arc<Gate>,
}

impl FromRef<TestState> for Arc<Chat> {
    fn from_ref(state: &TestState) -> Self {
        state.chat.clone()
    }
}

impl FromRef<TestState> for Arc<Gate> {
    fn from_ref(state: &TestState) -> Self {
        state.gate.clone()
    }
}

/// Limits that do not keep a test waiting.
fn limits() -> ChatLimits {
    ChatLimits {
        save_every: Duration::from_millis(20),
        last_write_waits: [Duration::from_millis(20); 3],
        ..ChatLimits::default()
    }
}

impl Place {
    async fn new() -> Self {
        Self::with(limits()).await
    }

    async fn with(limits: ChatLimits) -> Self {
        let world = World::new(POLICY).await;
        let agents = Agents::start().await;
        let (chat, downstream) = instance(&world, &agents, limits);
        let base = serve(&world, &chat).await;
        let token = world.entra_token(HOME, ALICE);
        Self {
            world,
            agents,
            chat,
            downstream,
            base,
            token,
        }
    }

    /// Another instance of the same deployment.
    async fn another(&self) -> String {
        let (chat, _) = instance(&self.world, &self.agents, limits());
        serve(&self.world, &chat).await
    }

    /// The instance that is called from now on, which ends with its runtime.
    async fn mortal(&mut self) -> Runtime {
        self.mortal_within(limits()).await
    }

    async fn mortal_within(&mut self, limits: ChatLimits) -> Runtime {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        // Its connections end with it, so nobody else may use them.
        self.world.http = http_client(&NetworkOptions::default()).unwrap();
        let (chat, _) = instance(&self.world, &self.agents, limits);
        let router = router(&self.world, &chat);
        self.base = runtime.spawn(listen(router)).await.unwrap();
        self.world.http = http_client(&NetworkOptions::default()).unwrap();
        runtime
    }

    fn request(&self, method: &str, path: &str, token: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        let url = format!("{}{path}", self.base);
        self.world.http.request(method, url).bearer_auth(token)
    }

    /// Status and JSON body of a call by whoever holds `token`.
    async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = self.request(method, path, token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        (status, body)
    }

    /// The same as Alice.
    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_as(&self.token, method, path, body).await
    }

    async fn new_session(&self) -> String {
        let body = json!({"agent_id": "assistant"});
        let (status, body) = self.call("POST", "/api/sessions", body).await;
        assert_eq!(status, 201, "{body}");
        body["session"]["id"].as_str().unwrap().to_owned()
    }

    async fn say(&self, session: &str, content: &str) -> (u16, Value) {
        let body = json!({"session_id": session, "content": content});
        self.call("POST", "/api/chat", body).await
    }

    /// Says something and takes events.
    async fn say_streaming(&self, session: &str, content: &str) -> reqwest::Response {
        self.request("POST", "/api/chat", &self.token)
            .header("accept", "text/event-stream")
            .json(&json!({"session_id": session, "content": content}))
            .send()
            .await
            .unwrap()
    }

    async fn messages(&self, session: &str) -> Vec<Value> {
        let (status, body) = self
            .call("GET", &format!("/api/sessions/{session}"), Value::Null)
            .await;
        assert_eq!(status, 200, "{body}");
        body["messages"].as_array().unwrap().clone()
    }

    /// Waits until the last message of the session is as wanted.
    async fn until(&self, session: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..500 {
            if let Some(last) = self.messages(session).await.pop()
                && wanted(&last)
            {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the last message never came to what was waited for");
    }

    /// Ends Alice's sign-in.
    async fn cut_off(&self) {
        let alice = Revoked::User(UserPartition::of(HOME, ALICE));
        let revocation = Revocation {
            not_before: self.world.clock.unix(),
            blocked: false,
        };
        let revoking = self.world.revocations.revoke(&alice, revocation, i64::MAX);
        revoking.await.unwrap();
    }

    /// Rows of Alice's in the table of chat.
    async fn rows(&self) -> usize {
        let partition = UserPartition::of(HOME, ALICE);
        let query = Query::partition(partition.as_str());
        let tables: &dyn Tables = self.world.tables.as_ref();
        query_all(tables, TABLE, &query, 10_000)
            .await
            .unwrap()
            .len()
    }
}

fn instance(world: &World, agents: &Agents, limits: ChatLimits) -> (Arc<Chat>, Arc<Downstream>) {
    let service = AgentsService {
        endpoint: agents.endpoint.clone(),
        default_route: AgentRoute::Agent,
        consent_hosts: vec!["consent.azure-apihub.net".to_owned()],
        http: world.http.clone(),
        identity: None,
    };
    let downstream = world.downstream();
    let sources = ChatSources {
        tables: world.tables.clone(),
        catalogue: Arc::new(Catalogue::parse(AGENTS, Some(&service)).unwrap()),
        downstream: downstream.clone(),
        remedies: world.remedies(),
        policy: world.policy.clone(),
        revocations: world.revocations.clone(),
        audit: world.audit.clone(),
        rings: world.rings.clone(),
        clock: world.clock.clone(),
        random: Arc::new(SystemRandom),
    };
    (Arc::new(Chat::new(sources, limits)), downstream)
}

async fn serve(world: &World, chat: &Arc<Chat>) -> String {
    listen(router(world, chat)).await
}

async fn listen(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    base
}

fn router(world: &World, chat: &Arc<Chat>) -> Router {
    let surroundings = Surroundings {
        clock: world.clock.clone(),
        random: Arc::new(SystemRandom),
    };
    let limits = Limits::new(Figures::NONE, world.tables.clone(), world.clock.clone());
    let gate = Gate::new(
        world.authenticator.clone(),
        Arc::new(limits),
        AddressSource::Peer,
    );
    let session = get(sessions_read::read_session)
        .patch(sessions_rename::rename_session)
        .delete(sessions_delete::delete_session);
    let sessions = get(sessions_list::list_sessions).post(sessions_create::create_session);
    Router::new()
        .route("/api/agents", get(agents_list::list_agents))
        .route("/api/agents/{id}", get(agents_read::read_agent))
        .route("/api/sessions", sessions)
        .route("/api/sessions/{id}", session)
        .route("/api/chat", post(post::chat))
        .layer(from_fn_with_state(surroundings, surround))
        .with_state(TestState {
            chat: chat.clone(),
            gate: Arc::new(gate),
        })
}

/// An event as a client reads it.
#[derive(Debug, Clone, PartialEq)]
struct Read {
    id: String,
    name: String,
    data: Value,
}

/// Reads events of a response, one at a time.
struct Reader {
    response: reqwest::Response,
    buffer: String,
}

impl Reader {
    fn new(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Read> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let event = parse(block);
                self.buffer = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn rest(mut self) -> Vec<Read> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

/// `None` for a comment.
fn parse(block: &str) -> Option<Read> {
    let field = |name: &str| {
        let prefix = format!("{name}: ");
        block
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
    };
    Some(Read {
        id: field("id").unwrap_or_default(),
        name: field("event")?,
        data: serde_json::from_str(&field("data")?).unwrap(),
    })
}

/// The names of events, in order.
fn names(events: &[Read]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// The text that events carry.
fn text(events: &[Read]) -> String {
    events
        .iter()
        .filter(|event| event.name == "message.delta")
        .map(|event| event.data["text"].as_str().unwrap())
        .collect()
}

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}
