use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use tokio::runtime::Builder;

use super::{Outcome, collect};
use crate::consent::ConsentHosts;
use crate::translate::Translator;

/// Runs a stream to its end, which must come, and with at most one error.
fn run(chunks: Vec<Vec<u8>>) -> Vec<Outcome> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let outcomes = runtime.block_on(collect(chunks));
    let errors = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert!(errors <= 1);
    outcomes
}

/// JSON of about the service's shape, with any member of any kind.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
        select(&[
            "mcp_call",
            "oauth_consent_request",
            "mcp_approval_request",
            "message",
            "completed",
            "https://consent.azure-apim.net/",
        ])
        .prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            vec((member(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    select(&[
        "type",
        "id",
        "item",
        "item_id",
        "response",
        "output",
        "status",
        "delta",
        "error",
        "code",
        "message",
        "consent_link",
        "arguments",
        "content",
        "usage",
        "conversation",
    ])
    .prop_map(str::to_owned)
}

fn event() -> impl Strategy<Value = (String, serde_json::Value)> {
    let kind = select(&[
        "response.created",
        "response.completed",
        "response.failed",
        "response.incomplete",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.oauth_consent_requested",
        "response.mcp_call.completed",
        "response.refusal.done",
        "error",
        "response._call.",
        "",
    ]);
    (kind.prop_map(str::to_owned), value())
}

proptest! {
    #[test]
    fn no_bytes_panic(chunks in vec(vec(any::<u8>(), 0..64), 0..16)) {
        run(chunks);
    }

    #[test]
    fn no_text_of_event_stream_characters_panics(text in "(data|event|id|retry|:|\u{feff}| |\r|\n|\\{|\\}|\"|ä|\\[DONE\\]){0,60}") {
        run(vec![text.into_bytes()]);
    }

    #[test]
    fn no_event_panics(events in vec(event(), 0..12)) {
        let event = |(name, data)| format!("event: {name}\ndata: {data}\n\n").into_bytes();
        run(events.into_iter().map(event).collect());
    }

    #[test]
    fn no_whole_answer_panics(value in value()) {
        let mut translator = Translator::new(Arc::new(ConsentHosts::new(&[])));
        let outcome = translator.accept_whole(value.to_string().as_bytes());
        translator.settle(outcome);
        assert!(translator.is_finished());
    }
}
