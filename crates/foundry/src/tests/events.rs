use serde_json::json;

use super::{between, collect, read_with, respond, wire};
use crate::translate::Translator;
use crate::{ResponseEvent, ToolKind, Usage};
use bytes::Bytes;
use futures::{StreamExt, stream};

fn delta(number: u64, text: &str) -> serde_json::Value {
    json!({"type": "response.output_text.delta", "sequence_number": number, "item_id": "msg_1",
        "output_index": 0, "content_index": 0, "delta": text})
}

fn text(text: &str) -> ResponseEvent {
    ResponseEvent::TextDelta { text: text.into() }
}

#[tokio::test]
async fn text_arrives_in_its_pieces_with_the_services_numbers() {
    let outcomes = respond(&[delta(3, "Hel"), delta(4, "lo"), delta(9, " wörld")]).await;
    let numbers: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().unwrap().sequence_number)
        .collect();
    assert_eq!(numbers, [0, 3, 4, 9, 99]);
    assert_eq!(between(outcomes), [text("Hel"), text("lo"), text(" wörld")]);
}

#[tokio::test]
async fn creation_names_the_response_and_its_conversation_once() {
    for conversation in [json!({"id": "conv_1"}), json!("conv_1")] {
        let response = json!({"id": "resp_1", "conversation": conversation});
        let text: String = [
            "response.queued",
            "response.created",
            "response.in_progress",
        ]
        .iter()
        .map(|kind| wire(&json!({"type": kind, "response": response})))
        .collect();
        let outcomes = collect(vec![text.into_bytes()]).await;
        assert_eq!(outcomes.len(), 2, "creation, and the missing end");
        assert_eq!(
            outcomes[0].as_ref().unwrap().event,
            ResponseEvent::Created {
                response_id: "resp_1".into(),
                conversation: Some("conv_1".into())
            }
        );
    }
}

#[tokio::test]
async fn a_tool_call_starts_and_ends_once_however_often_it_is_told() {
    let item = |status: &str| {
        json!({"type": "mcp_call", "id": "mcp_1", "name": "search", "server_label": "github",
            "arguments": "{}", "status": status})
    };
    let events = [
        json!({"type": "response.output_item.added", "item": item("in_progress")}),
        json!({"type": "response.mcp_call.in_progress", "item_id": "mcp_1"}),
        json!({"type": "response.mcp_call_arguments.delta", "item_id": "mcp_1", "delta": "{}"}),
        json!({"type": "response.mcp_call.completed", "item_id": "mcp_1"}),
        json!({"type": "response.output_item.done", "item": item("completed")}),
    ];
    assert_eq!(
        between(respond(&events).await),
        [
            ResponseEvent::ToolStarted {
                id: "mcp_1".into(),
                name: "search".into(),
                server_label: Some("github".into()),
                kind: ToolKind::Mcp
            },
            ResponseEvent::ToolCompleted {
                id: "mcp_1".into(),
                failed: false
            }
        ]
    );
}

#[tokio::test]
async fn a_failed_tool_call_says_so_in_each_of_its_ways() {
    let item = |more: serde_json::Value| {
        let mut item = json!({"type": "mcp_call", "id": "mcp_1", "name": "search"});
        item.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"type": "response.output_item.done", "item": item})
    };
    for event in [
        json!({"type": "response.mcp_call.failed", "item_id": "mcp_1"}),
        item(json!({"status": "failed"})),
        item(json!({"status": "incomplete"})),
        item(json!({"error": "refused"})),
        item(json!({"error": {"code": 1}})),
    ] {
        let events = between(respond(std::slice::from_ref(&event)).await);
        assert_eq!(
            events.last(),
            Some(&ResponseEvent::ToolCompleted {
                id: "mcp_1".into(),
                failed: true
            }),
            "{event}"
        );
    }
    let fine = between(respond(&[item(json!({"error": null}))]).await);
    assert!(matches!(
        fine.last(),
        Some(ResponseEvent::ToolCompleted { failed: false, .. })
    ));
}

#[tokio::test]
async fn each_sort_of_tool_is_known() {
    for (item_type, kind, name) in [
        ("mcp_call", ToolKind::Mcp, "mcp"),
        ("function_call", ToolKind::Function, "function"),
        ("web_search_call", ToolKind::WebSearch, "web_search"),
        ("file_search_call", ToolKind::FileSearch, "file_search"),
        (
            "code_interpreter_call",
            ToolKind::CodeInterpreter,
            "code_interpreter",
        ),
        (
            "image_generation_call",
            ToolKind::ImageGeneration,
            "image_generation",
        ),
        ("sharepoint_grounding_call", ToolKind::Other, "other"),
    ] {
        let item = json!({"type": item_type, "id": "i"});
        let events =
            between(respond(&[json!({"type": "response.output_item.added", "item": item})]).await);
        assert_eq!(
            events,
            [ResponseEvent::ToolStarted {
                id: "i".into(),
                name: item_type.into(),
                server_label: None,
                kind
            }]
        );
        assert_eq!(kind.as_str(), name);
    }
}

#[tokio::test]
async fn an_approval_request_is_told_once_and_with_its_arguments() {
    let item = |arguments: serde_json::Value| {
        json!({"type": "mcp_approval_request", "id": "mcpr_1", "name": "delete",
            "server_label": "github", "arguments": arguments})
    };
    let added = |item| json!({"type": "response.output_item.added", "item": item});
    let done = |item| json!({"type": "response.output_item.done", "item": item});
    let full = r#"{"id":1}"#;
    for events in [
        vec![added(item(json!(full))), done(item(json!(full)))],
        vec![added(item(json!(""))), done(item(json!(full)))],
        vec![added(item(json!(null))), done(item(json!({"id": 1})))],
    ] {
        assert_eq!(
            between(respond(&events).await),
            [ResponseEvent::ApprovalRequired {
                id: "mcpr_1".into(),
                name: "delete".into(),
                arguments: full.into(),
                server_label: Some("github".into())
            }]
        );
    }
    let without = between(respond(&[done(item(json!(null)))]).await);
    assert!(
        matches!(&without[..], [ResponseEvent::ApprovalRequired { arguments, .. }] if arguments == "{}")
    );
}

#[tokio::test]
async fn a_refusal_is_told_whole() {
    let events = [
        json!({"type": "response.refusal.delta", "delta": "I "}),
        json!({"type": "response.refusal.delta", "delta": "won't"}),
        json!({"type": "response.refusal.done", "refusal": "I won't"}),
    ];
    assert_eq!(
        between(respond(&events).await),
        [ResponseEvent::Refusal {
            text: "I won't".into()
        }]
    );
}

#[tokio::test]
async fn completion_carries_text_and_usage() {
    let response = json!({"id": "resp_1", "status": "completed", "output": [
        {"type": "reasoning", "id": "r", "content": null},
        {"type": "message", "content": [
            {"type": "output_text", "text": "Hello "},
            {"type": "refusal", "refusal": "x"},
            {"type": "output_text", "text": "you"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "."}]}],
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}});
    let event = json!({"type": "response.completed", "sequence_number": 5, "response": response});
    let outcomes = respond(&[event]).await;
    assert_eq!(
        outcomes.last().unwrap().as_ref().unwrap().event,
        ResponseEvent::Completed {
            response_id: "resp_1".into(),
            text: Some("Hello you.".into()),
            usage: Some(Usage {
                input_tokens: 3,
                output_tokens: 4,
                total_tokens: 7
            })
        }
    );
}

#[tokio::test]
async fn unknown_events_and_items_are_dropped_whatever_their_shape() {
    let events = [
        json!({"type": "response.output_text.annotation.added", "annotation": {"delta": 1}}),
        json!({"type": "response.future.delta", "delta": {"not": "text"}, "item": 7}),
        json!({"type": "response.content_part.added", "part": {"type": "output_text"}}),
        json!({"type": "response.output_text.done", "text": "Hel"}),
        json!({"type": "response.output_item.added", "item": {"type": "reasoning", "id": 5}}),
        json!({"type": "response.output_item.added", "item": {"type": "mcp_list_tools", "id": "l"}}),
        json!({"type": "response.output_item.added", "item": "odd"}),
        json!({"type": "response.output_item.done", "item": {"type": "mcp_call"}}),
        json!({"type": "response.mcp_list_tools.completed"}),
    ];
    assert_eq!(between(respond(&events).await), []);
}

#[tokio::test]
async fn events_in_another_order_are_understood() {
    let text = [
        delta(7, "late"),
        json!({"type": "response.mcp_call.completed", "sequence_number": 6, "item_id": "m"}),
        json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}}),
        json!({"type": "response.completed", "sequence_number": 8, "response": {"id": "resp_1"}}),
    ]
    .iter()
    .map(wire)
    .collect::<String>();
    let outcomes = collect(vec![text.into_bytes()]).await;
    let seen: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let sequenced = outcome.as_ref().unwrap();
            (sequenced.sequence_number, format!("{:?}", sequenced.event))
        })
        .map(|(number, event)| (number, event.split(' ').next().unwrap().to_owned()))
        .collect();
    let expected = [
        (7, "TextDelta"),
        (6, "ToolCompleted"),
        (0, "Created"),
        (8, "Completed"),
    ];
    assert_eq!(seen, expected.map(|(number, name)| (number, name.into())));
}

#[tokio::test]
async fn events_without_numbers_or_types_are_numbered_and_named_by_the_stream() {
    let text = concat!(
        "event: response.created\ndata: {\"response\":{\"id\":\"r\"}}\n\n",
        "event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\n",
        "event: response.completed\ndata: {\"response\":{\"id\":\"r\"}}\n\n",
    );
    let outcomes = collect(vec![text.into()]).await;
    let numbers: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().unwrap().sequence_number)
        .collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[tokio::test]
async fn one_event_that_becomes_several_can_be_resumed_between_them() {
    let response = json!({"id": "resp_1", "output": [
        {"type": "mcp_approval_request", "id": "a", "name": "n", "arguments": "{}"}]});
    let event = json!({"type": "response.completed", "sequence_number": 5, "response": response});
    let outcomes = respond(&[event]).await;
    let numbers: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().unwrap().sequence_number)
        .collect();
    assert_eq!(numbers, [0, 4, 5]);
}

#[tokio::test]
async fn a_resumed_stream_repeats_neither_creation_nor_what_came_before() {
    let text = [
        json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}}),
        delta(1, "old"),
        delta(2, "new"),
        json!({"type": "response.output_item.done", "sequence_number": 3,
            "item": {"type": "mcp_call", "id": "m", "name": "n"}}),
        json!({"type": "response.completed", "sequence_number": 4, "response": {"id": "resp_1"}}),
    ]
    .iter()
    .map(wire)
    .collect::<String>();
    let after = |number| {
        let bytes = stream::iter([Ok(Bytes::from(text.clone()))]);
        let translator = Translator::resumed(super::hosts(), "resp_1", number);
        read_with(bytes, translator)
            .map(|outcome| outcome.unwrap().event)
            .collect::<Vec<_>>()
    };
    let completed = ResponseEvent::Completed {
        response_id: "resp_1".into(),
        text: None,
        usage: None,
    };
    let tool = ResponseEvent::ToolCompleted {
        id: "m".into(),
        failed: false,
    };
    assert_eq!(
        after(Some(1)).await,
        [text_of("new"), tool, completed.clone()]
    );
    assert_eq!(after(Some(3)).await, [completed]);
    let whole = after(None).await;
    assert!(matches!(whole[0], ResponseEvent::Created { .. }));
    assert!(matches!(whole[3], ResponseEvent::ToolStarted { .. }));
    assert_eq!(whole.len(), 6);
}

fn text_of(text: &str) -> ResponseEvent {
    ResponseEvent::TextDelta { text: text.into() }
}

#[test]
fn events_print_no_content() {
    for event in [
        text("confidential"),
        ResponseEvent::Refusal {
            text: "confidential".into(),
        },
        ResponseEvent::Failed {
            code: None,
            message: "confidential".into(),
        },
        ResponseEvent::ApprovalRequired {
            id: "i".into(),
            name: "n".into(),
            arguments: "confidential".into(),
            server_label: None,
        },
        ResponseEvent::Completed {
            response_id: "r".into(),
            text: Some("confidential".into()),
            usage: None,
        },
    ] {
        assert!(!format!("{event:?}").contains("confidential"));
    }
}
