//! `/`, health and metadata: what anybody may read.

use serde_json::Value;

use crate::rig::{Rig, until};

#[tokio::test]
async fn the_root_answers_programs_and_people() {
    let rig = Rig::start().await;
    let (status, json) = rig.ask(rig.http.get(rig.url("/"))).await;
    assert_eq!(status, 200);
    assert_eq!(json["name"], "entrada");
    assert_eq!(json["links"]["mcp"], rig.handler.base.clone() + "/mcp");
    let page = rig.http.get(rig.url("/")).header("accept", "text/html");
    let page = page.send().await.unwrap();
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(page.headers()["x-frame-options"], "DENY");
    assert_eq!(page.headers()["vary"], "accept");
    assert!(page.text().await.unwrap().contains("<h1>The way in</h1>"));
}

#[tokio::test]
async fn health_names_every_service() {
    let rig = Rig::start().await;
    // A server lets people in before all that it stands on answers.
    until("everything answers", async || {
        let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        health["status"] == "healthy"
    })
    .await;
    for path in ["/api/health", "/health"] {
        let (status, health) = rig.ask(rig.http.get(rig.url(path))).await;
        assert_eq!(status, 200);
        assert_eq!(health["status"], "healthy");
        assert_eq!(health["mcp_enabled"], true);
        let services = health["services"].as_object().unwrap();
        let names: Vec<_> = services.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["api", "azure_ad", "azure_foundry", "key_vault", "storage"]
        );
    }
}

#[tokio::test]
async fn health_says_that_foundry_does_not_answer() {
    let nobody = [(
        "ENTRADA_FOUNDRY_ENDPOINT",
        "https://localhost:9/api/projects/p",
    )];
    let rig = Rig::with(&nobody).await;
    let (status, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
    assert_eq!(health["services"]["azure_foundry"], "unavailable");
    // Everything but chat works.
    assert_eq!((status, &health["status"]), (200, &"degraded".into()));
}

#[tokio::test]
async fn how_to_sign_in_links_the_metadata_of_both_sides() {
    let rig = Rig::start().await;
    let (status, info) = rig.ask(rig.http.get(rig.url("/auth/info"))).await;
    assert_eq!(status, 200);
    let base = rig.handler.base.clone();
    for (link, path) in [
        (
            "protected_resource_metadata",
            "oauth-protected-resource/mcp",
        ),
        (
            "authorization_server_metadata",
            "oauth-authorization-server",
        ),
    ] {
        let url = format!("{base}/.well-known/{path}");
        assert_eq!(info[link], url, "{info}");
        assert_eq!(rig.http.get(&url).send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn each_door_has_its_own_resource_metadata() {
    let rig = Rig::start().await;
    let base = rig.handler.base.clone();
    let fetch = async |suffix: &str| -> Value {
        let path = format!("/.well-known/oauth-protected-resource{suffix}");
        let response = rig
            .http
            .get(rig.url(&path))
            .header("origin", "https://any.example");
        let response = response.send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        response.json().await.unwrap()
    };
    let mcp = fetch("/mcp").await;
    assert_eq!(mcp["resource"], format!("{base}/mcp"));
    assert_eq!(mcp["authorization_servers"], serde_json::json!([base]));
    assert_eq!(mcp["scopes_supported"], serde_json::json!(["mcp"]));
    let root = fetch("").await;
    assert_eq!(root["resource"], base);
    assert_eq!(root["authorization_servers"][0], base);
    let webhook = fetch("/runtime/webhooks/mcp").await;
    assert_eq!(webhook["resource"], format!("{base}/runtime/webhooks/mcp"));
    assert_eq!(webhook["authorization_servers"][1], base);
}
