use std::time::Duration;

use serde_json::json;

use super::super::ClientError;
use super::documents::{Field, document};
use super::server::Answer;

#[tokio::test]
async fn a_document_serves_as_long_as_its_headers_say_within_bounds() {
    const MINUTE: u64 = 60;
    const DAY: u64 = 24 * 60 * MINUTE;
    for (header, lifetime) in [
        (None, 60 * MINUTE),
        (Some("max-age=10"), 5 * MINUTE),
        (Some("no-store"), 5 * MINUTE),
        (Some("max-age=1800"), 30 * MINUTE),
        (Some("max-age=31536000"), DAY),
    ] {
        let field = Field::new().await;
        let mut answer = Answer::json(&document(&field.id));
        if let Some(value) = header {
            answer = answer.header("cache-control", value);
        }
        field.server.say(answer);
        field.find().await.unwrap();
        field.pass(lifetime - 1);
        field.find().await.unwrap();
        assert_eq!(field.server.hits(), 1, "{header:?}");
        field.pass(1);
        field.find().await.unwrap();
        assert_eq!(field.server.hits(), 2, "{header:?}");
    }
}

#[tokio::test]
async fn fifty_at_once_are_served_by_one_fetch() {
    let field = Field::new().await;
    let mut answer = Answer::json(&document(&field.id));
    answer.delay = Duration::from_millis(100);
    field.server.say(answer);
    for expected in [1, 2] {
        let finds = (0..50).map(|_| {
            let (documents, id) = (field.documents.clone(), field.id.clone());
            tokio::spawn(async move { documents.find(&id).await })
        });
        for found in futures::future::join_all(finds).await {
            found.unwrap().unwrap();
        }
        assert_eq!(field.server.hits(), expected);
        field.pass(24 * 3600);
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_fail_the_others() {
    let field = Field::new().await;
    let mut answer = Answer::json(&document(&field.id));
    answer.delay = Duration::from_millis(100);
    field.server.say(answer);
    let find = || {
        let (documents, id) = (field.documents.clone(), field.id.clone());
        tokio::spawn(async move { documents.find(&id).await })
    };
    let first = find();
    tokio::task::yield_now().await;
    let second = find();
    tokio::task::yield_now().await;
    first.abort();
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn failures_are_not_kept() {
    let field = Field::new().await;
    field.server.say(Answer::json(&json!({})).status(404));
    assert!(field.find().await.is_err());
    field.server.say(Answer::json(&document(&field.id)));
    field.find().await.unwrap();

    let field = Field::new().await;
    field.server.say(Answer::json(&json!({})).status(404));
    assert!(field.find().await.is_err());
    field.server.say(Answer::json(&document(&field.id)));
    field.documents.find_again(&field.id).await.unwrap();
}

#[tokio::test]
async fn while_its_server_is_away_a_document_serves_until_it_is_a_day_old() {
    let field = Field::new().await;
    field.find().await.unwrap();
    field.server.say(Answer::json(&json!({})).status(503));
    field.pass(3600);
    field.find().await.unwrap();
    assert_eq!(field.server.hits(), 2);
    field.pass(59);
    field.find().await.unwrap();
    assert_eq!(
        field.server.hits(),
        2,
        "the server is not asked again at once"
    );
    field.pass(23 * 3600);
    let found = field.find().await;
    assert!(
        matches!(found, Err(ClientError::Unavailable { .. })),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_document_that_is_gone_is_gone_once_it_is_asked_for() {
    let field = Field::new().await;
    field.find().await.unwrap();
    field.server.say(Answer::json(&json!({})).status(410));
    field.pass(3600);
    assert!(field.reason().await.contains("410"));
}

#[tokio::test]
async fn changed_keys_are_fetched_when_asked_for_but_not_all_the_time() {
    let field = Field::new().await;
    field.find().await.unwrap();
    field.documents.find_again(&field.id).await.unwrap();
    assert_eq!(field.server.hits(), 1, "it was fetched a moment ago");
    field.pass(30);
    field.documents.find_again(&field.id).await.unwrap();
    field.documents.find_again(&field.id).await.unwrap();
    assert_eq!(field.server.hits(), 2);
}
