use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::authority::Prepared;
use super::world::{CLIENT, HOME, NOW, OTHER, SIGNER, World, changed};
use crate::{AccessTokenError, EntraError, OnBehalfOf};

const SCOPE: &str = "https://ai.azure.com/.default";

fn request(assertion: &Value) -> OnBehalfOf {
    OnBehalfOf {
        tenant: HOME,
        assertion: SecretString::from(SIGNER.sign(assertion)),
        scope: SCOPE.to_owned(),
        claims: None,
    }
}

fn downstream(lifetime: i64) -> Prepared {
    Prepared::json(
        200,
        &json!({
            "token_type": "Bearer", "scope": "https://ai.azure.com/user_impersonation",
            "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": "opaque-downstream",
        }),
    )
}

#[tokio::test]
async fn an_exchange_has_exactly_these_fields() {
    let world = World::new().await;
    world.authority.answer(downstream(600));
    let request = request(&world.claims());
    let token = world.client.on_behalf_of(&request).await.unwrap();
    assert_eq!(token.access_token.expose_secret(), "opaque-downstream");
    assert_eq!(token.expires_at, NOW + 600);
    assert_eq!(token.scope, "https://ai.azure.com/user_impersonation");
    let requests = world.authority.requests();
    assert_eq!(requests[0].realm, HOME.to_string());
    let client = CLIENT.to_string();
    let expected = BTreeMap::from(
        [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("requested_token_use", "on_behalf_of"),
            ("client_id", client.as_str()),
            ("client_secret", "s3cret~value"),
            ("assertion", request.assertion.expose_secret()),
            ("scope", SCOPE),
            (
                "claims",
                r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#,
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    assert_eq!(requests[0].fields, expected);
}

#[tokio::test]
async fn a_downstream_token_never_outlives_the_assertion() {
    let world = World::new().await;
    world.authority.answer(downstream(90_000));
    let token = world.client.on_behalf_of(&request(&world.claims())).await;
    assert_eq!(token.unwrap().expires_at, NOW + 3600);
}

#[tokio::test]
async fn a_claims_challenge_is_passed_on() {
    let world = World::new().await;
    world.authority.answer(downstream(600));
    let mut request = request(&world.claims());
    request.claims = Some(r#"{"access_token":{"acrs":{"value":"c1"}}}"#.to_owned());
    world.client.on_behalf_of(&request).await.unwrap();
    let sent: Value =
        serde_json::from_str(&world.authority.requests()[0].fields["claims"]).unwrap();
    assert_eq!(
        sent,
        json!({"access_token": {"acrs": {"value": "c1"}, "xms_cc": {"values": ["cp1"]}}})
    );
}

#[tokio::test]
async fn an_exchange_goes_to_the_users_own_tenant() {
    let world = World::open().await;
    world.authority.answer(downstream(600));
    let claims = changed(
        world.claims(),
        json!({"tid": OTHER, "iss": world.issuer(OTHER)}),
    );
    let mut request = request(&claims);
    request.tenant = OTHER;
    world.client.on_behalf_of(&request).await.unwrap();
    assert_eq!(world.authority.requests()[0].realm, OTHER.to_string());
}

#[tokio::test]
async fn an_applications_token_is_refused_before_the_network() {
    for world in [World::new().await, World::open().await] {
        for roles in [json!(["Task.Read"]), json!([])] {
            let assertion = changed(world.claims_app(), json!({"roles": roles}));
            let error = world.client.on_behalf_of(&request(&assertion)).await;
            let error = error.unwrap_err();
            assert!(
                matches!(error, EntraError::ApplicationAssertion),
                "{error:?}"
            );
        }
        assert!(world.authority.requests().is_empty());
    }
}

#[tokio::test]
async fn what_is_no_good_access_token_of_that_tenant_is_refused_before_the_network() {
    let world = World::open().await;
    let expired = changed(world.claims(), json!({"exp": NOW}));
    let error = world.client.on_behalf_of(&request(&expired)).await;
    assert!(matches!(
        error.unwrap_err(),
        EntraError::AccessToken(AccessTokenError::Expired)
    ));
    let error = world
        .client
        .on_behalf_of(&request(&world.claims_id()))
        .await;
    assert!(matches!(
        error.unwrap_err(),
        EntraError::AccessToken(AccessTokenError::NotAnAccessToken)
    ));
    let mut other = request(&world.claims());
    other.tenant = OTHER;
    let error = world.client.on_behalf_of(&other).await.unwrap_err();
    assert!(matches!(error, EntraError::SubjectMismatch));
    assert!(world.authority.requests().is_empty());
}

#[tokio::test]
async fn two_resources_at_once_are_refused_before_the_network() {
    let world = World::new().await;
    let mut request = request(&world.claims());
    request.scope = format!("{SCOPE} https://graph.microsoft.com/.default");
    let error = world.client.on_behalf_of(&request).await.unwrap_err();
    assert!(matches!(error, EntraError::Protocol { .. }));
    assert!(world.authority.requests().is_empty());
}

#[tokio::test]
async fn a_refused_exchange_is_an_error_and_the_app_is_never_asked_for_instead() {
    let world = World::new().await;
    let answer = json!({
        "error": "invalid_grant", "error_codes": [65001], "suberror": "consent_required",
        "error_description": "AADSTS65001: The user or administrator has not consented …",
    });
    world.authority.answer(Prepared::json(400, &answer));
    let error = world.client.on_behalf_of(&request(&world.claims())).await;
    assert!(matches!(
        error.unwrap_err(),
        EntraError::ConsentRequired { .. }
    ));
    let requests = world.authority.requests();
    assert_eq!(requests.len(), 1);
    assert_ne!(requests[0].fields["grant_type"], "client_credentials");
}
