mod cast;
mod doors;
mod requests;

use std::sync::Arc;

use entrada_ambient::{NetworkOptions, SystemClock, SystemRandom, http_client};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::{StandInOptions, StandIns, TokenRequest, start};

const PROJECT: &str = "foundry/api/projects/demo";

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
