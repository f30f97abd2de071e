use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use super::super::ClientError;
use super::super::fetch::Errand;
use super::documents::{Field, document};
use super::server::{Answer, Server};

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
            tokio::spawn(async move { documents.find(&id, Errand::Page).await })
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
        tokio::spawn(async move { documents.find(&id, Errand::Page).await })
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

#[tokio::test]
async fn a_server_that_never_answers_keeps_nobody_elses_documents_waiting() {
    let field = Field::new().await;
    let mut never = Answer::json(&json!({}));
    never.delay = Duration::from_hours(1);
    field.server.say(never);
    for number in 0..64 {
        let (documents, id) = (
            field.documents.clone(),
            field.server.url(&format!("/{number}")),
        );
        tokio::spawn(async move { documents.find(&id, Errand::Page).await });
    }
    while field.server.hits() < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let other = Server::plain().await;
    // On this machine a host of its own, by another name.
    let id = other.url("/client.json").replace("127.0.0.1", "localhost");
    other.say(Answer::json(&document(&id)));
    let found = tokio::time::timeout(
        Duration::from_secs(3),
        field.documents.find(&id, Errand::Page),
    );
    found.await.unwrap().unwrap();
    assert_eq!(field.server.hits(), 4);
}

#[tokio::test]
async fn what_a_client_redeems_does_not_wait_for_a_flood_of_pages() {
    let field = Field::new().await;
    let mut silent = Vec::new();
    for host in 2..=13 {
        let address = format!("127.0.0.{host}:0");
        let listener = TcpListener::bind(address).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        silent.push(listener);
        for number in 0..4 {
            let (documents, id) = (field.documents.clone(), format!("{base}/{number}"));
            tokio::spawn(async move { documents.find(&id, Errand::Page).await });
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let find = |errand, seconds| {
        let found = field.documents.find(&field.id, errand);
        tokio::time::timeout(Duration::from_secs(seconds), found)
    };
    assert!(find(Errand::Page, 1).await.is_err());
    find(Errand::Token, 3).await.unwrap().unwrap();
}
