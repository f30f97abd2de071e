use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use futures::StreamExt;
use serde_json::json;

use super::server::{Answer, Arrived, Server, agent, client, short, token};
use crate::{Agent, FoundryError, FoundrySettings, InputItem, ResponseRequest, Route};

fn openai() -> Route {
    Route::OpenAi {
        model: "gpt-test".into(),
    }
}

/// The headers that the call itself sets.
fn own_headers(headers: &HeaderMap) -> BTreeMap<&str, &str> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| !matches!(*name, "host" | "content-length"))
        .collect()
}

async fn respond(route: Route, request: &ResponseRequest) -> Arrived {
    let server = Server::start([short()]).await;
    let client = server.client(route);
    let stream = client.respond(&token(), request).await.unwrap();
    assert_eq!(stream.count().await, 2);
    let mut arrived = server.arrived();
    assert_eq!(arrived.len(), 1);
    arrived.remove(0)
}

#[tokio::test]
async fn the_agent_endpoint_is_addressed_by_path_and_names_no_agent_in_the_body() {
    let arrived = respond(
        Route::AgentEndpoint,
        &ResponseRequest {
            conversation: Some("conv_1".into()),
            metadata: BTreeMap::from([("tid".into(), "t".into())]),
            ..ResponseRequest::text(agent(), "hi")
        },
    )
    .await;
    assert_eq!(arrived.method, Method::POST);
    assert_eq!(
        arrived.target,
        "/api/projects/p/agents/helper/endpoint/protocols/openai/responses?api-version=v1"
    );
    assert_eq!(
        arrived.body,
        json!({"input": [{"role": "user", "content": "hi"}], "stream": true,
            "conversation": "conv_1", "metadata": {"tid": "t"}})
    );
    assert_eq!(
        own_headers(&arrived.headers),
        BTreeMap::from([
            ("accept", "text/event-stream"),
            ("authorization", "Bearer the-token"),
            ("content-type", "application/json"),
            ("user-agent", concat!("entrada/", env!("CARGO_PKG_VERSION"))),
        ])
    );
}

#[tokio::test]
async fn the_project_route_names_the_agent_in_the_body() {
    let pinned = Agent {
        version: Some("3".into()),
        ..agent()
    };
    let arrived = respond(Route::Project, &ResponseRequest::text(pinned, "hi")).await;
    assert_eq!(arrived.target, "/api/projects/p/openai/v1/responses");
    assert_eq!(
        arrived.body,
        json!({"input": [{"role": "user", "content": "hi"}], "stream": true,
            "agent_reference": {"type": "agent_reference", "name": "helper", "version": "3"}})
    );
    let latest = respond(Route::Project, &ResponseRequest::text(agent(), "hi")).await;
    assert_eq!(
        latest.body["agent_reference"],
        json!({"type": "agent_reference", "name": "helper"})
    );
}

#[tokio::test]
async fn another_server_is_given_a_model_and_no_agent() {
    let arrived = respond(openai(), &ResponseRequest::text(agent(), "hi")).await;
    assert_eq!(arrived.target, "/api/projects/p/responses");
    assert_eq!(
        arrived.body,
        json!({"input": [{"role": "user", "content": "hi"}], "stream": true, "model": "gpt-test"})
    );
}

#[tokio::test]
async fn every_input_item_has_its_shape() {
    let request = ResponseRequest {
        input: vec![
            InputItem::UserText { text: "hi".into() },
            InputItem::Approval {
                approval_request_id: "mcpr_1".into(),
                approve: false,
                reason: Some("not today".into()),
            },
            InputItem::Approval {
                approval_request_id: "mcpr_2".into(),
                approve: true,
                reason: None,
            },
            InputItem::FunctionOutput {
                call_id: "call_1".into(),
                output: "{}".into(),
            },
        ],
        previous_response_id: Some("resp_0".into()),
        ..ResponseRequest::text(agent(), "")
    };
    let arrived = respond(Route::Project, &request).await;
    assert_eq!(arrived.body["previous_response_id"], "resp_0");
    assert_eq!(
        arrived.body["input"],
        json!([
            {"role": "user", "content": "hi"},
            {"type": "mcp_approval_response", "approval_request_id": "mcpr_1",
                "approve": false, "reason": "not today"},
            {"type": "mcp_approval_response", "approval_request_id": "mcpr_2", "approve": true},
            {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
        ])
    );
}

#[tokio::test]
async fn conversations_are_made_on_the_route_of_the_agent() {
    for (route, target) in [
        (
            Route::AgentEndpoint,
            "/api/projects/p/agents/helper/endpoint/protocols/openai/conversations?api-version=v1",
        ),
        (Route::Project, "/api/projects/p/openai/v1/conversations"),
        (openai(), "/api/projects/p/conversations"),
    ] {
        let body = json!({"id": "conv_7", "object": "conversation"}).to_string();
        let server = Server::start([Answer::Whole(200, Vec::new(), body)]).await;
        let metadata = BTreeMap::from([("oid".to_owned(), "o".to_owned())]);
        let made = server
            .client(route)
            .create_conversation(&token(), &agent(), &metadata)
            .await;
        assert_eq!(made.unwrap(), "conv_7");
        let arrived = server.arrived().remove(0);
        assert_eq!(arrived.method, Method::POST);
        assert_eq!(arrived.target, target);
        assert_eq!(arrived.body, json!({"metadata": {"oid": "o"}}));
        assert_eq!(arrived.headers["authorization"], "Bearer the-token");
    }
}

#[tokio::test]
async fn a_conversation_without_an_id_breaks_the_protocol() {
    for body in ["{}", r#"{"id":""}"#, "[]", "<html>"] {
        let server = Server::start([Answer::Whole(200, Vec::new(), body.into())]).await;
        let made = server
            .client(Route::Project)
            .create_conversation(&token(), &agent(), &BTreeMap::new())
            .await;
        assert!(matches!(made, Err(FoundryError::Protocol { .. })), "{body}");
    }
}

#[tokio::test]
async fn a_response_is_resumed_after_a_number() {
    let server = Server::start([short(), short()]).await;
    let client = server.client(Route::AgentEndpoint);
    for after in [None, Some(7)] {
        let stream = client.resume(&token(), &agent(), "resp_1", after).await;
        stream.unwrap().count().await;
    }
    let base = "/api/projects/p/agents/helper/endpoint/protocols/openai/responses/resp_1";
    let arrived = server.arrived();
    assert_eq!(arrived[0].method, Method::GET);
    assert_eq!(
        arrived[0].target,
        format!("{base}?api-version=v1&stream=true")
    );
    assert_eq!(
        arrived[1].target,
        format!("{base}?api-version=v1&stream=true&starting_after=7")
    );
    assert_eq!(arrived[1].headers["authorization"], "Bearer the-token");
}

#[tokio::test]
async fn the_features_header_is_sent_when_it_is_set() {
    let server = Server::start([short()]).await;
    let client = client(FoundrySettings {
        features: Some("HostedAgents=V1Preview".into()),
        ..FoundrySettings::new(server.base.clone())
    });
    let request = ResponseRequest::text(agent(), "hi");
    client.respond(&token(), &request).await.unwrap();
    let arrived = server.arrived().remove(0);
    assert_eq!(
        arrived.headers["foundry-features"],
        "HostedAgents=V1Preview"
    );
}

#[tokio::test]
async fn what_breaks_a_limit_is_not_sent() {
    let pairs = |count: usize, key: &str, value: &str| {
        (0..count)
            .map(|number| (format!("{number:02}{key}"), value.to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    let plain = ResponseRequest::text(agent(), "hi");
    let with = |metadata| ResponseRequest {
        metadata,
        ..plain.clone()
    };
    let server = Server::start([short()]).await;
    let client = server.client(Route::AgentEndpoint);
    for refused in [
        with(pairs(17, "", "")),
        with(pairs(1, &"k".repeat(63), "")),
        with(pairs(1, "", &"v".repeat(513))),
        with(BTreeMap::from([(String::new(), String::new())])),
        ResponseRequest {
            input: Vec::new(),
            ..plain.clone()
        },
        ResponseRequest {
            conversation: Some("conv_1".into()),
            previous_response_id: Some("resp_1".into()),
            ..plain.clone()
        },
        ResponseRequest::text(
            Agent {
                version: Some("3".into()),
                ..agent()
            },
            "hi",
        ),
    ] {
        let outcome = client.respond(&token(), &refused).await;
        assert!(
            matches!(outcome, Err(FoundryError::Invalid { .. })),
            "{refused:?}"
        );
    }
    assert!(server.arrived().is_empty());
    // Limits count characters and are inclusive.
    let widest = with(pairs(16, &"ü".repeat(62), &"é".repeat(512)));
    assert!(client.respond(&token(), &widest).await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_no_header_value_is_not_sent() {
    let server = Server::start([]).await;
    let client = server.client(Route::Project);
    let request = ResponseRequest::text(agent(), "hi");
    let outcome = client
        .respond(&"line\nbreak".to_owned().into(), &request)
        .await;
    assert!(matches!(outcome, Err(FoundryError::Invalid { .. })));
    assert!(server.arrived().is_empty());
}

#[test]
fn nothing_that_is_said_is_printed() {
    let request = ResponseRequest {
        input: vec![
            InputItem::UserText {
                text: "confidential".into(),
            },
            InputItem::FunctionOutput {
                call_id: "call_1".into(),
                output: "confidential".into(),
            },
        ],
        ..ResponseRequest::text(agent(), "")
    };
    assert!(!format!("{request:?} {:?}", request.input).contains("confidential"));
}
