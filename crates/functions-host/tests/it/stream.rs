//! When answers come, and in which pieces.

use crate::http::{Connection, direct, request};
use crate::recorded::{Case, USUAL, recorded_functions};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// The recorded body in chunks: some recordings hold it that way.
fn in_chunks(case: &Case) -> String {
    if case.answer.starts_with("event: ") {
        format!("{:x}\r\n{}\r\n0\r\n\r\n", case.answer.len(), case.answer)
    } else {
        case.answer.clone()
    }
}

#[tokio::test]
async fn not_a_byte_is_sent_before_the_function_has_ended() {
    let host = recorded_functions().start().await;
    let lines = include_str!("../fixtures/extension_stream.jsonl").lines();
    let cases: Vec<Case> = lines.map(|line| Case::read(line, &[])).collect();
    let [calls @ .., after] = cases.as_slice() else {
        panic!("nothing is recorded");
    };
    assert_eq!(calls.len(), 3);
    for case in calls {
        let note = &case.note;
        let mut caller = Connection::open(&host).await;
        caller.send(case.written()).await;
        // The function runs, and others are served meanwhile.
        direct(&host, "GET", "/control/held").await;
        let ping = request(&host, "POST /runtime/webhooks/mcp", &USUAL, PING);
        tokio::select! {
            biased;
            () = caller.arrival() => panic!("{note}: something was sent"),
            answer = ping => assert_eq!(answer.status, 200),
        }
        direct(&host, "POST", "/control/release").await;
        let (status, headers) = caller.head().await;
        assert_eq!(status, case.status, "{note}");
        case.check_headers(&headers);
        // Sizes are numbers: Kestrel writes small letters, hyper capital ones.
        let size = caller.until("\r\n").await.to_lowercase();
        let rest = caller.until("0\r\n\r\n").await;
        assert_eq!(size + &rest, in_chunks(case), "{note}");
    }

    let mut caller = Connection::open(&host).await;
    caller.send(calls[0].written()).await;
    direct(&host, "GET", "/control/held").await;
    drop(caller);
    after.check(&after.ask(&host).await);
}
