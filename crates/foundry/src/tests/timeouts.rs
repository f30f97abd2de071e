use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::server::{After, Answer, Server, agent, client, token};
use super::{read, wire};
use crate::{FoundryError, FoundrySettings, ResponseEvent, ResponseRequest, Wait};

fn created() -> String {
    wire(&json!({"type": "response.created", "response": {"id": "resp_1"}}))
}

fn completed() -> String {
    wire(&json!({"type": "response.completed", "response": {"id": "resp_1"}}))
}

/// Sends each text after a wait, then nothing any more.
fn paced(
    steps: Vec<(u64, String)>,
) -> impl Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static {
    stream::iter(steps)
        .then(|(seconds, text)| async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok(Bytes::from(text))
        })
        .chain(stream::pending())
}

fn timed_out(outcome: Option<&super::Outcome>, expected: Wait) -> bool {
    matches!(outcome, Some(Err(FoundryError::Timeout { what })) if *what == expected)
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_waited_for_a_minute() {
    let mut stream = read(stream::pending());
    assert!(
        timeout(Duration::from_secs(59), stream.next())
            .await
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn and_no_longer() {
    let mut stream = read(stream::pending());
    let outcome = timeout(Duration::from_secs(61), stream.next()).await;
    assert!(timed_out(outcome.unwrap().as_ref(), Wait::FirstEvent));
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn comments_are_not_a_first_event() {
    let comments = (0..20)
        .map(|_| (10, ": still here\n\n".to_owned()))
        .collect();
    let outcome = timeout(Duration::from_secs(61), read(paced(comments)).next()).await;
    assert!(timed_out(outcome.unwrap().as_ref(), Wait::FirstEvent));
}

#[tokio::test(start_paused = true)]
async fn silence_after_the_first_event_ends_the_stream() {
    let mut stream = read(paced(vec![(30, created()), (119, ": x\n".into())]));
    assert!(stream.next().await.unwrap().is_ok());
    let outcome = timeout(Duration::from_secs(119 + 119), stream.next()).await;
    assert!(outcome.is_err(), "the limit counts from the last byte");
}

#[tokio::test(start_paused = true)]
async fn silence_of_two_minutes_is_too_long() {
    let mut stream = read(paced(vec![(30, created())]));
    assert!(stream.next().await.unwrap().is_ok());
    let outcome = timeout(Duration::from_secs(121), stream.next()).await;
    assert!(timed_out(outcome.unwrap().as_ref(), Wait::NextEvent));
}

#[tokio::test(start_paused = true)]
async fn comments_keep_a_stream_alive() {
    let mut steps = vec![(1, created())];
    steps.extend((0..10).map(|_| (100, ": working\n\n".to_owned())));
    steps.push((100, completed()));
    let events: Vec<_> = read(paced(steps)).collect().await;
    assert!(matches!(
        events.last().unwrap().as_ref().unwrap().event,
        ResponseEvent::Completed { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_after_the_last_event_is_not_waited_for() {
    let mut stream = read(paced(vec![(1, created() + &completed())]));
    stream.next().await.unwrap().unwrap();
    stream.next().await.unwrap().unwrap();
    let end = timeout(Duration::from_secs(1), stream.next()).await;
    assert!(end.unwrap().is_none());
}

fn hasty(server: &Server) -> crate::Foundry {
    client(FoundrySettings {
        first_event_timeout: Duration::from_millis(80),
        ..FoundrySettings::new(server.base.clone())
    })
}

#[tokio::test]
async fn a_server_that_does_not_answer_times_out() {
    let server = Server::start([Answer::Silence, Answer::Silence]).await;
    let client = hasty(&server);
    let request = ResponseRequest::text(agent(), "hi");
    let outcome = client.respond(&token(), &request).await;
    assert!(matches!(
        outcome,
        Err(FoundryError::Timeout {
            what: Wait::FirstEvent
        })
    ));
    let (token, agent) = (token(), agent());
    let metadata = BTreeMap::new();
    let made = client.create_conversation(&token, &agent, &metadata);
    assert!(matches!(
        made.await,
        Err(FoundryError::Timeout { what: Wait::Answer })
    ));
}

#[tokio::test]
async fn the_limit_of_the_first_event_goes_on_after_the_status_line() {
    let server = Server::start([Answer::Events(": x\n\n".into(), After::Hang)]).await;
    let request = ResponseRequest::text(agent(), "hi");
    let mut stream = hasty(&server).respond(&token(), &request).await.unwrap();
    assert!(timed_out(stream.next().await.as_ref(), Wait::FirstEvent));
}
