//! The Rust SDK's own client, from discovery to a registration that the
//! server lost.

use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::transport::auth::{
    AuthClient, AuthError, AuthorizationManager, AuthorizationRequest, AuthorizationSession,
    CredentialStore as _, InMemoryCredentialStore, OAuthTokenResponse,
};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
};

use super::lose_registration;
use crate::oauth::application::{LOOPBACK, by_hand};
use crate::rig::{Person, Rig};

/// A client that has what `store` keeps.
async fn manager(rig: &Rig, store: &InMemoryCredentialStore) -> AuthorizationManager {
    let mut manager = AuthorizationManager::new(rig.url("/mcp")).await.unwrap();
    manager.set_credential_store(store.clone());
    let found = manager.resolve_metadata().await.unwrap();
    manager.set_metadata(found.metadata);
    manager
}

/// Registers and signs in.
async fn sign_in(rig: &Rig, store: &InMemoryCredentialStore) -> AuthorizationManager {
    let asked = AuthorizationRequest::new(LOOPBACK).with_client_name("The Rust SDK");
    let session = AuthorizationSession::new(manager(rig, store).await, asked).await;
    let session = session.map_err(|(_, error)| error).unwrap();
    let mut person = Person::new(rig, "writer");
    let back = by_hand(rig, &mut person, session.get_authorization_url()).await;
    session.handle_callback_url(&back).await.unwrap();
    session.auth_manager
}

/// A new process with what `store` keeps.
async fn resumed(rig: &Rig, store: &InMemoryCredentialStore) -> AuthorizationManager {
    let mut manager = manager(rig, store).await;
    assert!(manager.initialize_from_store().await.unwrap());
    manager
}

/// Lists and calls.
async fn lists_and_calls(rig: &Rig, manager: AuthorizationManager) {
    let client = AuthClient::new(rig.http.clone(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(rig.url("/mcp"));
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let service = ().serve(transport).await.unwrap();
    let tools = service.list_all_tools().await.unwrap();
    assert!(tools.iter().any(|tool| tool.name == "set_weather_alert"));
    let asked = CallToolRequestParams::new("whoami");
    let answer = service.call_tool(asked).await.unwrap();
    let answer = serde_json::to_string(&answer).unwrap();
    assert!(answer.contains("Walter Writer"), "{answer}");
    service.cancel().await.unwrap();
}

/// What the client keeps: its id and its tokens.
async fn kept(store: &InMemoryCredentialStore) -> (String, OAuthTokenResponse) {
    let kept = store.load().await.unwrap().unwrap();
    (kept.client_id, kept.token_response.unwrap())
}

/// Makes the client believe that its access token has expired.
async fn expire(store: &InMemoryCredentialStore) {
    let mut kept = store.load().await.unwrap().unwrap();
    kept.token_received_at = Some(0);
    store.save(kept).await.unwrap();
}

fn secrets(tokens: &OAuthTokenResponse) -> (String, String) {
    let value = serde_json::to_value(tokens).unwrap();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

#[tokio::test]
async fn the_rust_sdk_signs_in_refreshes_and_registers_again() {
    let mut rig = Rig::start().await;
    let store = InMemoryCredentialStore::new();
    let manager = sign_in(&rig, &store).await;
    lists_and_calls(&rig, manager).await;
    let (id, first) = kept(&store).await;
    // Refreshing, in another process, after the server was started again.
    rig.restart().await;
    expire(&store).await;
    let manager = resumed(&rig, &store).await;
    lists_and_calls(&rig, manager).await;
    let (same, second) = kept(&store).await;
    assert_eq!(same, id);
    let (before, after) = (secrets(&first), secrets(&second));
    assert!(before.0 != after.0 && before.1 != after.1, "both rotate");
    // The server loses the registration: the client is told, and begins anew.
    lose_registration(&mut rig, &id).await;
    expire(&store).await;
    let refused = resumed(&rig, &store).await.get_access_token().await;
    let AuthError::TokenRefreshFailed(why) = refused.unwrap_err() else {
        panic!("another error");
    };
    assert!(why.contains("invalid_client"), "{why}");
    store.clear().await.unwrap();
    let manager = sign_in(&rig, &store).await;
    lists_and_calls(&rig, manager).await;
    assert_ne!(kept(&store).await.0, id);
}
