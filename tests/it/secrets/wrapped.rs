//! Calls of the Functions host to a server that lacks something: each gets an
//! answer that the host can read.

use std::time::Duration;

use serde_json::{Value, json};

use crate::functions::{bearer, call, complaint, post, trigger, wrapped};
use crate::rig::{Rig, until};

/// The same calls before and after the server has what it lacked.
pub(super) struct WrappedCalls {
    /// Whose `Authorization` reads, and whose writes.
    reader: String,
    writer: String,
}

/// A tool that only reads, and one whose calls have to be in the audit log
/// before they are answered.
const READS: &str = "whoami";
const WRITES: &str = "save_record";

impl WrappedCalls {
    /// Calls of somebody with this `Authorization`, and of somebody with a token
    /// of Entra's who writes.
    pub(super) fn of(rig: &Rig, reader: String) -> Self {
        let writer = bearer(&rig.token("writer"));
        Self { reader, writer }
    }

    /// They get results that say why they failed. Who needs nothing that is
    /// missing gets an answer.
    pub(super) async fn fail(&self, rig: &Rig, words: &str) {
        complains(rig, READS, json!({}), &self.reader, words).await;
        complains(rig, WRITES, record(), &self.writer, words).await;
        let anonymous = trigger("get_authentication_info", &json!({}), &json!({}));
        let body = wrapped(&anonymous.to_string());
        let answer = in_time(post(rig, "get_authentication_info", body)).await;
        assert_eq!(answer["isError"], false, "{answer}");
    }

    /// They succeed.
    pub(super) async fn succeed(&self, rig: &Rig) {
        succeeds(rig, READS, json!({}), &self.reader).await;
        succeeds(rig, WRITES, record(), &self.writer).await;
    }
}

fn record() -> Value {
    json!({"data": {"a": 1}})
}

/// A call fails with a result that has these words.
pub(super) async fn complains(
    rig: &Rig,
    tool: &str,
    arguments: Value,
    authorization: &str,
    words: &str,
) {
    let answer = in_time(call(rig, tool, arguments, authorization)).await;
    let text = complaint(&answer);
    assert!(text.contains(words), "{tool}: {words:?} is not in {text:?}");
}

/// A call succeeds, if not the first time: failures are remembered for some
/// seconds.
pub(super) async fn succeeds(rig: &Rig, tool: &str, arguments: Value, authorization: &str) {
    let what = format!("{tool} succeeds");
    until(&what, async || {
        let answer = in_time(call(rig, tool, arguments.clone(), authorization)).await;
        answer["isError"] == false
    })
    .await;
}

/// The Functions host would wait for half an hour, then kill the handler.
pub(super) async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(Duration::from_mins(1), answer).await;
    answer.expect("an answer in good time")
}
