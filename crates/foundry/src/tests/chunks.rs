use super::{Outcome, collect};

/// A stream of the service's shape: an agent that thinks, calls a tool, asks
/// for consent and answers in several scripts.
const RECORDED: &str = r#": ping

event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","conversation":{"id":"conv_1"},"output":[]}}

event: response.in_progress
data: {"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1","status":"in_progress"}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"type":"mcp_call","id":"mcp_1","name":"search","server_label":"github","arguments":"","status":"in_progress"}}

event: response.mcp_call_arguments.delta
data: {"type":"response.mcp_call_arguments.delta","sequence_number":3,"output_index":0,"item_id":"mcp_1","delta":"{}"}

event: response.mcp_call.completed
data: {"type":"response.mcp_call.completed","sequence_number":4,"output_index":0,"item_id":"mcp_1"}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":7,"output_index":1,"item":{"type":"oauth_consent_request","id":"oauthreq_1","server_label":"github","consent_link":"https://logic-swedencentral-001.consent.azure-apihub.net/login?data=x"}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":9,
data: "item_id":"msg_1","output_index":0,"content_index":0,"delta":"Grüße 👋🏽 日本"}

event: response.completed
data: {"type":"response.completed","sequence_number":12,"response":{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}

data: [DONE]

"#;

fn unwrap(outcomes: Vec<Outcome>) -> Vec<(u64, crate::ResponseEvent)> {
    outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap())
        .map(|sequenced| (sequenced.sequence_number, sequenced.event))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_cut_at_any_byte_changes_nothing() {
    let windows = RECORDED.replace('\n', "\r\n");
    let marked = format!("\u{feff}{RECORDED}");
    for text in [RECORDED, &windows, &marked] {
        let whole = unwrap(collect(vec![text.into()]).await);
        assert_eq!(whole.len(), 6);
        for at in 0..=text.len() {
            let (before, after) = text.as_bytes().split_at(at);
            let cut = unwrap(collect(vec![before.to_vec(), after.to_vec()]).await);
            assert_eq!(cut, whole, "cut at byte {at}");
        }
        let bytes = text.bytes().map(|byte| vec![byte]).collect();
        assert_eq!(unwrap(collect(bytes).await), whole);
    }
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_line_ending_is_read() {
    // The last line ending is a line feed, since a lone carriage return could
    // still be the first half of one.
    let carriage_returns = format!("{}\n", RECORDED.replace('\n', "\r"));
    let events = unwrap(collect(vec![carriage_returns.into()]).await);
    assert_eq!(events.len(), 6);
}
