use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::server::{Answer, Server, agent, client, error, short, token};
use crate::{FoundryError, FoundrySettings, ResponseRequest, Route, UnavailableCause};

/// An error that asks for a wait of a millisecond.
fn soon(status: u16) -> Answer {
    let headers = vec![("retry-after-ms", "1".to_owned())];
    Answer::Whole(status, headers, "{}".into())
}

/// Whether a POST came through, and how often it was sent.
async fn post(answers: Vec<Answer>) -> (bool, usize) {
    let server = Server::start(answers).await;
    let client = server.client(Route::Project);
    let request = ResponseRequest::text(agent(), "hi");
    let outcome = client.respond(&token(), &request).await;
    (outcome.is_ok(), server.arrived().len())
}

/// The same of a GET.
async fn get(answers: Vec<Answer>) -> (bool, usize) {
    let server = Server::start(answers).await;
    let client = server.client(Route::Project);
    let outcome = client.resume(&token(), &agent(), "resp_1", None).await;
    (outcome.is_ok(), server.arrived().len())
}

#[tokio::test]
async fn what_was_not_accepted_is_sent_again() {
    assert_eq!(post(vec![soon(429), short()]).await, (true, 2));
    assert_eq!(post(vec![soon(503), soon(429), short()]).await, (true, 3));
    assert_eq!(post(vec![error(429, "no"), short()]).await, (true, 2));
}

#[tokio::test]
async fn there_is_no_fourth_attempt() {
    let answers = || vec![soon(429), soon(429), soon(429), short()];
    assert_eq!(post(answers()).await, (false, 3));
    assert_eq!(get(answers()).await, (false, 3));
}

#[tokio::test]
async fn a_post_that_may_have_been_accepted_is_sent_once() {
    for status in [500, 502, 504] {
        assert_eq!(post(vec![soon(status), short()]).await, (false, 1));
    }
    assert_eq!(post(vec![error(503, "busy"), short()]).await, (false, 1));
}

#[tokio::test]
async fn a_get_is_sent_again_after_any_server_error() {
    for status in [500, 502, 503, 504] {
        assert_eq!(get(vec![soon(status), short()]).await, (true, 2));
    }
    assert_eq!(get(vec![soon(501), short()]).await, (false, 1));
    assert_eq!(get(vec![soon(404), short()]).await, (false, 1));
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_not_waited() {
    let headers = vec![("retry-after", "6".to_owned())];
    let answer = Answer::Whole(429, headers, "{}".into());
    assert_eq!(post(vec![answer, short()]).await, (false, 1));
}

/// A server that takes requests and closes without an answer, and tells of
/// each.
async fn closing() -> (FoundrySettings, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut bytes = [0; 4096];
            if connection.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                let _ = sender.send(());
            }
        }
    });
    let settings = FoundrySettings {
        route: Route::Project,
        ..FoundrySettings::new(base.parse().unwrap())
    };
    (settings, receiver)
}

fn broken<T>(outcome: &Result<T, FoundryError>) -> bool {
    matches!(
        outcome,
        Err(FoundryError::Unavailable {
            source: UnavailableCause::Transport(_)
        })
    )
}

#[tokio::test]
async fn a_post_whose_connection_broke_is_sent_once() {
    let (settings, mut received) = closing().await;
    let client = client(settings);
    let request = ResponseRequest::text(agent(), "hi");
    assert!(broken(&client.respond(&token(), &request).await));
    assert!(received.try_recv().is_ok());
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_get_whose_connection_broke_is_sent_three_times() {
    let (settings, mut received) = closing().await;
    let client = client(settings);
    assert!(broken(&client.resume(&token(), &agent(), "r", None).await));
    for _ in 0..3 {
        assert!(received.try_recv().is_ok());
    }
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn a_post_that_found_no_connection_is_sent_again() {
    // A port that nobody listens on until the first attempts have failed.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let base = format!("http://{address}/").parse().unwrap();
    let client = client(FoundrySettings::new(base));
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let refuse = axum::Router::new().fallback(async || axum::http::StatusCode::NOT_FOUND);
        axum::serve(listener, refuse).await
    });
    let request = ResponseRequest::text(agent(), "hi");
    let outcome = client.respond(&token(), &request).await;
    assert!(matches!(outcome, Err(FoundryError::NotFound)));
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable_and_its_address_not_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/private-path", listener.local_addr().unwrap());
    drop(listener);
    let client = client(FoundrySettings::new(base.parse().unwrap()));
    let request = ResponseRequest::text(agent(), "hi");
    let outcome = client.respond(&token(), &request).await;
    assert!(broken(&outcome));
    assert!(!format!("{outcome:?}").contains("private-path"));
}
