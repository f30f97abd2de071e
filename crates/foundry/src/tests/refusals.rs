use std::collections::BTreeMap;
use std::time::Duration;

use super::server::{Answer, Server, agent, error, token};
use crate::{FoundryError, ResponseRequest, Route, UnavailableCause};

/// What `respond` makes of an answer.
async fn refused(answer: Answer) -> FoundryError {
    let server = Server::start([answer]).await;
    let client = server.client(Route::AgentEndpoint);
    let request = ResponseRequest::text(agent(), "hi");
    let outcome = client.respond(&token(), &request).await;
    outcome.err().unwrap()
}

#[tokio::test]
async fn a_refused_token_is_unauthorized() {
    assert!(matches!(
        refused(error(401, "Unauthorized")).await,
        FoundryError::Unauthorized { claims: None }
    ));
}

#[tokio::test]
async fn a_claims_challenge_is_passed_on_decoded() {
    // {"access_token":{"acrs":{"essential":true,"value":"c1"}}}
    let encoded = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
    let header = format!(r#"Bearer realm="", error="insufficient_claims", claims="{encoded}""#);
    let answer = Answer::Whole(401, vec![("www-authenticate", header)], "{}".into());
    let FoundryError::Unauthorized { claims } = refused(answer).await else {
        panic!("not unauthorized");
    };
    assert_eq!(
        claims.as_deref(),
        Some(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#)
    );
}

#[tokio::test]
async fn a_missing_role_is_forbidden_with_its_code() {
    let refused = refused(error(403, "PermissionDenied")).await;
    assert!(
        matches!(&refused, FoundryError::Forbidden { code: Some(code) } if code == "PermissionDenied")
    );
}

#[tokio::test]
async fn a_missing_opt_in_is_told_apart_whatever_the_status() {
    for status in [400, 403, 404] {
        assert!(matches!(
            refused(error(status, "preview_feature_required")).await,
            FoundryError::FeatureRequired
        ));
    }
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    assert!(matches!(
        refused(error(404, "not_found")).await,
        FoundryError::NotFound
    ));
}

#[tokio::test]
async fn a_long_wait_is_told_and_not_waited() {
    let headers = vec![("retry-after", "60".to_owned())];
    let answer = Answer::Whole(429, headers, "{}".into());
    let FoundryError::RateLimited { retry_after } = refused(answer).await else {
        panic!("not rate limited");
    };
    assert_eq!(retry_after, Some(Duration::from_mins(1)));
}

#[tokio::test]
async fn other_refusals_keep_status_and_code() {
    for status in [400, 409, 413, 422] {
        let refused = refused(error(status, "invalid_request_error")).await;
        assert!(
            matches!(&refused, FoundryError::Rejected { status: seen, code: Some(code) }
                if *seen == status && code == "invalid_request_error"),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_server_error_is_unavailable() {
    let refused = refused(error(500, "server_error")).await;
    assert!(matches!(
        refused,
        FoundryError::Unavailable {
            source: UnavailableCause::Status { status: 500, .. }
        }
    ));
    assert!(std::error::Error::source(&refused).is_some());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let headers = vec![("location", "https://evil.example/".to_owned())];
    let answer = Answer::Whole(307, headers, String::new());
    assert!(matches!(
        refused(answer).await,
        FoundryError::Protocol { .. }
    ));
}

#[tokio::test]
async fn neither_message_nor_odd_code_reaches_the_error() {
    let body = r#"{"error":{"code":"you said hello","message":"you said hello"}}"#;
    let refused = refused(Answer::Whole(400, Vec::new(), body.into())).await;
    assert!(!format!("{refused} {refused:?}").contains("hello"));
}

#[tokio::test]
async fn an_endless_error_body_is_not_read_to_its_end() {
    let refused = refused(Answer::EndlessError(400)).await;
    assert!(matches!(refused, FoundryError::Rejected { code: None, .. }));
}

#[tokio::test]
async fn the_other_calls_map_errors_alike() {
    let server = Server::start((0..2).map(|_| error(403, "no"))).await;
    let client = server.client(Route::Project);
    let (token, agent) = (token(), agent());
    let metadata = BTreeMap::new();
    let forbidden = |error: FoundryError| matches!(error, FoundryError::Forbidden { .. });
    let made = client.create_conversation(&token, &agent, &metadata).await;
    assert!(forbidden(made.unwrap_err()));
    let resumed = client.resume(&token, &agent, "r", None).await;
    assert!(forbidden(resumed.unwrap_err()));
}
