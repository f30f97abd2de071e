mod agents;
mod arbitrary;
mod chunks;
mod consent;
mod endings;
mod events;
mod refusals;
mod retries;
mod routes;
mod server;
mod stand_in;
mod timeouts;

use std::convert::identity;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

use crate::consent::ConsentHosts;
use crate::stream::Deadline;
use crate::translate::Translator;
use crate::{FoundryError, FoundrySettings, ResponseEvent, ResponseStream, Sequenced};

type Outcome = Result<Sequenced<ResponseEvent>, FoundryError>;

fn hosts() -> Arc<ConsentHosts> {
    Arc::new(ConsentHosts::new(&FoundrySettings::default_consent_hosts()))
}

/// A stream over `bytes` with a first-event limit of 60 s and 120 s of silence.
fn read(
    bytes: impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static,
) -> ResponseStream {
    read_with(bytes, Translator::new(hosts()))
}

fn read_with(
    bytes: impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static,
    translator: Translator,
) -> ResponseStream {
    let deadline = Deadline::after(Duration::from_mins(1));
    ResponseStream::new(bytes, translator, deadline, Duration::from_mins(2))
}

/// All that a stream of these chunks comes to.
async fn collect(chunks: Vec<Vec<u8>>) -> Vec<Outcome> {
    let bytes = stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk))));
    read(bytes).collect().await
}

/// One event of the wire: its name is the `type` in its data.
fn wire(data: &serde_json::Value) -> String {
    format!(
        "event: {}\ndata: {data}\n\n",
        data["type"].as_str().unwrap()
    )
}

/// A response of these events between `response.created` and, unless they end
/// it themselves, `response.completed`.
async fn respond(events: &[serde_json::Value]) -> Vec<Outcome> {
    let mut text = wire(
        &serde_json::json!({"type": "response.created", "sequence_number": 0,
        "response": {"id": "resp_1", "status": "in_progress", "output": []}}),
    );
    text.extend(events.iter().map(wire));
    text += &wire(
        &serde_json::json!({"type": "response.completed", "sequence_number": 99,
        "response": {"id": "resp_1", "status": "completed", "output": []}}),
    );
    collect(vec![text.into_bytes()]).await
}

/// What came between creation and completion, which must both be there.
fn between(outcomes: Vec<Outcome>) -> Vec<ResponseEvent> {
    let mut events: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.map(|sequenced| sequenced.event))
        .map(|outcome| outcome.map_or_else(|error| panic!("{error}"), identity))
        .collect();
    assert!(matches!(events.remove(0), ResponseEvent::Created { .. }));
    assert!(matches!(
        events.pop(),
        Some(ResponseEvent::Completed { .. })
    ));
    events
}
