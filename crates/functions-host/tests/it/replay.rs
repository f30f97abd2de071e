//! Recorded requests to the door of streamable HTTP.

use std::collections::BTreeMap;

use entrada_functions_host::Host;

use crate::http::{Connection, request};
use crate::legacy::open;
use crate::recorded::{Case, USUAL, recorded_functions};

const DOOR: &str = "POST /runtime/webhooks/mcp";

/// A new session's id.
pub(crate) async fn open_session(host: &Host) -> String {
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#;
    let answer = request(host, DOOR, &USUAL, body).await;
    answer.header("mcp-session-id").unwrap().to_owned()
}

#[tokio::test]
async fn clients_get_what_the_real_extension_answered() {
    let host = recorded_functions().start().await;
    let session = open_session(&host).await;
    let mut answers: BTreeMap<String, String> = BTreeMap::new();
    for line in include_str!("../fixtures/extension_sealed.jsonl").lines() {
        let mut case = Case::read(line, &[("$SESSION", &session)]);
        if case.answer == "$TOOLS" {
            case.answer.clone_from(&answers["tools/list"]);
        }
        case.check(&case.ask(&host).await);
        let known = answers.insert(case.note.clone(), case.answer);
        assert!(known.is_none(), "{} is there twice", case.note);
    }
    assert_eq!(answers.len(), 115);
}

#[tokio::test]
async fn plain_client_states_are_answered_as_the_real_extension_does() {
    let package = recorded_functions();
    let options = package
        .options()
        .setting("FUNCTIONS_CORETOOLS_ENVIRONMENT", "1");
    let host = package.start_with(options).await;
    let mut stream: Option<(Connection, String)> = None;
    let mut replayed = 0;
    for line in include_str!("../fixtures/extension_plain.jsonl").lines() {
        replayed += 1;
        let state = stream.as_ref().map_or("", |(_, state)| state);
        let instance = state.split('|').nth(1).unwrap_or_default();
        let case = Case::read(line, &[("$STATE", state), ("$INSTANCE", instance)]);
        if case.line.starts_with("GET ") {
            stream = Some(open(&host, &Case::read(line, &[])).await);
            continue;
        }
        case.check(&case.ask(&host).await);
    }
    assert_eq!(replayed, 12);
}
