use reqwest::Method;
use serde_json::{Value, json};

use super::{Bench, PROJECT, at_endpoint, code, to};
use crate::{SignatureKind, TokenKind, TokenRequest};

/// The status of an answer to this token, whose form is checked too.
async fn status(bench: &Bench, token: &str) -> u16 {
    let path = "agents?api-version=v1";
    let answer = bench.send(Method::GET, path, token, Value::Null).await;
    let status = answer.status().as_u16();
    let challenged = answer.headers().contains_key("www-authenticate");
    assert_eq!(challenged, status == 401);
    let body: Value = answer.json().await.unwrap();
    if status != 200 {
        assert!(body["error"]["message"].is_string() && !code(&body).is_empty());
    }
    status
}

#[tokio::test]
async fn only_delegated_tokens_of_the_projects_tenant_for_this_audience_are_served() {
    let bench = Bench::with_users(&["reader", "guest", "daemon"]).await;
    let reader = || TokenRequest::for_persona("reader");
    for (request, expected) in [
        (reader(), 200),
        (reader().with("aud", "https://ai.azure.com/"), 200),
        (
            reader().with("aud", "https://cognitiveservices.azure.com"),
            401,
        ),
        (
            reader().with("tid", crate::directory::FABRIKAM.to_string()),
            401,
        ),
        (reader().with("iss", "https://evil.example/"), 401),
        (reader().without("exp"), 401),
        (TokenRequest::for_persona("guest"), 401),
        (TokenRequest::for_persona("daemon"), 403),
        (reader().with("scp", "other"), 403),
        (reader().without("scp"), 403),
        (reader().with("idtyp", "app"), 403),
    ] {
        let label = format!("{request:?}");
        let token = bench.mint(request);
        assert_eq!(status(&bench, &token).await, expected, "{label}");
    }
}

#[tokio::test]
async fn tokens_of_another_sort_signature_or_time_are_refused() {
    let bench = Bench::with_users(&["reader"]).await;
    let reader = || TokenRequest::for_persona("reader");
    let graph = Some("https://graph.microsoft.com".to_owned());
    for request in [
        TokenRequest {
            resource: graph,
            ..reader()
        },
        TokenRequest {
            kind: TokenKind::Id,
            ..reader()
        },
        TokenRequest {
            expires_in: Some(-1),
            ..reader()
        },
        TokenRequest {
            signature: SignatureKind::Corrupt,
            ..reader()
        },
        TokenRequest {
            signature: SignatureKind::None,
            ..reader()
        },
        TokenRequest {
            signature: SignatureKind::PublicKeyAsSecret,
            ..reader()
        },
    ] {
        let label = format!("{request:?}");
        let token = bench.mint(request);
        assert_eq!(status(&bench, &token).await, 401, "{label}");
    }
    assert_eq!(status(&bench, "nonsense").await, 401);
    assert_eq!(status(&bench, "").await, 401);
}

#[tokio::test]
async fn a_consumer_may_talk_to_agents_at_their_endpoints_and_nothing_else() {
    let bench = Bench::start().await;
    let body = json!({"input": "hi"});
    let endpoint = at_endpoint("assistant", "responses");
    assert_eq!(bench.post("reader", &endpoint, body.clone()).await.0, 200);
    let (status, refused) = bench
        .post("reader", "openai/v1/responses", to("assistant", "hi"))
        .await;
    assert_eq!((status, code(&refused)), (403, "PermissionDenied"));
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("AIServices/agents/write"));
    assert_eq!(bench.get("reader", "agents?api-version=v1").await.0, 403);

    bench
        .control("people/reader", json!({"role": "none"}))
        .await;
    assert_eq!(bench.post("reader", &endpoint, body.clone()).await.0, 403);
    bench
        .control("people/reader", json!({"role": "user"}))
        .await;
    assert_eq!(bench.post("reader", &endpoint, body).await.0, 200);
    let request = to("assistant", "hi");
    let answer = bench.post("reader", "openai/v1/responses", request).await;
    assert_eq!(answer.0, 200);
}

#[tokio::test]
async fn a_user_token_together_with_a_claimed_identity_is_refused() {
    let bench = Bench::with_users(&["reader"]).await;
    let url = format!("{}{PROJECT}/agents?api-version=v1", bench.stand_ins.url());
    let token = bench.mint(TokenRequest::for_persona("reader"));
    let request = bench.http.get(url).bearer_auth(token);
    let answer = request.header("x-ms-user-identity", "someone").send().await;
    assert_eq!(answer.unwrap().status(), 403);
}

#[tokio::test]
async fn the_version_is_asked_for_where_it_is_not_in_the_path() {
    let bench = Bench::with_users(&["reader"]).await;
    for (path, expected) in [
        ("agents", "MissingApiVersionParameter"),
        ("agents?api-version=2020-01-01", "UnsupportedApiVersion"),
        (
            "agents/assistant/endpoint/protocols/openai/responses/x",
            "MissingApiVersionParameter",
        ),
    ] {
        let (status, body) = bench.get("reader", path).await;
        assert_eq!((status, code(&body)), (400, expected), "{path}");
    }
    assert_eq!(bench.get("reader", "openai/v1/responses/x").await.0, 404);
    let (status, _) = bench.get("reader", "../other/agents?api-version=v1").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn an_agents_endpoint_shows_only_what_was_made_at_it() {
    let bench = Bench::start().await;
    let conversations = at_endpoint("assistant", "conversations");
    let (_, made) = bench.post("reader", &conversations, json!({})).await;
    let id = made["id"].as_str().unwrap();
    let path = format!("conversations/{id}");
    assert_eq!(
        bench
            .get("reader", &at_endpoint("assistant", &path))
            .await
            .0,
        200
    );
    assert_eq!(
        bench.get("reader", &at_endpoint("slow", &path)).await.0,
        404
    );
    let body = json!({"input": "hi", "conversation": id});
    let answer = bench
        .post("reader", &at_endpoint("slow", "responses"), body)
        .await;
    assert_eq!(answer.0, 404);
}

#[tokio::test]
async fn a_claims_challenge_is_met_by_multifactor_authentication() {
    let bench = Bench::start().await;
    bench
        .control("people/reader", json!({"challenge": true}))
        .await;
    let endpoint = at_endpoint("assistant", "responses");
    let weak = bench.mint(TokenRequest::for_persona("reader"));
    let body = json!({"input": "hi"});
    let answer = bench
        .send(Method::POST, &endpoint, &weak, body.clone())
        .await;
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"insufficient_claims\", claims=\"ey"));
    let strong = TokenRequest::for_persona("reader").with("amr", json!(["pwd", "mfa"]));
    let strong = bench.mint(strong);
    let answer = bench.send(Method::POST, &endpoint, &strong, body).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_preview_feature_can_be_made_a_condition() {
    let bench = Bench::start().await;
    let behaviour = json!({"required_feature": "HostedAgents=V1Preview"});
    bench.control("behaviour", behaviour).await;
    let endpoint = at_endpoint("assistant", "responses");
    let (status, body) = bench
        .post("reader", &endpoint, json!({"input": "hi"}))
        .await;
    assert_eq!((status, code(&body)), (400, "preview_feature_required"));
    let url = format!("{}{PROJECT}/{endpoint}", bench.stand_ins.url());
    let token = bench.mint(TokenRequest::for_persona("reader"));
    let request = bench.http.post(url).bearer_auth(token);
    let request = request.header("Foundry-Features", "Other=1, HostedAgents=V1Preview");
    let answer = request.json(&json!({"input": "hi"})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn web_pages_cannot_control_it() {
    let bench = Bench::start().await;
    let url = format!("{}foundry/stand-in/reset", bench.stand_ins.url());
    let request = bench
        .http
        .post(&url)
        .header("origin", "http://localhost:7072");
    assert_eq!(request.send().await.unwrap().status(), 403);
    assert_eq!(bench.http.post(&url).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_reset_forgets_roles_and_responses() {
    let bench = Bench::with_users(&["reader"]).await;
    let (_, response) = bench
        .post("reader", "openai/v1/responses", to("assistant", "hi"))
        .await;
    assert!(response.is_null(), "it was a stream");
    bench.control("reset", Value::Null).await;
    assert_eq!(bench.get("reader", "agents?api-version=v1").await.0, 403);
}

#[tokio::test]
async fn an_application_in_its_own_name_lists_agents_at_most() {
    let bench = Bench::start().await;
    let list = "agents?api-version=v1";
    assert_eq!(bench.get("daemon", list).await.0, 403);
    let reader = json!({"role": "reader"});
    bench.control("applications", reader).await;
    assert_eq!(bench.get("daemon", list).await.0, 200);
    let one = bench.get("daemon", "agents/assistant?api-version=v1").await;
    assert_eq!((one.0, &one.1["state"]), (200, &json!("enabled")));
    let endpoint = at_endpoint("assistant", "responses");
    let said = bench
        .post("daemon", &endpoint, json!({"input": "hi"}))
        .await;
    assert_eq!(said.0, 403);
    assert_eq!(bench.get("daemon", "openai/v1/responses/x").await.0, 403);
    let elsewhere = TokenRequest::for_persona("daemon").with("aud", "https://vault.azure.net");
    let elsewhere = bench.mint(elsewhere);
    assert_eq!(status(&bench, &elsewhere).await, 401);
}

#[tokio::test]
async fn the_list_is_paged_and_says_how_agents_stand() {
    let bench = Bench::with_users(&["reader"]).await;
    bench.control("behaviour", json!({"agents_page": 3})).await;
    for (agent, state) in [("breaker", "disabled"), ("huge", "missing")] {
        let path = format!("agents/{agent}");
        bench.control(&path, json!({ "state": state })).await;
    }
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("agents?api-version=v1&order=asc&limit=50{after}");
        let (_, page) = bench.get("reader", &path).await;
        let agents = page["data"].as_array().unwrap().clone();
        assert!(agents.len() <= 3);
        names.extend(
            agents
                .into_iter()
                .map(|agent| (agent["name"].clone(), agent["state"].clone())),
        );
        if page["has_more"] == false {
            break;
        }
        after = format!("&after={}", page["last_id"].as_str().unwrap());
    }
    assert_eq!(names.len(), 7);
    assert_eq!(names[2], (json!("breaker"), json!("disabled")));
    let unknown = bench
        .get("reader", "agents?api-version=v1&after=huge")
        .await;
    assert_eq!(unknown.0, 400);
    let gone = bench.get("reader", "agents/huge?api-version=v1").await;
    assert_eq!(gone.0, 404);
    let endpoint = at_endpoint("breaker", "responses");
    let (status, refused) = bench
        .post("reader", &endpoint, json!({"input": "hi"}))
        .await;
    assert_eq!((status, code(&refused)), (409, "agent_disabled"));
}
