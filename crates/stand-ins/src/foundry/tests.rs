use std::sync::Arc;

use entrada_ambient::{NetworkOptions, SystemClock, SystemRandom, http_client};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{SignatureKind, StandInOptions, StandIns, TokenKind, TokenRequest, start};

const PROJECT: &str = "foundry/api/projects/local";

/// A running stand-in, and a client of it.
struct Bench {
    stand_ins: StandIns,
    http: reqwest::Client,
}

impl Bench {
    async fn start() -> Self {
        let options = StandInOptions::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
        Self {
            stand_ins: start(options).await.unwrap(),
            http: http_client(&NetworkOptions::default()).unwrap(),
        }
    }

    /// A stand-in in which these personas are Foundry Users.
    async fn with_users(personas: &[&str]) -> Self {
        let bench = Self::start().await;
        for persona in personas {
            let path = format!("people/{persona}");
            bench.control(&path, json!({"role": "user"})).await;
        }
        bench
    }

    async fn control(&self, path: &str, body: Value) {
        let url = format!("{}foundry/stand-in/{path}", self.stand_ins.url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    fn mint(&self, request: TokenRequest) -> String {
        let resource = Some("https://ai.azure.com".to_owned());
        let resource = request.resource.clone().or(resource);
        let request = TokenRequest {
            resource,
            ..request
        };
        self.stand_ins.mint(&request).unwrap()
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: Value) -> Response {
        let url = format!("{}{PROJECT}/{path}", self.stand_ins.url());
        let mut request = self.http.request(method, url).bearer_auth(token);
        if !body.is_null() {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    /// What `persona` gets: status and JSON.
    async fn call(&self, persona: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let token = self.mint(TokenRequest::for_persona(persona));
        let answer = self.send(method, path, &token, body).await;
        (
            answer.status().as_u16(),
            answer.json().await.unwrap_or_default(),
        )
    }

    async fn post(&self, persona: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(persona, Method::POST, path, body).await
    }

    async fn get(&self, persona: &str, path: &str) -> (u16, Value) {
        self.call(persona, Method::GET, path, Value::Null).await
    }

    /// The events of a stream, and whether it broke.
    async fn events(
        &self,
        persona: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> (Vec<Value>, bool) {
        let token = self.mint(TokenRequest::for_persona(persona));
        let mut answer = self.send(method, path, &token, body).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        let mut bytes = Vec::new();
        let broke = loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        let text = String::from_utf8(bytes).unwrap();
        let events = text.split_terminator("\n\n").map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
            data
        });
        (events.collect(), broke)
    }

    async fn stream(&self, persona: &str, path: &str, body: Value) -> (Vec<Value>, bool) {
        self.events(persona, Method::POST, path, body).await
    }
}

fn at_endpoint(agent: &str, what: &str) -> String {
    format!("agents/{agent}/endpoint/protocols/openai/{what}?api-version=v1")
}

fn to(agent: &str, input: &str) -> Value {
    json!({"input": input, "stream": true,
        "agent_reference": {"type": "agent_reference", "name": agent}})
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

fn text_of(events: &[Value]) -> String {
    events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect()
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn only_delegated_tokens_of_the_projects_tenant_for_this_audience_are_served() {
    let bench = Bench::with_users(&["reader", "guest", "daemon"]).await;
    let reader = || TokenRequest::for_persona("reader");
    let own_api = Some("https://graph.microsoft.com".to_owned());
    for (token, status) in [
        (bench.mint(reader()), 200),
        (
            bench.mint(reader().with("aud", "https://ai.azure.com/")),
            200,
        ),
        (String::new(), 401),
        ("nonsense".to_owned(), 401),
        (
            bench.mint(TokenRequest {
                resource: own_api,
                ..reader()
            }),
            401,
        ),
        (
            bench.mint(reader().with("aud", "https://cognitiveservices.azure.com")),
            401,
        ),
        (
            bench.mint(TokenRequest {
                expires_in: Some(-1),
                ..reader()
            }),
            401,
        ),
        (
            bench.mint(TokenRequest {
                signature: SignatureKind::Corrupt,
                ..reader()
            }),
            401,
        ),
        (
            bench.mint(TokenRequest {
                signature: SignatureKind::None,
                ..reader()
            }),
            401,
        ),
        (
            bench.mint(TokenRequest {
                kind: TokenKind::Id,
                ..reader()
            }),
            401,
        ),
        (bench.mint(TokenRequest::for_persona("guest")), 401),
        (bench.mint(TokenRequest::for_persona("daemon")), 403),
        (bench.mint(reader().with("scp", "other")), 403),
        (bench.mint(reader().with("idtyp", "app")), 403),
    ] {
        let answer = bench
            .send(Method::GET, "agents?api-version=v1", &token, Value::Null)
            .await;
        assert_eq!(answer.status(), status, "{token}");
        let challenged = answer.headers().contains_key("www-authenticate");
        assert_eq!(challenged, status == 401);
        let body: Value = answer.json().await.unwrap();
        if status != 200 {
            assert!(body["error"]["message"].is_string() && !code(&body).is_empty());
        }
    }
}

#[tokio::test]
async fn a_consumer_may_talk_to_agents_at_their_endpoints_and_nothing_else() {
    let bench = Bench::start().await;
    let body = json!({"input": "hi"});
    let endpoint = at_endpoint("assistant", "responses");
    assert_eq!(bench.post("reader", &endpoint, body.clone()).await.0, 200);
    let (status, refused) = bench
        .post("reader", "openai/v1/responses", to("assistant", "hi"))
        .await;
    assert_eq!((status, code(&refused)), (403, "PermissionDenied"));
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("AIServices/agents/write"));
    assert_eq!(bench.get("reader", "agents?api-version=v1").await.0, 403);

    bench
        .control("people/reader", json!({"role": "none"}))
        .await;
    assert_eq!(bench.post("reader", &endpoint, body.clone()).await.0, 403);
    bench
        .control("people/reader", json!({"role": "user"}))
        .await;
    assert_eq!(bench.post("reader", &endpoint, body).await.0, 200);
    let request = to("assistant", "hi");
    let answer = bench.post("reader", "openai/v1/responses", request).await;
    assert_eq!(answer.0, 200);
}

#[tokio::test]
async fn a_user_token_together_with_a_claimed_identity_is_refused() {
    let bench = Bench::with_users(&["reader"]).await;
    let url = format!("{}{PROJECT}/agents?api-version=v1", bench.stand_ins.url());
    let token = bench.mint(TokenRequest::for_persona("reader"));
    let request = bench.http.get(url).bearer_auth(token);
    let answer = request.header("x-ms-user-identity", "someone").send().await;
    assert_eq!(answer.unwrap().status(), 403);
}

#[tokio::test]
async fn agents_are_listed_in_pages_and_read_by_name() {
    let bench = Bench::with_users(&["reader"]).await;
    let (_, all) = bench.get("reader", "agents?api-version=v1&order=asc").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 8);
    assert_eq!(all["has_more"], false);
    let (_, page) = bench
        .get(
            "reader",
            "agents?api-version=v1&order=asc&limit=2&after=assistant",
        )
        .await;
    assert_eq!(page["first_id"], "breaker");
    assert_eq!(page["last_id"], "consenter");
    assert_eq!(page["has_more"], true);
    let (_, none) = bench
        .get("reader", "agents?api-version=v1&kind=voice")
        .await;
    assert_eq!(none["data"], json!([]));
    let (_, one) = bench.get("reader", "agents/slow?api-version=v1").await;
    assert_eq!(one["versions"]["latest"]["id"], "slow:1");
    let missing = bench.get("reader", "agents/nobody?api-version=v1").await;
    assert_eq!(missing.0, 404);
}

#[tokio::test]
async fn the_version_is_asked_for_where_it_is_not_in_the_path() {
    let bench = Bench::with_users(&["reader"]).await;
    for (path, expected) in [
        ("agents", "MissingApiVersionParameter"),
        ("agents?api-version=2020-01-01", "UnsupportedApiVersion"),
        (
            "agents/assistant/endpoint/protocols/openai/responses/x",
            "MissingApiVersionParameter",
        ),
    ] {
        let (status, body) = bench.get("reader", path).await;
        assert_eq!((status, code(&body)), (400, expected), "{path}");
    }
    assert_eq!(bench.get("reader", "openai/v1/responses/x").await.0, 404);
    let (status, _) = bench.get("reader", "../other/agents?api-version=v1").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn requests_that_the_api_does_not_know_are_refused() {
    let bench = Bench::with_users(&["reader"]).await;
    let reference = json!({"type": "agent_reference", "name": "assistant"});
    let project = |more: Value| {
        let mut body = json!({"input": "hi", "agent_reference": reference});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let seventeen: serde_json::Map<_, _> = (0..17)
        .map(|number| (number.to_string(), json!("")))
        .collect();
    for (body, status, expected, param) in [
        (
            project(json!({"agent": {}})),
            400,
            "unknown_parameter",
            "agent",
        ),
        (
            project(json!({"stream": "yes"})),
            400,
            "invalid_type",
            "stream",
        ),
        (
            project(json!({"input": []})),
            400,
            "missing_required_parameter",
            "input",
        ),
        (
            project(json!({"input": [{"role": "user", "content": "x", "token": "y"}]})),
            400,
            "unknown_parameter",
            "input[0].token",
        ),
        (
            project(json!({"input": [{"type": "mystery"}]})),
            400,
            "invalid_value",
            "input[0].type",
        ),
        (
            project(json!({"metadata": {"a": 1}})),
            400,
            "invalid_value",
            "metadata",
        ),
        (
            project(json!({"metadata": seventeen})),
            400,
            "invalid_value",
            "metadata",
        ),
        (
            project(json!({"metadata": {"a": "x".repeat(513)}})),
            400,
            "invalid_value",
            "metadata",
        ),
        (
            project(json!({"model": "local-model"})),
            400,
            "invalid_payload",
            "model",
        ),
        (
            project(json!({"conversation": "a", "previous_response_id": "b"})),
            400,
            "mutually_exclusive_parameters",
            "previous_response_id",
        ),
    ] {
        let (seen, answer) = bench.post("reader", "openai/v1/responses", body).await;
        let seen = (seen, code(&answer), answer["error"]["param"].as_str());
        assert_eq!(seen, (status, expected, Some(param)));
    }
    for (body, status) in [
        (project(json!({"conversation": "conv_x"})), 404),
        (project(json!({"previous_response_id": "resp_x"})), 400),
        (to("nobody", "hi"), 404),
        (
            project(json!({"agent_reference":
                {"type": "agent_reference", "name": "assistant", "version": "9"}})),
            404,
        ),
        (json!({"input": "hi"}), 400),
        (json!({"input": "hi", "model": "unknown"}), 404),
        (json!({"input": "hi", "model": "local-model"}), 200),
    ] {
        let answer = bench
            .post("reader", "openai/v1/responses", body.clone())
            .await;
        assert_eq!(answer.0, status, "{body}");
    }
    let endpoint = at_endpoint("assistant", "responses");
    let answer = bench.post("reader", &endpoint, project(json!({}))).await;
    assert_eq!(answer.0, 400, "an agent reference at an agent's endpoint");
    let unknown = at_endpoint("nobody", "responses");
    let answer = bench.post("reader", &unknown, json!({"input": "hi"})).await;
    assert_eq!(answer.0, 404);
}

#[tokio::test]
async fn the_assistant_says_whose_token_it_was_called_with() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("assistant", "responses");
    for persona in ["reader", "writer"] {
        let body = json!({"input": "good day", "stream": true});
        let (events, broke) = bench.stream(persona, &endpoint, body).await;
        assert!(!broke);
        let known = crate::directory::persona(persona).unwrap();
        assert_eq!(
            text_of(&events),
            format!(
                "Turn 1: {} ({}, {} of {}) said: good day",
                known.display_name, known.user_principal_name, known.object_id, known.tenant
            )
        );
        let numbers = events
            .iter()
            .map(|event| event["sequence_number"].as_u64().unwrap());
        assert!(numbers.eq(0..events.len() as u64));
        assert_eq!(events[0]["type"], "response.created");
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.completed");
        assert!(last["response"]["agent_session_id"].is_string());
        let repeated = &last["response"]["output"][0]["content"][0]["text"];
        assert_eq!(repeated.as_str().unwrap(), text_of(&events));
    }
}

#[tokio::test]
async fn a_conversation_remembers_and_is_not_fenced_on_the_project_route() {
    let bench = Bench::with_users(&["reader", "writer"]).await;
    let metadata = json!({"metadata": {"a": "b"}});
    let (_, made) = bench
        .post("reader", "openai/v1/conversations", metadata)
        .await;
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("conv_"));
    for turn in 1..=2 {
        let mut body = to("assistant", "hi");
        body["conversation"] = json!(id);
        let (events, _) = bench.stream("reader", "openai/v1/responses", body).await;
        assert!(text_of(&events).starts_with(&format!("Turn {turn}:")));
    }
    let path = format!("openai/v1/conversations/{id}");
    let (status, seen) = bench.get("writer", &path).await;
    assert_eq!((status, &seen["metadata"]["a"]), (200, &json!("b")));
    let (_, items) = bench
        .get("writer", &format!("{path}/items?order=asc"))
        .await;
    assert_eq!(items["data"].as_array().unwrap().len(), 4);
    assert_eq!(items["data"][0]["content"][0]["text"], "hi");
    assert_eq!(items["data"][1]["role"], "assistant");
    let added = json!({"items": [{"role": "user", "content": "more"}]});
    let answer = bench.post("reader", &format!("{path}/items"), added).await;
    assert_eq!(answer.0, 200);
    let many = vec![json!({"role": "user", "content": "x"}); 21];
    let answer = bench
        .post("reader", &format!("{path}/items"), json!({"items": many}))
        .await;
    assert_eq!(answer.0, 400);
    let gone = bench
        .call("reader", Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(gone.1["deleted"], true);
    assert_eq!(bench.get("reader", &path).await.0, 404);
}

#[tokio::test]
async fn an_agents_endpoint_shows_only_what_was_made_at_it() {
    let bench = Bench::start().await;
    let conversations = at_endpoint("assistant", "conversations");
    let (_, made) = bench.post("reader", &conversations, json!({})).await;
    let id = made["id"].as_str().unwrap();
    let path = format!("conversations/{id}");
    assert_eq!(
        bench
            .get("reader", &at_endpoint("assistant", &path))
            .await
            .0,
        200
    );
    assert_eq!(
        bench.get("reader", &at_endpoint("slow", &path)).await.0,
        404
    );
    let body = json!({"input": "hi", "conversation": id});
    let answer = bench
        .post("reader", &at_endpoint("slow", "responses"), body)
        .await;
    assert_eq!(answer.0, 404);
}

#[tokio::test]
async fn the_researcher_calls_a_tool() {
    let bench = Bench::start().await;
    let body = json!({"input": "bugs", "stream": true});
    let (events, _) = bench
        .stream("reader", &at_endpoint("researcher", "responses"), body)
        .await;
    let kinds = kinds(&events);
    for kind in [
        "response.mcp_list_tools.completed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.done",
        "response.mcp_call.completed",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    assert_eq!(text_of(&events), "I found 3 issues about: bugs");
}

#[tokio::test]
async fn consent_is_asked_for_until_it_is_given_by_that_person() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("consenter", "responses");
    let body = json!({"input": "go", "stream": true});
    let (events, _) = bench.stream("reader", &endpoint, body.clone()).await;
    let asked: Vec<_> = kinds(&events);
    assert!(asked.contains(&"response.oauth_consent_requested"));
    let request = &events.last().unwrap()["response"]["output"][0];
    assert_eq!(request["type"], "oauth_consent_request");
    let link = request["consent_link"].as_str().unwrap();
    assert!(link.starts_with("https://localhost:"));

    // The page on the plain port is the same.
    let (_, state) = link.split_once("data=").unwrap();
    let page = format!("{}foundry/login", bench.stand_ins.url());
    let ask = bench.http.get(format!("{page}?data={state}")).send().await;
    assert!(ask.unwrap().text().await.unwrap().contains(state));
    let give = || bench.http.post(&page).form(&[("data", state)]).send();
    assert_eq!(give().await.unwrap().status(), 200);
    assert_eq!(give().await.unwrap().status(), 404, "a link serves once");

    let again = json!({"input": "go", "stream": true,
        "previous_response_id": events[0]["response"]["id"]});
    let (events, _) = bench.stream("reader", &endpoint, again).await;
    assert_eq!(text_of(&events), "With your consent, go.");
    let (events, _) = bench.stream("writer", &endpoint, body.clone()).await;
    assert_eq!(text_of(&events), "", "another person is asked");

    bench
        .control("consents/reader", json!({"granted": false}))
        .await;
    let (events, _) = bench.stream("reader", &endpoint, body).await;
    assert_eq!(text_of(&events), "");
}

#[tokio::test]
async fn consent_comes_in_the_shape_that_was_set() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("consenter", "responses");
    for (shape, expected) in [
        ("added", "response.output_item.added"),
        ("done", "response.output_item.done"),
        ("event", "response.oauth_consent_requested"),
        ("output", "response.completed"),
    ] {
        let behaviour = json!({"consent_shape": shape, "consent_link": "http://x.example/"});
        bench.control("behaviour", behaviour).await;
        let body = json!({"input": "go", "stream": true});
        let (events, _) = bench.stream("reader", &endpoint, body).await;
        let carriers: Vec<_> = events
            .iter()
            .filter(|event| event.to_string().contains("http://x.example/"))
            .cloned()
            .collect();
        assert_eq!(kinds(&carriers), [expected]);
    }
}

#[tokio::test]
async fn the_approver_follows_the_answer() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("approver", "responses");
    for (approve, said) in [
        (true, "Done, as you approved."),
        (false, "Then I leave it alone."),
    ] {
        let body = json!({"input": "issue 7", "stream": true});
        let (events, _) = bench.stream("reader", &endpoint, body).await;
        let response = &events.last().unwrap()["response"];
        let request = &response["output"][0];
        assert_eq!(request["type"], "mcp_approval_request");
        assert_eq!(request["arguments"], r#"{"issue":"issue 7"}"#);
        let answer = |id: &Value| {
            json!({"stream": true, "previous_response_id": response["id"], "input": [
                {"type": "mcp_approval_response", "approval_request_id": id, "approve": approve}]})
        };
        let (events, _) = bench
            .stream("reader", &endpoint, answer(&request["id"]))
            .await;
        assert_eq!(text_of(&events), said);
        let unknown = bench
            .post("reader", &endpoint, answer(&json!("mcpr_x")))
            .await;
        assert_eq!(unknown.0, 400);
    }
}

#[tokio::test]
async fn a_broken_stream_can_be_resumed_where_it_broke() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("breaker", "responses");
    let body = json!({"input": "one two three", "stream": true});
    let (mut events, broke) = bench.stream("reader", &endpoint, body).await;
    assert!(broke);
    let pieces = kinds(&events)
        .iter()
        .filter(|kind| kind.ends_with("text.delta"))
        .count();
    assert_eq!(pieces, 3);
    let id = events[0]["response"]["id"].as_str().unwrap().to_owned();
    let path = at_endpoint("breaker", &format!("responses/{id}"));
    let last = &events.last().unwrap()["sequence_number"];
    let resumed = format!("{path}&stream=true&starting_after={last}");
    let (rest, broke) = bench
        .events("reader", Method::GET, &resumed, Value::Null)
        .await;
    assert!(!broke);
    events.extend(rest);
    let whole = format!("{path}&stream=true");
    let (whole, _) = bench
        .events("reader", Method::GET, &whole, Value::Null)
        .await;
    assert_eq!(events, whole);
    assert!(text_of(&events).ends_with("said: one two three"));
    assert_eq!(
        bench
            .get("reader", &format!("{path}&starting_after=1"))
            .await
            .0,
        400
    );
    let odd = format!("{path}&stream=true&starting_after=x");
    assert_eq!(bench.get("reader", &odd).await.0, 400);
}

#[tokio::test]
async fn a_running_response_can_be_joined_and_cancelled() {
    let bench = Bench::start().await;
    bench
        .control("behaviour", json!({"slow_pause_ms": 60_000}))
        .await;
    let endpoint = at_endpoint("slow", "responses");
    let body = json!({"input": "count", "background": true});
    let (_, response) = bench.post("reader", &endpoint, body).await;
    assert_eq!(response["status"], "in_progress");
    let path = format!("responses/{}", response["id"].as_str().unwrap());
    let follow = format!("{}&stream=true", at_endpoint("slow", &path));
    let stream = bench.events("reader", Method::GET, &follow, Value::Null);
    let cancel = at_endpoint("slow", &format!("{path}/cancel"));
    let cancel = bench.post("reader", &cancel, Value::Null);
    let ((events, broke), (status, cancelled)) = tokio::join!(stream, cancel);
    assert_eq!((status, &cancelled["status"]), (200, &json!("cancelled")));
    assert!(!broke);
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["status"], "cancelled");
}

#[tokio::test]
async fn the_slow_one_counts_and_the_failing_one_fails() {
    let bench = Bench::start().await;
    bench
        .control("behaviour", json!({"slow_pause_ms": 1, "slow_words": 3}))
        .await;
    let body = json!({"input": "go", "stream": true});
    let (slow, failing) = (
        at_endpoint("slow", "responses"),
        at_endpoint("failing", "responses"),
    );
    let (events, _) = bench.stream("reader", &slow, body.clone()).await;
    assert_eq!(text_of(&events), "1 2 3 ");
    let whole = json!({"input": "go"});
    let (_, whole) = bench.post("reader", &slow, whole).await;
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["output"][0]["content"][0]["text"], "1 2 3 ");
    let (events, _) = bench.stream("reader", &failing, body).await;
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["error"]["code"], "server_error");
}

#[tokio::test]
async fn the_huge_one_says_as_much_as_it_was_told() {
    let bench = Bench::start().await;
    bench
        .control("behaviour", json!({"huge_bytes": 100_001}))
        .await;
    let body = json!({"input": "go", "stream": true});
    let (events, _) = bench
        .stream("reader", &at_endpoint("huge", "responses"), body)
        .await;
    assert_eq!(text_of(&events).len(), 100_001);
}

#[tokio::test]
async fn what_is_deleted_or_not_stored_is_not_found() {
    let bench = Bench::start().await;
    let endpoint = at_endpoint("assistant", "responses");
    let (_, kept) = bench
        .post("reader", &endpoint, json!({"input": "hi"}))
        .await;
    let path = |response: &Value, more: &str| {
        let id = response["id"].as_str().unwrap();
        at_endpoint("assistant", &format!("responses/{id}{more}"))
    };
    let (_, items) = bench.get("reader", &path(&kept, "/input_items")).await;
    let part = json!({"type": "input_text", "text": "hi"});
    assert_eq!(items["data"][0]["content"], json!([part]));
    let (_, read) = bench.get("reader", &path(&kept, "")).await;
    assert_eq!(read, kept);
    let deleted = bench
        .call("reader", Method::DELETE, &path(&kept, ""), Value::Null)
        .await;
    assert_eq!(deleted.1["deleted"], true);
    assert_eq!(bench.get("reader", &path(&kept, "")).await.0, 404);
    let body = json!({"input": "hi", "store": false});
    let (_, passing) = bench.post("reader", &endpoint, body).await;
    assert_eq!(bench.get("reader", &path(&passing, "")).await.0, 404);
}

#[tokio::test]
async fn a_claims_challenge_is_met_by_multifactor_authentication() {
    let bench = Bench::start().await;
    bench
        .control("people/reader", json!({"challenge": true}))
        .await;
    let endpoint = at_endpoint("assistant", "responses");
    let weak = bench.mint(TokenRequest::for_persona("reader"));
    let body = json!({"input": "hi"});
    let answer = bench
        .send(Method::POST, &endpoint, &weak, body.clone())
        .await;
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_claims\", claims=\"ey"));
    let strong = TokenRequest::for_persona("reader").with("amr", json!(["pwd", "mfa"]));
    let strong = bench.mint(strong);
    let answer = bench.send(Method::POST, &endpoint, &strong, body).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_preview_feature_can_be_made_a_condition() {
    let bench = Bench::start().await;
    let behaviour = json!({"required_feature": "HostedAgents=V1Preview"});
    bench.control("behaviour", behaviour).await;
    let endpoint = at_endpoint("assistant", "responses");
    let (status, body) = bench
        .post("reader", &endpoint, json!({"input": "hi"}))
        .await;
    assert_eq!((status, code(&body)), (400, "preview_feature_required"));
    let url = format!("{}{PROJECT}/{endpoint}", bench.stand_ins.url());
    let token = bench.mint(TokenRequest::for_persona("reader"));
    let request = bench.http.post(url).bearer_auth(token);
    let request = request.header("Foundry-Features", "Other=1, HostedAgents=V1Preview");
    let answer = request.json(&json!({"input": "hi"})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn web_pages_cannot_control_it() {
    let bench = Bench::start().await;
    let url = format!("{}foundry/stand-in/reset", bench.stand_ins.url());
    let request = bench
        .http
        .post(&url)
        .header("origin", "http://localhost:7072");
    assert_eq!(request.send().await.unwrap().status(), 403);
    assert_eq!(bench.http.post(&url).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_reset_forgets_roles_and_responses() {
    let bench = Bench::with_users(&["reader"]).await;
    let (_, response) = bench
        .post("reader", "openai/v1/responses", to("assistant", "hi"))
        .await;
    assert!(response.is_null(), "it was a stream");
    bench.control("reset", Value::Null).await;
    assert_eq!(bench.get("reader", "agents?api-version=v1").await.0, 403);
}
