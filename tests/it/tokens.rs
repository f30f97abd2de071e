//! Tokens that must not open a door, each refused with its reason.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_stand_ins::directory::FABRIKAM;
use entrada_stand_ins::{SignatureKind, TokenKind, TokenRequest, TokenVersion};
use serde_json::json;

use crate::rig::Rig;

/// What `WWW-Authenticate` says about a token at `/mcp`.
async fn refusal(rig: &Rig, token: &str) -> String {
    let response = rig
        .http
        .get(rig.url("/mcp/tools"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    let header = response.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        header.starts_with("Bearer error=\"invalid_token\""),
        "{header}"
    );
    assert!(header.contains("resource_metadata=\""), "{header}");
    header.to_lowercase()
}

fn reader() -> TokenRequest {
    TokenRequest::for_persona("reader")
}

#[tokio::test]
async fn proper_tokens_of_both_versions_open_the_door() {
    let rig = Rig::start().await;
    for version in [TokenVersion::V1, TokenVersion::V2] {
        let token = rig.mint(&TokenRequest {
            version,
            ..reader()
        });
        let (status, _) = rig.get("/mcp/tools", &token).await;
        assert_eq!(status, 200);
        let (status, _) = rig.get("/api/auth/me", &token).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn forged_signatures_are_refused() {
    let rig = Rig::start().await;
    let unsigned = rig.mint(&TokenRequest {
        signature: SignatureKind::None,
        ..reader()
    });
    assert!(refusal(&rig, &unsigned).await.contains("rs256"));
    let hmac = rig.mint(&TokenRequest {
        signature: SignatureKind::PublicKeyAsSecret,
        ..reader()
    });
    assert!(refusal(&rig, &hmac).await.contains("rs256"));
    let good = rig.token("reader");
    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[10] ^= 1;
    let altered = format!("{head}.{}", URL_SAFE_NO_PAD.encode(bytes));
    assert!(refusal(&rig, &altered).await.contains("signature"));
}

#[tokio::test]
async fn tokens_for_somebody_else_are_refused() {
    let rig = Rig::start().await;
    for token in [
        reader().with("aud", "00000000-0000-4000-8000-000000000000"),
        reader().with("aud", "https://graph.microsoft.com"),
        reader().with("aud", json!(["e17ada00-0000-4000-8000-000000000001"])),
    ] {
        assert!(
            refusal(&rig, &rig.mint(&token)).await.contains("audience"),
            "{token:?}"
        );
    }
    let graph = rig.mint(&TokenRequest {
        resource: Some("https://graph.microsoft.com".to_owned()),
        ..reader()
    });
    assert!(refusal(&rig, &graph).await.contains("audience"));
}

#[tokio::test]
async fn issuer_and_tenant_must_belong_together() {
    let rig = Rig::start().await;
    let wrong = rig.mint(&reader().with("iss", "https://sts.windows.net/other/"));
    assert!(refusal(&rig, &wrong).await.contains("issuer"));
    let swapped = rig.mint(&reader().with("tid", FABRIKAM.to_string()));
    let reason = refusal(&rig, &swapped).await;
    assert!(
        reason.contains("tenant") || reason.contains("issuer"),
        "{reason}"
    );
    let guest = rig.token("guest");
    let reason = refusal(&rig, &guest).await;
    assert!(
        reason.contains("tenant") && reason.contains(&FABRIKAM.to_string()),
        "{reason}"
    );
}

#[tokio::test]
async fn tokens_out_of_their_time_are_refused() {
    let rig = Rig::start().await;
    let expired = rig.mint(&TokenRequest {
        expires_in: Some(-600),
        ..reader()
    });
    assert!(refusal(&rig, &expired).await.contains("expired"));
    let later = time::OffsetDateTime::UNIX_EPOCH.unix_timestamp() + 4_000_000_000;
    let early = rig.mint(&reader().with("nbf", later));
    assert!(refusal(&rig, &early).await.contains("not yet valid"));
}

#[tokio::test]
async fn every_claim_that_is_needed_is_missed_by_name() {
    let rig = Rig::start().await;
    for claim in ["aud", "iss", "exp", "tid", "oid"] {
        let token = rig.mint(&reader().without(claim));
        let reason = refusal(&rig, &token).await;
        assert!(
            reason.contains(&format!("no claim {claim}")),
            "{claim}: {reason}"
        );
    }
}

#[tokio::test]
async fn only_access_tokens_with_the_scope_are_taken() {
    let rig = Rig::start().await;
    let id_token = rig.mint(&TokenRequest {
        kind: TokenKind::Id,
        ..reader()
    });
    assert!(
        refusal(&rig, &id_token)
            .await
            .contains("not an access token")
    );
    let other_scope = rig.mint(&reader().with("scp", "User.Read"));
    assert!(refusal(&rig, &other_scope).await.contains("scope"));
    let daemon = rig.token("daemon");
    assert!(refusal(&rig, &daemon).await.contains("application"));
}

#[tokio::test]
async fn an_application_needs_a_role_even_where_applications_may_call() {
    let rig = Rig::with(&[("ENTRADA_ACCEPT_APP_TOKENS", "true")]).await;
    let (status, tools) = rig.get("/mcp/tools", &rig.token("daemon")).await;
    assert_eq!(status, 200);
    assert!(tools["count"].as_u64().unwrap() > 0);
    let roleless = rig.mint(&TokenRequest::for_persona("daemon").without("roles"));
    assert!(refusal(&rig, &roleless).await.contains("role"));
}

#[tokio::test]
async fn malformed_headers_are_refused() {
    let rig = Rig::start().await;
    for value in [
        "Bearer",
        "Bearer ",
        "Basic abc",
        "Bearer a.b",
        "Bearer a b",
        "Bearer ..",
        "Bearer é",
    ] {
        let request = rig
            .http
            .get(rig.url("/mcp/tools"))
            .header("authorization", value.as_bytes());
        assert_eq!(request.send().await.unwrap().status(), 401, "{value}");
    }
}

#[tokio::test]
async fn without_a_token_the_challenge_says_where_to_sign_in() {
    let rig = Rig::start().await;
    let response = rig.http.post(rig.url("/mcp")).send().await.unwrap();
    assert_eq!(response.status(), 401);
    let header = response.headers()["www-authenticate"].to_str().unwrap();
    let metadata = format!(
        "{}/.well-known/oauth-protected-resource/mcp",
        rig.handler.base
    );
    assert_eq!(
        header,
        format!("Bearer scope=\"mcp\", resource_metadata=\"{metadata}\"")
    );
    let response = rig.http.get(rig.url("/api/auth/me")).send().await.unwrap();
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer scope=\"api\""
    );
}
