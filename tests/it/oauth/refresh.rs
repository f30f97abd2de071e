//! Refresh tokens of `/token`: rotation, grace, theft.

use entrada_tables::{Condition, Query, Row, query_all};
use serde_json::{Value, json};

use super::application::{Application, LOOPBACK};
use crate::rig::{Person, Rig, location, parameter};

fn error(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"].as_str().unwrap_or("none"))
}

#[tokio::test]
async fn two_hundred_refreshes_at_once_yield_one_successor() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let tokens = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let attempts = (0..200).map(|_| application.refresh(&tokens["refresh_token"]));
    let answers = futures::future::join_all(attempts).await;
    let mut successors: Vec<_> = answers
        .iter()
        .map(|(status, answer)| {
            assert_eq!(*status, 200, "{answer}");
            answer["refresh_token"].as_str().unwrap()
        })
        .collect();
    successors.sort_unstable();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_ne!(json!(successors[0]), tokens["refresh_token"]);
}

#[tokio::test]
async fn a_replay_after_the_successors_first_use_ends_the_family() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let first = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let (_, second) = application.refresh(&first["refresh_token"]).await;
    // Before it: the same successor, since the answer may have been lost.
    let (_, repeated) = application.refresh(&first["refresh_token"]).await;
    assert_eq!(repeated["refresh_token"], second["refresh_token"]);
    let (_, third) = application.refresh(&second["refresh_token"]).await;
    let replayed = application.refresh(&first["refresh_token"]).await;
    assert_eq!(error(&replayed), (400, "invalid_grant"));
    let ended = application.refresh(&third["refresh_token"]).await;
    assert_eq!(error(&ended), (400, "invalid_grant"));
    let access = third["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
}

#[tokio::test]
async fn tokens_of_the_two_kinds_of_sign_in_are_never_each_others() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let of_client = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let of_front_end = Person::new(&rig, "reader").tokens().await;
    let crossed = application.refresh(&of_front_end["refresh_token"]).await;
    assert_eq!(error(&crossed), (400, "invalid_grant"));
    let body = json!({"refresh_token": of_client["refresh_token"]});
    for path in ["/auth/refresh", "/auth/logout"] {
        let (status, _) = rig.ask(rig.http.post(rig.url(path)).json(&body)).await;
        assert_eq!(status, 400, "{path}");
    }
    let other = Application::register(&rig, LOOPBACK).await;
    let stolen = other.refresh(&of_client["refresh_token"]).await;
    assert_eq!(error(&stolen), (400, "invalid_grant"));
    // All of them are still good for whom they were made.
    assert_eq!(
        application.refresh(&of_client["refresh_token"]).await.0,
        200
    );
}

#[tokio::test]
async fn neither_resource_nor_scope_widens_and_a_refused_attempt_uses_nothing_up() {
    let rig = Rig::start().await;
    let base = rig.handler.base.clone();
    let application = Application::register(&rig, LOOPBACK).await;
    let asked = [("scope", "mcp offline_access")];
    let tokens = application
        .tokens(&mut Person::new(&rig, "reader"), &asked)
        .await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let (webhook, mcp) = (
        format!("{base}/runtime/webhooks/mcp"),
        format!("{base}/mcp"),
    );
    let refresh = |name, value| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            (name, value),
        ];
        let application = &application;
        async move { application.token(&fields).await }
    };
    for (name, value, expected) in [
        ("resource", webhook.as_str(), "invalid_target"),
        ("resource", "https://other.example", "invalid_target"),
        ("scope", "api", "invalid_scope"),
        ("scope", "mcp api", "invalid_scope"),
    ] {
        assert_eq!(
            error(&refresh(name, value).await),
            (400, expected),
            "{value}"
        );
    }
    let (status, answer) = refresh("scope", "mcp").await;
    assert_eq!((status, &answer["scope"]), (200, &json!("mcp")));
    // The same successor again, now naming the resource.
    let (status, again) = refresh("resource", &mcp).await;
    assert_eq!(status, 200);
    assert_eq!(again["refresh_token"], answer["refresh_token"]);
}

/// Makes Entra's tokens in every grant of a person old, as if time had
/// passed, so that the next refresh asks Entra.
async fn age(rig: &mut Rig, refresh_token: &Value) {
    let partition = refresh_token
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    rig.handler.kill().await;
    {
        let tables = rig.tables();
        let query = Query::partition(&partition).prefix("grant-");
        let rows = query_all(tables.as_ref(), "entradagrants", &query, 100)
            .await
            .unwrap();
        assert!(!rows.is_empty());
        for row in rows {
            let obtained = row.int64("upstream_obtained_at").unwrap() - 3_000;
            let aged = Row::new(&row.partition, &row.row).with("upstream_obtained_at", obtained);
            tables
                .merge("entradagrants", &aged, &Condition::Exists)
                .await
                .unwrap();
        }
    }
    rig.restart().await;
}

async fn change(rig: &Rig, persona: &str, change: Value) {
    let url = format!("{}stand-in/people/{persona}", rig.stand_ins.url());
    let answer = rig.http.post(url).json(&change).send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_after_the_next_refresh() {
    let mut rig = Rig::start().await;
    let tokens = {
        let application = Application::register(&rig, LOOPBACK).await;
        let tokens = application
            .tokens(&mut Person::new(&rig, "writer"), &[])
            .await;
        (application.id, tokens)
    };
    age(&mut rig, &tokens.1["refresh_token"]).await;
    change(&rig, "writer", json!({"roles": ["Task.Read"]})).await;
    let application = Application::known(&rig, &tokens.0, LOOPBACK);
    let (status, refreshed) = application.refresh(&tokens.1["refresh_token"]).await;
    assert_eq!(status, 200, "{refreshed}");
    let access = refreshed["access_token"].as_str().unwrap();
    let (_, tools) = rig.get("/mcp/tools", access).await;
    assert!(!tools.to_string().contains("set_weather_alert"));
}

#[tokio::test]
async fn a_disabled_account_ends_the_grant() {
    let mut rig = Rig::start().await;
    let (id, tokens) = {
        let application = Application::register(&rig, LOOPBACK).await;
        let tokens = application
            .tokens(&mut Person::new(&rig, "writer"), &[])
            .await;
        (application.id, tokens)
    };
    age(&mut rig, &tokens["refresh_token"]).await;
    change(&rig, "writer", json!({"disabled": true})).await;
    let application = Application::known(&rig, &id, LOOPBACK);
    let refused = application.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&refused), (400, "invalid_grant"));
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
}

#[tokio::test]
async fn claims_that_entra_wants_are_met_at_the_next_sign_in() {
    let mut rig = Rig::start().await;
    let (id, tokens) = {
        let application = Application::register(&rig, LOOPBACK).await;
        let tokens = application
            .tokens(&mut Person::new(&rig, "writer"), &[])
            .await;
        (application.id, tokens)
    };
    age(&mut rig, &tokens["refresh_token"]).await;
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    change(&rig, "writer", json!({"interaction_required": claims})).await;
    let application = Application::known(&rig, &id, LOOPBACK);
    let refused = application.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&refused), (400, "invalid_grant"));
    // The client starts again; once it is known who signs in, the claims are
    // asked for.
    let mut person = Person::new(&rig, "writer");
    let entra = application.approve(&mut person, &[]).await;
    let callback = person.sign_in_at_entra(&entra).await;
    let again = location(&person.visit(&callback).await);
    let asked: Value = serde_json::from_str(&parameter(&again, "claims").unwrap()).unwrap();
    assert_eq!(asked["access_token"]["acrs"]["value"], "c1", "{asked}");
    let callback = person.sign_in_at_entra(&again).await;
    let back = location(&person.visit(&callback).await);
    let code = parameter(&back, "code").unwrap_or_else(|| panic!("{back}"));
    assert_eq!(application.redeem(&code).await.0, 200);
    // They are asked for once.
    let back = application.sign_in(&mut person, &[]).await;
    assert!(parameter(&back, "code").is_some(), "{back}");
}

#[tokio::test]
async fn entra_being_away_signs_nobody_out() {
    let mut rig = Rig::start().await;
    let (id, tokens) = {
        let application = Application::register(&rig, LOOPBACK).await;
        let tokens = application
            .tokens(&mut Person::new(&rig, "writer"), &[])
            .await;
        (application.id, tokens)
    };
    age(&mut rig, &tokens["refresh_token"]).await;
    let faults = format!("{}stand-in/faults", rig.stand_ins.url());
    let fault = json!({"route": "/oauth2/v2.0/token", "status": 503, "times": 20});
    let set = rig.http.post(faults).json(&fault).send().await.unwrap();
    assert!(set.status().is_success(), "{}", set.text().await.unwrap());
    let application = Application::known(&rig, &id, LOOPBACK);
    let away = application.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&away), (503, "temporarily_unavailable"));
    let reset = format!("{}stand-in/reset", rig.stand_ins.url());
    rig.http.post(reset).json(&json!({})).send().await.unwrap();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 200);
}
