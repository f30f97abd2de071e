use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::authority::Prepared;
use super::world::{CLIENT, HOME, OTHER, USER, World, changed};
use crate::{AccessTokenError, EntraError, FetchError};

fn token() -> SecretString {
    SecretString::from("refresh-1")
}

#[tokio::test]
async fn a_refresh_goes_to_the_users_tenant_with_exactly_these_fields() {
    let world = World::open().await;
    let claims = changed(
        world.claims_own(),
        json!({"tid": OTHER, "iss": world.issuer(OTHER)}),
    );
    world.grant(&claims, None);
    let challenge = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let (tokens, access) = world
        .client
        .refresh(OTHER, &token(), Some(challenge))
        .await
        .unwrap();
    assert_eq!((access.tenant_id, access.object_id), (OTHER, USER));
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "refresh-2");
    let requests = world.authority.requests();
    assert_eq!(requests[0].realm, OTHER.to_string());
    let scope = format!("{CLIENT}/access_as_user openid profile offline_access");
    let merged =
        r#"{"access_token":{"nbf":{"essential":true,"value":"1"},"xms_cc":{"values":["cp1"]}}}"#;
    let client = CLIENT.to_string();
    let expected = BTreeMap::from(
        [
            ("grant_type", "refresh_token"),
            ("client_id", client.as_str()),
            ("client_secret", "s3cret~value"),
            ("refresh_token", "refresh-1"),
            ("scope", scope.as_str()),
            ("claims", merged),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    assert_eq!(requests[0].fields, expected);
    assert_eq!(world.authority.fetches("common"), 0);
}

#[tokio::test]
async fn a_tenant_that_may_not_come_in_is_not_asked() {
    let world = World::new().await;
    let error = world
        .client
        .refresh(OTHER, &token(), None)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        EntraError::AccessToken(AccessTokenError::TenantNotAllowed { tenant }) if tenant == OTHER
    ));
    assert_eq!(world.authority.fetches(&OTHER.to_string()), 0);
}

#[tokio::test]
async fn a_token_of_another_tenant_than_asked_is_refused() {
    let world = World::open().await;
    world.grant(&world.claims_own(), None);
    let error = world
        .client
        .refresh(OTHER, &token(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, EntraError::SubjectMismatch), "{error:?}");
}

#[tokio::test]
async fn a_refresh_is_tried_three_times_and_then_entra_is_unavailable() {
    let world = World::new().await;
    for status in [503, 429, 500] {
        world.authority.answer(Prepared::json(status, &json!({})));
    }
    let error = world
        .client
        .refresh(HOME, &token(), None)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            EntraError::Unavailable {
                source: FetchError::Status { status: 500, .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(world.authority.requests().len(), 3);
}

#[tokio::test]
async fn a_refresh_survives_one_passing_fault() {
    let world = World::new().await;
    world.authority.answer(Prepared::json(503, &json!({})));
    world.grant(&world.claims_own(), None);
    assert!(world.client.refresh(HOME, &token(), None).await.is_ok());
    assert_eq!(world.authority.requests().len(), 2);
}

#[tokio::test]
async fn a_long_retry_after_is_told_and_not_waited_for() {
    let world = World::new().await;
    world.authority.answer(Prepared {
        status: 429,
        retry_after: Some("120"),
        body: String::new(),
    });
    let error = world
        .client
        .refresh(HOME, &token(), None)
        .await
        .unwrap_err();
    let EntraError::Unavailable { retry_after, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_mins(2)));
    assert_eq!(world.authority.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read() {
    let world = World::new().await;
    world.authority.answer(Prepared {
        status: 200,
        retry_after: None,
        body: "x".repeat(300 * 1024),
    });
    let error = world
        .client
        .refresh(HOME, &token(), None)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            EntraError::Unavailable {
                source: FetchError::TooLarge,
                ..
            }
        ),
        "{error:?}"
    );
}
