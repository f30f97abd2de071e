use std::time::Duration;

use entrada_tables::{Condition, Row, Tables};
use serde_json::{Value, json};

use super::super::TABLE;
use super::super::session::row_key;
use super::foundry::says;
use super::{Place, id};
use crate::downstream::testing::{ALICE, BOB, HOME};
use crate::identity::UserPartition;

#[tokio::test]
async fn a_session_is_made_read_renamed_and_deleted() {
    let place = Place::new().await;
    let body = json!({"agent_id": "assistant", "title": "  Plans "});
    let (status, body) = place.call("POST", "/api/sessions", body).await;
    assert_eq!(status, 201);
    let session = &body["session"];
    assert_eq!(session["title"], "Plans");
    assert_eq!(session["agent_id"], "assistant");
    assert_eq!(session["created_at"], session["updated_at"]);
    let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
    let (status, body) = place.call("GET", &path, Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(&body["session"], session);
    assert_eq!(body["messages"], json!([]));
    place.world.advance(5).await;
    let (status, body) = place.call("PATCH", &path, json!({"title": "Other"})).await;
    assert_eq!((status, &body["session"]["title"]), (200, &json!("Other")));
    assert_ne!(body["session"]["updated_at"], body["session"]["created_at"]);
    let (status, _) = place.call("DELETE", &path, Value::Null).await;
    assert_eq!(status, 204);
    for (method, body) in [
        ("GET", Value::Null),
        ("PATCH", json!({"title": "x"})),
        ("DELETE", Value::Null),
    ] {
        let (status, body) = place.call(method, &path, body).await;
        assert_eq!((status, &body["code"]), (404, &json!("SESSION_NOT_FOUND")));
    }
}

#[tokio::test]
async fn a_session_of_somebody_else_is_as_good_as_none() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let bob = place.world.entra_token(HOME, BOB);
    let unknown = "0190a0b0-0000-7000-8000-000000000000";
    let mut answers = Vec::new();
    for session in [session.as_str(), unknown, "not-a-uuid"] {
        let path = format!("/api/sessions/{session}");
        let said = json!({"session_id": session, "content": "hello"});
        for (method, path, body) in [
            ("GET", path.as_str(), Value::Null),
            ("PATCH", path.as_str(), json!({"title": "mine"})),
            ("DELETE", path.as_str(), Value::Null),
            ("POST", "/api/chat", said),
        ] {
            let (status, body) = place.call_as(&bob, method, path, body).await;
            answers.push((status, body["code"].clone(), body["detail"].clone()));
        }
    }
    assert_eq!(answers[0].0, 404);
    assert_eq!(answers[0].1, "SESSION_NOT_FOUND");
    assert!(
        answers.iter().all(|answer| answer == &answers[0]),
        "{answers:?}"
    );
    let (_, body) = place
        .call_as(&bob, "GET", "/api/sessions", Value::Null)
        .await;
    assert_eq!(body, json!({"sessions": [], "next_cursor": null}));
    assert!(place.agents.arrived().is_empty());
    assert_eq!(place.messages(&session).await.len(), 0);
}

#[tokio::test]
async fn two_hundred_and_fifty_sessions_are_listed_newest_first_over_pages() {
    let place = Place::new().await;
    let mut made = Vec::new();
    for _ in 0..250 {
        place.world.clock.advance(Duration::from_millis(1));
        made.push(place.new_session().await);
    }
    made.reverse();
    let (mut listed, mut path, mut sizes) =
        (Vec::new(), "/api/sessions?limit=60".to_owned(), vec![]);
    loop {
        let (status, body) = place.call("GET", &path, Value::Null).await;
        assert_eq!(status, 200, "{body}");
        let page = body["sessions"].as_array().unwrap();
        sizes.push(page.len());
        listed.extend(
            page.iter()
                .map(|session| session["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = body["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/sessions?limit=60&cursor={cursor}");
    }
    assert_eq!(listed, made);
    assert_eq!(sizes, [60, 60, 60, 60, 10]);
    let (_, body) = place
        .call("GET", "/api/sessions?limit=50", Value::Null)
        .await;
    assert_eq!(body["sessions"].as_array().unwrap().len(), 50);
    for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "page=2"] {
        let path = format!("/api/sessions?{query}");
        let (status, body) = place.call("GET", &path, Value::Null).await;
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("INVALID_QUERY")),
            "{query}"
        );
    }
}

#[tokio::test]
async fn messages_are_paged_oldest_first() {
    let place = Place::new().await;
    let session = place.new_session().await;
    for turn in 0..15 {
        place
            .agents
            .reply(says(&format!("resp_{turn}"), &[&format!("answer {turn}")]));
        let (status, body) = place.say(&session, &format!("question {turn}")).await;
        assert_eq!(status, 200, "{body}");
    }
    let mut listed = Vec::new();
    let mut path = format!("/api/sessions/{session}?limit=7");
    loop {
        let (_, body) = place.call("GET", &path, Value::Null).await;
        let page = body["messages"].as_array().unwrap();
        assert!(page.len() <= 7);
        listed.extend(
            page.iter()
                .map(|message| message["content"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = body["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/sessions/{session}?limit=7&cursor={cursor}");
    }
    let expected: Vec<_> = (0..15)
        .flat_map(|turn| [format!("question {turn}"), format!("answer {turn}")])
        .collect();
    assert_eq!(listed, expected);
    let path = format!("/api/sessions/{session}?cursor=-1");
    assert_eq!(place.call("GET", &path, Value::Null).await.0, 400);
}

#[tokio::test]
async fn deleting_a_session_leaves_nothing_of_it() {
    let place = Place::new().await;
    let (kept, gone) = (place.new_session().await, place.new_session().await);
    for session in [&kept, &gone] {
        place.agents.reply(says("resp_1", &["hi"]));
        place.say(session, "hello").await;
    }
    assert_eq!(place.rows().await, 6);
    let path = format!("/api/sessions/{gone}");
    assert_eq!(place.call("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(place.rows().await, 3);
    assert_eq!(place.messages(&kept).await.len(), 2);
}

#[tokio::test]
async fn a_deletion_that_was_cut_off_stays_hidden_and_is_finished() {
    let place = Place::new().await;
    let (first, second) = (place.new_session().await, place.new_session().await);
    for session in [&first, &second] {
        place.agents.reply(says("resp_1", &["hi"]));
        place.say(session, "hello").await;
        // As an instance leaves it that is stopped right after the mark.
        let partition = UserPartition::of(HOME, ALICE);
        let mark = Row::new(partition.as_str(), row_key(id(session))).with("deleting", true);
        let tables = &place.world.tables;
        tables
            .merge(TABLE, &mark, &Condition::Exists)
            .await
            .unwrap();
        let path = format!("/api/sessions/{session}");
        assert_eq!(place.call("GET", &path, Value::Null).await.0, 404);
        assert_eq!(place.say(session, "hello").await.0, 404);
    }
    let path = format!("/api/sessions/{first}");
    assert_eq!(place.call("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(place.rows().await, 3);
    let (_, body) = place.call("GET", "/api/sessions", Value::Null).await;
    assert_eq!(body["sessions"], json!([]));
    assert_eq!(place.rows().await, 0);
}

#[tokio::test]
async fn titles_and_bodies_are_checked() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let path = format!("/api/sessions/{session}");
    for title in [
        String::new(),
        "  ".to_owned(),
        "x".repeat(201),
        "a\nb".to_owned(),
    ] {
        let (status, body) = place.call("PATCH", &path, json!({"title": title})).await;
        assert_eq!((status, &body["code"]), (422, &json!("INVALID_BODY")));
        let new = json!({"agent_id": "assistant", "title": title});
        assert_eq!(place.call("POST", "/api/sessions", new).await.0, 422);
    }
    let new = json!({"agent_id": "assistant", "owner": "somebody"});
    assert_eq!(place.call("POST", "/api/sessions", new).await.0, 422);
}
