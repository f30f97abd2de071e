use entrada_stand_ins::directory::{
    API_IDENTIFIER_URI, FABRIKAM, GRAPH_RESOURCE, PUBLIC_CLIENT_ID, persona,
};
use entrada_stand_ins::{SignatureKind, TokenKind, TokenRequest};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, Entra, FOUNDRY, claims};

fn invalid_grant(answer: &Answer) -> u32 {
    let (status, error, code) = Entra::refusal(answer);
    assert_eq!((status, error.as_str()), (400, "invalid_grant"));
    code
}

fn reader() -> TokenRequest {
    TokenRequest::for_persona("reader")
}

#[tokio::test]
async fn a_persons_token_is_exchanged_for_one_for_another_resource() {
    let entra = Entra::start().await;
    let assertion = entra.token_of("reader");
    let answer = entra.on_behalf_of(&assertion, &[]).await.json();
    assert!(answer.get("refresh_token").is_none());
    let token = claims(&answer["access_token"]);
    assert_eq!(token["aud"], "https://ai.azure.com");
    assert_eq!(token["scp"], "user_impersonation");
    assert_eq!(token["oid"], json!(persona("reader").unwrap().object_id));
    assert!(token.get("roles").is_none());
    let scope = "https://graph.microsoft.com/User.Read openid profile offline_access";
    let answer = entra
        .on_behalf_of(&assertion, &[("scope", scope)])
        .await
        .json();
    assert!(answer["refresh_token"].is_string() && answer["id_token"].is_string());
}

#[tokio::test]
async fn a_version_1_token_is_as_good() {
    let entra = Entra::start().await;
    let v1: TokenRequest =
        serde_json::from_value(json!({"persona": "reader", "version": "v1"})).unwrap();
    let answer = entra.on_behalf_of(&entra.mint(&v1), &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn a_bad_assertion_is_refused_with_its_reason() {
    let entra = Entra::start().await;
    let signed = |signature| {
        entra.mint(&TokenRequest {
            signature,
            ..reader()
        })
    };
    let expired = TokenRequest {
        expires_in: Some(0),
        ..reader()
    };
    let for_graph = TokenRequest {
        resource: Some(GRAPH_RESOURCE.to_owned()),
        ..reader()
    };
    for (assertion, code) in [
        (signed(SignatureKind::Corrupt), 50013),
        (signed(SignatureKind::UnknownKey), 50013),
        (signed(SignatureKind::PublicKeyAsSecret), 50013),
        (
            entra.mint(&reader().with("iss", "https://evil.example")),
            50013,
        ),
        (entra.mint(&expired), 500_133),
        (
            entra.mint(&reader().with("nbf", 4_000_000_000_i64)),
            500_133,
        ),
        (entra.mint(&for_graph), 500_131),
        (
            entra.mint(&reader().with("aud", PUBLIC_CLIENT_ID.to_string())),
            500_131,
        ),
        (
            entra.mint(&reader().with("oid", uuid::Uuid::nil().to_string())),
            50034,
        ),
        (entra.token_of("daemon"), 7_000_114),
    ] {
        let answer = entra.on_behalf_of(&assertion, &[]).await;
        assert_eq!(invalid_grant(&answer), code, "{}", answer.text);
    }
}

#[tokio::test]
async fn what_is_no_access_token_is_refused() {
    let entra = Entra::start().await;
    let id_token = entra.mint(&TokenRequest {
        kind: TokenKind::Id,
        ..reader()
    });
    let unsigned = entra.mint(&TokenRequest {
        signature: SignatureKind::None,
        ..reader()
    });
    for (assertion, code) in [
        (id_token.as_str(), 240_002),
        (unsigned.as_str(), 50027),
        ("nonsense", 50027),
    ] {
        let answer = entra.on_behalf_of(assertion, &[]).await;
        let refused = (400, "invalid_request".to_owned(), code);
        assert_eq!(Entra::refusal(&answer), refused);
    }
}

#[tokio::test]
async fn a_malformed_exchange_is_refused() {
    let entra = Entra::start().await;
    let assertion = entra.token_of("reader");
    let own = format!("{API_IDENTIFIER_URI}/access_as_user");
    let two = "https://ai.azure.com/.default User.Read";
    let public = PUBLIC_CLIENT_ID.to_string();
    for (changes, code) in [
        (vec![("requested_token_use", "")], 900_144),
        (vec![("requested_token_use", "other")], 90023),
        (vec![("assertion", "")], 900_144),
        (vec![("scope", "")], 900_144),
        (vec![("scope", two)], 28000),
        (vec![("scope", own.as_str())], 90009),
        (
            vec![("client_id", &public), ("client_secret", "")],
            7_000_218,
        ),
        (vec![("client_secret", "wrong")], 7_000_215),
    ] {
        let answer = entra.on_behalf_of(&assertion, &changes).await;
        assert_eq!(Entra::refusal(&answer).2, code, "{changes:?}");
    }
}

#[tokio::test]
async fn the_tenant_is_the_persons() {
    let mut entra = Entra::start().await;
    let (reader, guest) = (entra.token_of("reader"), entra.token_of("guest"));
    assert_eq!(invalid_grant(&entra.on_behalf_of(&guest, &[]).await), 90072);
    entra.tenant = FABRIKAM.to_string();
    assert_eq!(
        invalid_grant(&entra.on_behalf_of(&reader, &[]).await),
        90072
    );
    let answer = entra.on_behalf_of(&guest, &[]).await.json();
    assert_eq!(claims(&answer["access_token"])["tid"], json!(FABRIKAM));
    entra.tenant = "organizations".to_owned();
    assert_eq!(
        entra.on_behalf_of(&reader, &[]).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn consent_and_the_account_decide_at_every_exchange() {
    let entra = Entra::start().await;
    let assertion = entra.token_of("reader");
    let consent = |given: bool| json!({"consent": {"https://ai.azure.com": given}});
    entra.person("reader", consent(false)).await;
    let refused = entra.on_behalf_of(&assertion, &[]).await;
    assert_eq!(invalid_grant(&refused), 65001);
    assert_eq!(refused.json()["suberror"], "consent_required");
    let graph = [("scope", "User.Read")];
    assert_eq!(
        entra.on_behalf_of(&assertion, &graph).await.status,
        StatusCode::OK
    );
    entra.person("reader", consent(true)).await;
    assert_eq!(
        entra.on_behalf_of(&assertion, &[]).await.status,
        StatusCode::OK
    );

    entra
        .person("reader", json!({"revoke_sessions": true}))
        .await;
    assert_eq!(
        invalid_grant(&entra.on_behalf_of(&assertion, &[]).await),
        50173
    );
    entra.person("reader", json!({"disabled": true})).await;
    let fresh = entra.token_of("reader");
    assert_eq!(invalid_grant(&entra.on_behalf_of(&fresh, &[]).await), 50057);
}

#[tokio::test]
async fn a_required_interaction_is_answered_with_claims_until_a_sign_in_met_them() {
    let entra = Entra::start().await;
    let challenge = json!({"access_token": {"polids": {"essential": true, "values": ["p1"]}}});
    let weak = entra.tokens("reader", &[]).await;
    let weak = weak["access_token"].as_str().unwrap();
    let require = json!({
        "interaction_required": challenge, "interaction_resource": "https://ai.azure.com",
    });
    entra.person("reader", require).await;
    let refused = entra.on_behalf_of(weak, &[]).await;
    let expected = (400, "interaction_required".to_owned(), 50076);
    assert_eq!(Entra::refusal(&refused), expected);
    let body = refused.json();
    assert_eq!(body["suberror"], "basic_action");
    let claims: Value = serde_json::from_str(body["claims"].as_str().unwrap()).unwrap();
    assert_eq!(claims, challenge);
    let elsewhere = entra.on_behalf_of(weak, &[("scope", "User.Read")]).await;
    assert_eq!(elsewhere.status, StatusCode::OK);

    let other = json!({"access_token": {"polids": {"essential": true, "values": ["p2"]}}});
    let wrong = entra
        .tokens("reader", &[("claims", &other.to_string())])
        .await;
    let wrong = wrong["access_token"].as_str().unwrap();
    assert_eq!(
        Entra::refusal(&entra.on_behalf_of(wrong, &[]).await),
        expected
    );
    let strong = entra
        .tokens("reader", &[("claims", &claims.to_string())])
        .await;
    let strong = strong["access_token"].as_str().unwrap();
    let answer = entra.on_behalf_of(strong, &[("scope", FOUNDRY)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}
