//! Bodies that are no message of MCP.

use serde_json::{Value, json};

use crate::rig::Rig;

async fn post(rig: &Rig, kind: &str, body: String) -> (u16, Value) {
    let request = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(rig.token("reader"))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", kind)
        .body(body);
    rig.ask(request).await
}

#[tokio::test]
async fn a_batch_is_refused_and_told_that_it_is_one() {
    let rig = Rig::start().await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    for batch in [json!([ping]), json!([ping, ping]), json!([])] {
        for text in [batch.to_string(), format!(" \r\n\t{batch}")] {
            let (status, answer) = post(&rig, "application/json", text).await;
            assert_eq!(status, 400, "{answer}");
            assert_eq!(answer["error"]["code"], -32600, "{answer}");
            assert_eq!(answer["jsonrpc"], "2.0");
            assert!(answer.get("id").is_none(), "{answer}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("batch"), "{message}");
        }
    }
}

#[tokio::test]
async fn what_is_no_json_and_what_is_no_message_are_told_apart() {
    let rig = Rig::start().await;
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("{\"jsonrpc\":\"2.0\",\"id\":1", -32700),
        ("null", -32600),
        ("7", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
    ] {
        let (status, answer) = post(&rig, "application/json", body.to_owned()).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
    }
    let (status, _) = post(&rig, "text/plain", "{}".to_owned()).await;
    assert_eq!(status, 415);
}

#[tokio::test]
async fn a_message_of_more_than_four_mebibytes_is_too_large() {
    let rig = Rig::start().await;
    let message = |padding: usize| {
        let params = json!({"padding": "x".repeat(padding)});
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params}).to_string()
    };
    let (status, _) = post(&rig, "application/json", message((4 << 20) - 200)).await;
    assert_eq!(status, 200);
    let (status, answer) = post(&rig, "application/json", message(4 << 20)).await;
    assert_eq!(status, 413);
    assert_eq!(answer["code"], "PAYLOAD_TOO_LARGE");
}
