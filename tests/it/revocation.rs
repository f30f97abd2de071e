//! Revocation reaches every server within seconds.

use std::time::Duration;

use crate::rig::{Person, Rig, on_azurite};

#[tokio::test]
async fn a_logout_on_one_server_is_known_on_the_other_within_ten_seconds() {
    if !on_azurite() {
        // One file has one owner: two servers share Azurite.
        return;
    }
    let rig = Rig::start().await;
    let second = rig.second_handler().await;
    let tokens = Person::new(&rig, "reader").tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    let ask = async || {
        let request = rig.http.get(second.url("/api/auth/me")).bearer_auth(access);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 200);
    let logout = rig.http.post(rig.url("/auth/logout")).bearer_auth(access);
    assert_eq!(logout.send().await.unwrap().status().as_u16(), 204);
    for _ in 0..40 {
        if ask().await == 401 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the second server still lets the token in after ten seconds");
}

#[tokio::test]
async fn a_sign_in_begun_on_one_server_is_finished_on_the_other() {
    if !on_azurite() {
        return;
    }
    let rig = Rig::start().await;
    let second = rig.second_handler().await;
    let code = Person::new(&rig, "reader").auth_code().await;
    let body = serde_json::json!({"auth_code": code});
    let there = rig.ask(rig.http.post(second.url("/auth/exchange")).json(&body));
    let here = rig.ask(rig.http.post(rig.url("/auth/exchange")).json(&body));
    let (there, here) = tokio::join!(there, here);
    let mut statuses = [there.0, here.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}
