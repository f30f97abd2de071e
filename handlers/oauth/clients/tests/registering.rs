use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::super::{
    ClientAuthentication, ClientOrigin, GrantType, RedirectKind, RegistrationError,
    RegistrationRequest,
};
use super::world::{World, plain};

/// What clients of the field send: as their users and makers report it, and
/// for `ChatGPT` and Copilot Studio, of which only the redirect URIs are known,
/// made from those.
const FIXTURES: [(&str, &str); 10] = [
    ("chatgpt", include_str!("../fixtures/chatgpt.json")),
    ("claude", include_str!("../fixtures/claude.json")),
    ("claude-code", include_str!("../fixtures/claude-code.json")),
    ("codex", include_str!("../fixtures/codex.json")),
    (
        "copilot-studio",
        include_str!("../fixtures/copilot-studio.json"),
    ),
    ("cursor", include_str!("../fixtures/cursor.json")),
    (
        "cursor-as-web",
        include_str!("../fixtures/cursor-as-web.json"),
    ),
    ("inspector", include_str!("../fixtures/inspector.json")),
    ("python-sdk", include_str!("../fixtures/python-sdk.json")),
    ("vscode", include_str!("../fixtures/vscode.json")),
];

fn parse(value: Value) -> RegistrationRequest {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn every_client_of_the_field_can_register_and_be_found() {
    let world = World::new().await;
    let clients = world.clients();
    for (name, fixture) in FIXTURES {
        let sent: Value = serde_json::from_str(fixture).unwrap();
        let response = clients.register(parse(sent.clone()), None).await.unwrap();
        let answer = serde_json::to_value(&response).unwrap();

        assert_eq!(answer["redirect_uris"], sent["redirect_uris"], "{name}");
        assert_eq!(answer["client_name"], sent["client_name"], "{name}");
        assert_eq!(
            answer["grant_types"],
            json!(["authorization_code", "refresh_token"]),
            "{name}"
        );
        let method = sent["token_endpoint_auth_method"]
            .as_str()
            .unwrap_or("none");
        assert_eq!(answer["token_endpoint_auth_method"], method, "{name}");
        assert_eq!(
            answer.get("client_secret").is_some(),
            method != "none",
            "{name}"
        );
        assert_eq!(answer["scope"], "mcp", "{name}");
        assert_eq!(answer["client_id_issued_at"], 1_795_262_400, "{name}");
        assert!(answer.get("registration_access_token").is_none(), "{name}");

        let client = clients.find(&response.client_id).await.unwrap();
        assert_eq!(client.origin, ClientOrigin::Registered, "{name}");
        assert!(client.needs_consent(), "{name}");
        assert!(
            client.grant_types.contains(&GrantType::RefreshToken),
            "{name}"
        );
        for uri in sent["redirect_uris"].as_array().unwrap() {
            assert!(client.redirect_uri(uri.as_str().unwrap()).is_ok(), "{name}");
        }
    }
}

#[tokio::test]
async fn vscode_and_claude_code_are_answered_on_whatever_port_was_free() {
    let world = World::new().await;
    let clients = world.clients();
    for (fixture, asked) in [
        ("vscode", "http://127.0.0.1:51234/"),
        ("claude-code", "http://localhost:51234/callback"),
        ("codex", "http://127.0.0.1:51234/callback/4c1d2b"),
        ("inspector", "http://localhost:51234/oauth/callback"),
    ] {
        let (_, body) = FIXTURES
            .into_iter()
            .find(|(name, _)| *name == fixture)
            .unwrap();
        let request = serde_json::from_str(body).unwrap();
        let response = clients.register(request, None).await.unwrap();
        let client = clients.find(&response.client_id).await.unwrap();
        let matched = client.redirect_uri(asked).unwrap();
        assert_eq!(
            (matched.uri.as_str(), matched.kind),
            (asked, RedirectKind::Loopback)
        );
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_as_a_hash() {
    let world = World::new().await;
    let clients = world.clients();
    let mut request = plain();
    request.token_endpoint_auth_method = Some("client_secret_basic".to_owned());
    let response = clients.register(request, None).await.unwrap();
    let secret = response.client_secret.clone().unwrap();
    assert_eq!(secret.expose_secret().len(), 43);
    assert_eq!(response.client_secret_expires_at, Some(0));
    assert!(!format!("{response:?}").contains(secret.expose_secret()));

    let client = clients.find(&response.client_id).await.unwrap();
    assert!(client.authentication.accepts_secret(&secret));
    let other = SecretString::from("x".repeat(43));
    assert!(!client.authentication.accepts_secret(&other));
    assert!(!ClientAuthentication::None.accepts_secret(&secret));
    let ClientAuthentication::Secret { sha256 } = &client.authentication else {
        panic!("{:?}", client.authentication);
    };
    assert_ne!(sha256, secret.expose_secret());

    let file = std::fs::read(world.folder.path().join("tables")).unwrap();
    let text = secret.expose_secret().as_bytes();
    assert!(!file.windows(text.len()).any(|window| window == text));
}

#[tokio::test]
async fn one_odd_redirect_uri_among_several_is_named() {
    let world = World::new().await;
    let mut request = plain();
    request.redirect_uris = Some(vec![
        "http://localhost:1/callback".to_owned(),
        "myapp://callback".to_owned(),
        "https://client.example/callback".to_owned(),
    ]);
    let error = world.clients().register(request, None).await.unwrap_err();
    assert_eq!(error.code(), "invalid_redirect_uri");
    assert!(error.to_string().contains("`myapp://callback`"), "{error}");
    assert!(
        error.to_string().contains("ENTRADA_CUSTOM_REDIRECT_URIS"),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_the_code_of_the_standard() {
    let world = World::new().await;
    let clients = world.clients();
    let uris = json!(["https://client.example/cb"]);
    let many: Vec<_> = (0..21)
        .map(|n| format!("https://client.example/{n}"))
        .collect();
    for (body, code) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (json!({"redirect_uris": many}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["http://localhost/cb"], "application_type": "web"}),
            "invalid_redirect_uri",
        ),
        (
            json!({"redirect_uris": uris, "application_type": "desktop"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": uris, "token_endpoint_auth_method": "private_key_jwt"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": uris, "grant_types": ["client_credentials"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": uris, "response_types": ["token"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": uris, "scope": "a\"b"}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": uris, "software_statement": "eyJ"}),
            "unapproved_software_statement",
        ),
    ] {
        let error = clients
            .register(parse(body.clone()), None)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{body}: {error}");
    }
}

#[tokio::test]
async fn what_the_server_does_not_know_is_ignored_and_names_cannot_disguise() {
    let world = World::new().await;
    let body = json!({
        "redirect_uris": ["https://client.example/cb"],
        "client_name": "Trusted\u{202e}tsurt\n by Microsoft",
        "client_name#de": "Anders",
        "client_uri": "javascript:alert(1)",
        "logo_uri": 7,
        "dpop_bound_access_tokens": {"odd": true},
    });
    let response = world.clients().register(parse(body), None).await.unwrap();
    let metadata = &response.metadata;
    assert_eq!(
        metadata.client_name.as_deref(),
        Some("Trusted tsurt by Microsoft")
    );
    assert_eq!(metadata.client_uri, None);
}

#[tokio::test]
async fn an_address_that_registers_too_often_is_told_to_wait() {
    let world = World::new().await;
    let clients = world.clients();
    let address = Some("203.0.113.9".parse().unwrap());
    let mut refused = None;
    for _ in 0..100 {
        // Refused requests count as well, and cost no storage.
        match clients
            .register(RegistrationRequest::default(), address)
            .await
        {
            Err(RegistrationError::TooMany { retry_after }) => refused = Some(retry_after),
            Err(RegistrationError::RedirectUris(_)) => assert!(refused.is_none()),
            other => panic!("{other:?}"),
        }
    }
    assert!(refused.is_some_and(|wait| wait.as_secs() >= 1));
    clients
        .register(plain(), Some("203.0.113.10".parse().unwrap()))
        .await
        .unwrap();
}
