use serde_json::{Value, json};

use super::server::{Answer, Server, agent, token};
use super::{Outcome, between, collect, respond, wire};
use crate::{FoundryError, ResponseEvent, ResponseRequest, Route};
use futures::StreamExt;

const LINK: &str = "https://logic-swedencentral-001.consent.azure-apihub.net/login?data=state";

fn item(id: &str, link: &str) -> Value {
    json!({"type": "oauth_consent_request", "id": id, "consent_link": link,
        "server_label": "github", "response_id": "resp_1"})
}

/// The same request in each of the shapes that a stream can bring.
fn shapes(id: &str, link: &str) -> [Value; 4] {
    [
        json!({"type": "response.output_item.added", "sequence_number": 5, "item": item(id, link)}),
        json!({"type": "response.output_item.done", "sequence_number": 6, "item": item(id, link)}),
        json!({"type": "response.oauth_consent_requested", "sequence_number": 7, "id": id,
            "consent_link": link, "server_label": "github"}),
        json!({"type": "response.completed", "sequence_number": 8,
            "response": {"id": "resp_1", "status": "completed", "output": [item(id, link)]}}),
    ]
}

fn assert_asked_once(events: &[ResponseEvent]) {
    let [
        ResponseEvent::ConsentRequired {
            id,
            link,
            server_label,
            response_id,
        },
    ] = events
    else {
        panic!("{events:?}");
    };
    assert_eq!(id, "oauthreq_1");
    assert_eq!(link.expose(), LINK);
    assert_eq!(server_label.as_deref(), Some("github"));
    assert_eq!(response_id.as_deref(), Some("resp_1"));
}

#[tokio::test]
async fn each_shape_asks_for_consent() {
    for shape in shapes("oauthreq_1", LINK) {
        assert_asked_once(&between(respond(&[shape]).await));
    }
}

#[tokio::test]
async fn all_shapes_together_ask_once() {
    assert_asked_once(&between(respond(&shapes("oauthreq_1", LINK)).await));
    let mut reversed = shapes("oauthreq_1", LINK)[..3].to_vec();
    reversed.reverse();
    assert_asked_once(&between(respond(&reversed).await));
}

#[tokio::test]
async fn two_servers_ask_each_for_their_own() {
    let [added, ..] = shapes("oauthreq_1", LINK);
    let [_, done, ..] = shapes("oauthreq_2", LINK);
    assert_eq!(between(respond(&[added, done]).await).len(), 2);
}

#[tokio::test]
async fn an_item_may_be_added_before_it_has_its_link() {
    let [mut added, done, ..] = shapes("oauthreq_1", LINK);
    added["item"]["consent_link"] = json!("");
    assert_asked_once(&between(respond(&[added, done]).await));
}

#[tokio::test]
async fn a_request_that_does_not_say_which_response_waits_means_this_one() {
    let [.., event, _] = shapes("oauthreq_1", LINK);
    assert_asked_once(&between(respond(&[event]).await));
}

/// Whether the stream ended in the refusal, without asking.
fn refused(outcomes: &[Outcome]) -> bool {
    let asked = outcomes.iter().flatten().any(|sequenced| {
        matches!(
            sequenced.event,
            ResponseEvent::ConsentRequired { .. } | ResponseEvent::Completed { .. }
        )
    });
    let last = outcomes.last().unwrap();
    !asked && matches!(last, Err(FoundryError::ConsentLinkRefused))
}

#[tokio::test]
async fn a_bad_link_is_dropped_in_every_shape_and_the_response_does_not_pass_for_complete() {
    for link in [
        "http://logic.consent.azure-apihub.net/login",
        "https://consent.azure-apihub.net.evil.example/",
        "https://user@consent.azure-apihub.net/",
        "javascript:alert(1)",
        "not a link",
    ] {
        for shape in shapes("oauthreq_1", link) {
            assert!(refused(&respond(&[shape]).await), "{link}");
        }
    }
}

#[tokio::test]
async fn a_good_link_after_a_bad_one_of_the_same_request_counts() {
    let [bad, ..] = shapes("oauthreq_1", "http://evil.example/");
    let [_, good, ..] = shapes("oauthreq_1", LINK);
    assert_asked_once(&between(respond(&[bad, good]).await));
}

#[tokio::test]
async fn a_failure_is_told_even_when_a_link_was_refused() {
    let [bad, ..] = shapes("oauthreq_1", "http://evil.example/");
    let failed = json!({"type": "response.failed", "sequence_number": 9,
        "response": {"id": "resp_1", "error": {"code": "server_error", "message": "m"}}});
    let outcomes = respond(&[bad, failed]).await;
    let last = outcomes.last().unwrap().as_ref().unwrap();
    assert!(matches!(last.event, ResponseEvent::Failed { .. }));
}

#[tokio::test]
async fn consent_of_a_response_that_is_not_streamed_is_found() {
    let body = json!({"id": "resp_1", "object": "response", "status": "completed",
        "output": [item("oauthreq_1", LINK)]});
    let server = Server::start([Answer::Whole(200, Vec::new(), body.to_string())]).await;
    let request = ResponseRequest::text(agent(), "hi");
    let client = server.client(Route::Project);
    let stream = client.respond(&token(), &request).await.unwrap();
    assert_asked_once(&between(stream.collect().await));
}

#[tokio::test]
async fn links_are_never_printed() {
    let mut all: String = shapes("oauthreq_1", LINK)[..3].iter().map(wire).collect();
    all += &wire(&shapes("oauthreq_2", "http://evil.example/?data=state")[3]);
    let outcomes = collect(vec![all.into_bytes()]).await;
    let printed = format!("{outcomes:?}");
    assert!(printed.contains("ConsentRequired") && printed.contains("ConsentLinkRefused"));
    assert!(!printed.contains("state") && !printed.contains("http"));
}
