use serde_json::json;

use super::server::{After, Answer, Server, agent, token};
use super::{collect, respond, wire};
use crate::lines::{EVENT_LIMIT, STREAM_LIMIT};
use crate::{FoundryError, ResponseEvent, ResponseRequest, Route};
use bytes::Bytes;
use futures::{StreamExt, stream};

fn created() -> String {
    wire(&json!({"type": "response.created", "sequence_number": 0,
        "response": {"id": "resp_1"}}))
}

fn is_protocol(outcome: &super::Outcome) -> bool {
    matches!(outcome, Err(FoundryError::Protocol { .. }))
}

#[tokio::test]
async fn a_stream_without_an_ending_is_an_error() {
    for text in [
        String::new(),
        created(),
        created() + "data: [DONE]\n\n",
        // The terminal event's blank line is missing: it was cut.
        created() + wire(&json!({"type": "response.completed", "response": {"id": "r"}})).trim(),
    ] {
        let outcomes = collect(vec![text.clone().into()]).await;
        assert!(is_protocol(outcomes.last().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn each_terminal_event_ends_the_stream() {
    let incomplete = |reason: &str| ResponseEvent::Incomplete {
        response_id: "resp_1".into(),
        reason: reason.into(),
    };
    let failed = |code: Option<&str>, message: &str| ResponseEvent::Failed {
        code: code.map(str::to_owned),
        message: message.into(),
    };
    for (event, expected) in [
        (
            json!({"type": "response.incomplete", "response": {"id": "resp_1",
                "incomplete_details": {"reason": "max_output_tokens"}}}),
            incomplete("max_output_tokens"),
        ),
        (
            json!({"type": "response.incomplete", "response": {"id": "resp_1"}}),
            incomplete("unknown"),
        ),
        (
            json!({"type": "response.cancelled", "response": {"id": "resp_1"}}),
            incomplete("cancelled"),
        ),
        (
            json!({"type": "response.incomplete", "response": {"id": "resp_1",
                "status": "cancelled", "incomplete_details": null}}),
            incomplete("cancelled"),
        ),
        (
            json!({"type": "response.failed", "response": {"id": "resp_1",
                "error": {"code": "server_error", "message": "It broke."}}}),
            failed(Some("server_error"), "It broke."),
        ),
        (
            json!({"type": "error", "code": "rate_limit", "message": "Slow.", "param": null}),
            failed(Some("rate_limit"), "Slow."),
        ),
        (
            json!({"type": "error", "error": {"code": "nested", "message": "m"}}),
            failed(Some("nested"), "m"),
        ),
        (
            json!({"type": "error", "code": "you said: hello", "message": null}),
            failed(None, ""),
        ),
    ] {
        // `respond` adds a completion, which must not be reached.
        let outcomes = respond(&[event]).await;
        assert_eq!(outcomes.len(), 2);
        assert_eq!(outcomes[1].as_ref().unwrap().event, expected);
        assert!(expected.is_terminal());
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_error_that_quotes_nothing() {
    for data in [
        "confidential",
        r#"{"type":"response.output_text.delta","delta":{"confidential":1}}"#,
        r#"{"type":"response.output_text.delta"}"#,
        r#"{"type":"response.completed"}"#,
        r#"{"type":"response.completed","sequence_number":"confidential"}"#,
        r#"{"type":"response.output_item.done"}"#,
        r#"{"type":"response.mcp_call.completed"}"#,
    ] {
        let outcomes = collect(vec![format!("data: {data}\n\n").into()]).await;
        assert_eq!(outcomes.len(), 1);
        assert!(is_protocol(&outcomes[0]), "{data}");
        assert!(!format!("{outcomes:?}").contains("confidential"));
    }
}

#[tokio::test]
async fn a_completion_that_names_no_response_is_an_error() {
    let text = wire(&json!({"type": "response.completed", "response": {}}));
    let outcomes = collect(vec![text.into()]).await;
    assert!(is_protocol(&outcomes[0]));
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_are_an_error() {
    let outcomes = collect(vec![b"data: \xff\xfe\n\n".to_vec()]).await;
    assert!(is_protocol(&outcomes[0]));
}

#[tokio::test]
async fn a_line_of_more_than_a_mebibyte_is_an_error() {
    let chunk = vec![b'x'; 64 * 1024];
    let outcomes = collect(vec![chunk; EVENT_LIMIT / (64 * 1024) + 1]).await;
    assert!(is_protocol(&outcomes[0]));
}

#[tokio::test]
async fn an_event_of_many_lines_is_bounded_too() {
    for ending in ["\n", "\r\n"] {
        let line = format!("data: {}{ending}", "x".repeat(1000));
        let lines = line.repeat(EVENT_LIMIT / 1000);
        let outcomes = collect(vec![lines.into_bytes()]).await;
        assert!(
            matches!(&outcomes[0], Err(FoundryError::Protocol { reason }) if reason.contains("1 MiB"))
        );
    }
}

#[tokio::test]
async fn many_events_may_be_longer_than_one() {
    let half = "x".repeat(EVENT_LIMIT / 2);
    let delta = json!({"type": "response.output_text.delta", "delta": half});
    for ending in ["\n", "\r\n"] {
        let text = wire(&delta).replace('\n', ending).repeat(3);
        let outcomes = collect(vec![text.into()]).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    }
}

#[tokio::test]
async fn an_event_just_within_the_bound_is_read() {
    let event = |size: usize| {
        wire(&json!({"type": "response.output_text.delta", "delta": "x".repeat(size)}))
    };
    let size = EVENT_LIMIT - event(0).len();
    let outcomes = collect(vec![event(size).into()]).await;
    assert!(outcomes[0].is_ok());
    let outcomes = collect(vec![event(size + 1).into()]).await;
    assert!(is_protocol(&outcomes[0]));
}

#[tokio::test]
async fn a_stream_that_never_ends_is_cut_off() {
    // Comments, so that nothing is kept in memory.
    let comment = Bytes::from(format!(": {}\n\n", "x".repeat(512 * 1024)));
    let bytes = stream::repeat_with(move || Ok(comment.clone()));
    let outcomes: Vec<_> = super::read(bytes).collect().await;
    assert_eq!(outcomes.len(), 1);
    assert!(is_protocol(&outcomes[0]));
    assert_eq!(STREAM_LIMIT, 64 * 1024 * 1024);
}

#[tokio::test]
async fn more_items_than_a_response_has_are_an_error() {
    let events: Vec<_> = (0..5000)
        .map(|number| {
            json!({"type": "response.output_item.added",
            "item": {"type": "mcp_call", "id": format!("mcp_{number}")}})
        })
        .collect();
    assert!(is_protocol(respond(&events).await.last().unwrap()));
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_error_after_what_it_brought() {
    let server = Server::start([Answer::Events(created(), After::Break)]).await;
    let client = server.client(Route::Project);
    let request = ResponseRequest::text(agent(), "hi");
    let stream = client.respond(&token(), &request).await.unwrap();
    let outcomes: Vec<_> = stream.collect().await;
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes[0].is_ok());
    assert!(matches!(outcomes[1], Err(FoundryError::Unavailable { .. })));
}

#[tokio::test]
async fn a_whole_answer_ends_as_its_status_says() {
    for (body, expected) in [
        (
            json!({"id": "r", "status": "completed", "output": [{"type": "message",
                "content": [{"type": "output_text", "text": "Hi"}]}]}),
            "Completed",
        ),
        (json!({"id": "r", "status": "incomplete"}), "Incomplete"),
        (json!({"id": "r", "status": "cancelled"}), "Incomplete"),
        (
            json!({"id": "r", "status": "failed", "error": {}}),
            "Failed",
        ),
        (json!({"id": "r", "status": "in_progress"}), "Unfinished"),
        (json!({"id": "r", "status": "odd"}), "Protocol"),
        (json!([]), "Protocol"),
    ] {
        let server = Server::start([Answer::Whole(200, Vec::new(), body.to_string())]).await;
        let request = ResponseRequest::text(agent(), "hi");
        let client = server.client(Route::Project);
        let stream = client.respond(&token(), &request).await.unwrap();
        let outcomes: Vec<_> = stream.collect().await;
        let last = format!("{:?}", outcomes.last().unwrap());
        assert!(last.contains(expected), "{last}");
    }
}

#[tokio::test]
async fn a_whole_answer_is_bounded() {
    let body = format!("\"{}\"", "x".repeat(EVENT_LIMIT));
    let server = Server::start([Answer::Whole(200, Vec::new(), body)]).await;
    let request = ResponseRequest::text(agent(), "hi");
    let client = server.client(Route::Project);
    let outcome = client.respond(&token(), &request).await;
    assert!(matches!(outcome, Err(FoundryError::Protocol { .. })));
}
