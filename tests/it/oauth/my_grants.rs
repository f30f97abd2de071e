//! What a person has signed in, and ending it.

use serde_json::json;

use super::application::{Application, LOOPBACK};
use crate::rig::{Person, Rig};

#[tokio::test]
async fn a_person_sees_and_ends_their_own_sign_ins_alone() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let of_client = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let mine = Person::new(&rig, "reader").tokens().await;
    application
        .tokens(&mut Person::new(&rig, "writer"), &[])
        .await;
    let token = mine["access_token"].as_str().unwrap();
    let (status, list) = rig.get("/api/grants", token).await;
    assert_eq!((status, &list["count"]), (200, &json!(2)), "{list}");
    let grants = list["grants"].as_array().unwrap();
    let client = grants
        .iter()
        .find(|grant| grant["client_id"] == json!(application.id))
        .unwrap();
    assert_eq!(client["client_name"], "A <b>bold</b> client");
    assert_eq!(
        client["resources"],
        json!([format!("{}/mcp", rig.handler.base)])
    );
    assert_eq!(client["current"], false);
    for moment in ["created_at", "last_used_at", "expires_at"] {
        assert!(client[moment].as_str().unwrap().ends_with('Z'), "{client}");
    }
    let own = grants
        .iter()
        .find(|grant| grant["current"] == true)
        .unwrap();
    assert_eq!(own["client_id"], "entrada");
    let url = rig.url(&format!("/api/grants/{}", client["id"].as_str().unwrap()));
    // Not somebody else's to end, and not to be told apart from nothing.
    let writer = rig.token("writer");
    let foreign = rig
        .http
        .delete(&url)
        .bearer_auth(&writer)
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 404);
    let ended = rig
        .http
        .delete(&url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(ended.status(), 204);
    let access = of_client["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
    let again = rig.http.delete(&url).bearer_auth(token);
    assert_eq!(again.send().await.unwrap().status(), 404);
    let (_, list) = rig.get("/api/grants", token).await;
    assert_eq!(list["count"], json!(1));
    // A client's token does not open this door.
    assert_eq!(rig.get("/api/grants", access).await.0, 401);
}
