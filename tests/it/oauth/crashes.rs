//! The host stops us by SIGKILL at any moment: what was acknowledged stays.

use reqwest::StatusCode;

use super::application::{Application, LOOPBACK, answer};
use crate::rig::{Person, Rig, location, parameter};

#[tokio::test]
async fn a_kill_between_any_two_steps_loses_nothing() {
    let mut rig = Rig::start().await;
    let id = Application::register(&rig, LOOPBACK).await.id;
    rig.restart().await;
    let mut person = Person::new(&rig, "writer");
    let page = Application::known(&rig, &id, LOOPBACK)
        .ask(&mut person, &[])
        .await;
    let cookies = person.leave();
    rig.restart().await;
    let mut person = Person::returning(&rig, "writer", cookies);
    let response = answer(&rig, &mut person, &page, "approve", &[]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let (entra, cookies) = (location(&response), person.leave());
    rig.restart().await;
    let person = Person::returning(&rig, "writer", cookies);
    let callback = person.sign_in_at_entra(&entra).await;
    let cookies = person.leave();
    rig.restart().await;
    let mut person = Person::returning(&rig, "writer", cookies);
    let code = parameter(&location(&person.visit(&callback).await), "code").unwrap();
    rig.restart().await;
    let (status, tokens) = Application::known(&rig, &id, LOOPBACK).redeem(&code).await;
    assert_eq!(status, 200, "{tokens}");
    rig.restart().await;
    let (status, next) = Application::known(&rig, &id, LOOPBACK)
        .refresh(&tokens["refresh_token"])
        .await;
    assert_eq!(status, 200, "{next}");
    rig.restart().await;
    let application = Application::known(&rig, &id, LOOPBACK);
    let access = next["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 200);
    // The answer that was lost in the kill comes again, and theft is still
    // known as such.
    let (status, again) = application.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (status, &again["refresh_token"]),
        (200, &next["refresh_token"])
    );
    assert_eq!(application.refresh(&next["refresh_token"]).await.0, 200);
    assert_eq!(application.refresh(&tokens["refresh_token"]).await.0, 400);
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
}
