//! What time does to codes, tokens and sign-ins: the server, its stand-ins
//! and these tests go by one clock, which is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock as _, ManualClock, SystemClock};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::application::{Application, LOOPBACK, answer};
use crate::rig::{Person, Rig, location, parameter, until};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// Longer than a server needs until it lets people in again.
const LATE: Duration = Duration::from_secs(20);

/// A server and its clock.
struct Timed {
    rig: Rig,
    clock: Arc<ManualClock>,
}

impl Timed {
    async fn start() -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
        Self {
            rig: Rig::by(clock.clone()).await,
            clock,
        }
    }

    /// Lets time pass, and the server load its revocation list again.
    async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        let token = self.rig.token("reader");
        let waiting = SystemClock::new();
        let mut is_late = false;
        until("somebody is let in", async || {
            // Entra's documents, which a machine that stood still did not get
            // in time, are asked for again five seconds later by this clock.
            if !is_late && waiting.monotonic() > LATE {
                is_late = true;
                self.clock.advance(Duration::from_secs(6));
            }
            self.rig.get("/mcp/tools", &token).await.0 == 200
        })
        .await;
    }

    /// A client and its tokens for the persona `writer`.
    async fn signed_in(&self) -> (Application<'_>, Value) {
        let client = Application::register(&self.rig, LOOPBACK).await;
        let mut person = Person::new(&self.rig, "writer");
        let tokens = client.tokens(&mut person, &[]).await;
        (client, tokens)
    }

    /// Changes the writer's account at the stand-in.
    async fn change(&self, change: Value) {
        let url = format!("{}stand-in/people/writer", self.rig.stand_ins.url());
        let (status, answer) = self.rig.ask(self.rig.http.post(url).json(&change)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// What the holder of these tokens sees at `/mcp/tools`.
    async fn tools(&self, tokens: &Value) -> (u16, String) {
        let access = tokens["access_token"].as_str().unwrap();
        let (status, tools) = self.rig.get("/mcp/tools", access).await;
        (status, tools.to_string())
    }
}

fn error(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"].as_str().unwrap_or("none"))
}

/// Refreshes, which must succeed.
async fn refreshed(client: &Application<'_>, tokens: &Value) -> Value {
    let (status, answer) = client.refresh(&tokens["refresh_token"]).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_at_the_first_refresh_after_five_minutes() {
    let timed = Timed::start().await;
    let (client, tokens) = timed.signed_in().await;
    timed.change(json!({"roles": ["Task.Read"]})).await;
    timed.pass(4 * MINUTE).await;
    let tokens = refreshed(&client, &tokens).await;
    let (_, tools) = timed.tools(&tokens).await;
    assert!(tools.contains("set_weather_alert"), "{tools}");
    timed.pass(2 * MINUTE).await;
    let tokens = refreshed(&client, &tokens).await;
    let (status, tools) = timed.tools(&tokens).await;
    assert_eq!(status, 200);
    assert!(!tools.contains("set_weather_alert"), "{tools}");
    assert!(tools.contains("get_weather"), "{tools}");
}

#[tokio::test]
async fn a_disabled_account_ends_the_grant_at_the_first_refresh_after_five_minutes() {
    let timed = Timed::start().await;
    let (client, tokens) = timed.signed_in().await;
    timed.change(json!({"disabled": true})).await;
    timed.pass(4 * MINUTE).await;
    let tokens = refreshed(&client, &tokens).await;
    timed.pass(2 * MINUTE).await;
    let refused = client.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&refused), (400, "invalid_grant"));
    assert_eq!(timed.tools(&tokens).await.0, 401);
    // Enabled again, the person signs in again: what ended stays ended.
    timed.change(json!({"disabled": false})).await;
    let refused = client.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&refused), (400, "invalid_grant"));
    let mut person = Person::new(&timed.rig, "writer");
    client.tokens(&mut person, &[]).await;
}

#[tokio::test]
async fn claims_that_entra_wants_are_met_at_the_next_sign_in() {
    let timed = Timed::start().await;
    let (client, tokens) = timed.signed_in().await;
    timed.pass(6 * MINUTE).await;
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    timed.change(json!({"interaction_required": claims})).await;
    let refused = client.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&refused), (400, "invalid_grant"));
    // The client starts again; once it is known who signs in, the claims are
    // asked for.
    let mut person = Person::new(&timed.rig, "writer");
    let entra = client.approve(&mut person, &[]).await;
    let callback = person.sign_in_at_entra(&entra).await;
    let again = location(&person.visit(&callback).await);
    let asked: Value = serde_json::from_str(&parameter(&again, "claims").unwrap()).unwrap();
    assert_eq!(asked["access_token"]["acrs"]["value"], "c1", "{asked}");
    let callback = person.sign_in_at_entra(&again).await;
    let back = location(&person.visit(&callback).await);
    let code = parameter(&back, "code").unwrap_or_else(|| panic!("{back}"));
    assert_eq!(client.redeem(&code).await.0, 200);
    // They are asked for once.
    let back = client.sign_in(&mut person, &[]).await;
    assert!(parameter(&back, "code").is_some(), "{back}");
}

#[tokio::test]
async fn entra_being_away_signs_nobody_out() {
    let timed = Timed::start().await;
    let (client, tokens) = timed.signed_in().await;
    timed.pass(6 * MINUTE).await;
    let stand_in = timed.rig.stand_ins.url();
    let fault = json!({"route": "/oauth2/v2.0/token", "status": 503, "times": 20});
    let set = timed.rig.http.post(format!("{stand_in}stand-in/faults"));
    let set = set.json(&fault).send().await.unwrap();
    assert!(set.status().is_success(), "{}", set.text().await.unwrap());
    let away = client.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&away), (503, "temporarily_unavailable"));
    assert_eq!(timed.tools(&tokens).await.0, 200);
    let reset = timed.rig.http.post(format!("{stand_in}stand-in/reset"));
    reset.json(&json!({})).send().await.unwrap();
    refreshed(&client, &tokens).await;
}

#[tokio::test]
async fn a_code_lives_a_minute() {
    let timed = Timed::start().await;
    let client = Application::register(&timed.rig, LOOPBACK).await;
    let mut person = Person::new(&timed.rig, "reader");
    let code = client.code(&mut person, &[]).await;
    timed.pass(59).await;
    assert_eq!(client.redeem(&code).await.0, 200);
    let code = client.code(&mut person, &[]).await;
    timed.pass(61).await;
    let late = client.redeem(&code).await;
    assert_eq!(error(&late), (400, "invalid_grant"));
    let auth_code = person.auth_code().await;
    timed.pass(121).await;
    let body = json!({"auth_code": auth_code});
    let late = timed.rig.http.post(timed.rig.url("/auth/exchange"));
    assert_eq!(timed.rig.ask(late.json(&body)).await.0, 400);
}

#[tokio::test]
async fn a_consent_page_and_a_sign_in_at_entra_wait_ten_minutes() {
    let timed = Timed::start().await;
    let client = Application::register(&timed.rig, LOOPBACK).await;
    let mut person = Person::new(&timed.rig, "reader");
    let page = client.ask(&mut person, &[]).await;
    timed.pass(9 * MINUTE).await;
    let shown = answer(&timed.rig, &mut person, &page, "approve", &[]).await;
    let entra = location(&shown);
    timed.pass(9 * MINUTE).await;
    let callback = person.sign_in_at_entra(&entra).await;
    let back = person.visit(&callback).await;
    assert!(parameter(&location(&back), "code").is_some());
    let page = client.ask(&mut person, &[]).await;
    timed.pass(11 * MINUTE).await;
    assert_eq!(person.visit(&page).await.status(), StatusCode::BAD_REQUEST);
    let entra = client.approve(&mut person, &[]).await;
    timed.pass(11 * MINUTE).await;
    let callback = person.sign_in_at_entra(&entra).await;
    let late = person.visit(&callback).await;
    assert_eq!(late.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_access_token_lives_an_hour_at_most() {
    let timed = Timed::start().await;
    let (client, tokens) = timed.signed_in().await;
    timed.pass(58 * MINUTE).await;
    assert_eq!(timed.tools(&tokens).await.0, 200);
    timed.pass(3 * MINUTE).await;
    assert_eq!(timed.tools(&tokens).await.0, 401);
    let next = refreshed(&client, &tokens).await;
    assert_eq!(timed.tools(&next).await.0, 200);
}

#[tokio::test]
async fn a_lost_answer_comes_again_for_a_minute_and_another_one_later() {
    let timed = Timed::start().await;
    let (client, first) = timed.signed_in().await;
    let second = refreshed(&client, &first).await;
    timed.pass(50).await;
    let again = refreshed(&client, &first).await;
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    // The answer is still lost: its successor is void, and there is another.
    timed.pass(MINUTE).await;
    let other = refreshed(&client, &first).await;
    assert_ne!(other["refresh_token"], second["refresh_token"]);
    let third = refreshed(&client, &other).await;
    // Whoever shows the void one has stolen it, or was stolen from.
    let stolen = client.refresh(&second["refresh_token"]).await;
    assert_eq!(error(&stolen), (400, "invalid_grant"));
    let ended = client.refresh(&third["refresh_token"]).await;
    assert_eq!(error(&ended), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_sign_in_ends_after_thirty_idle_days_and_after_ninety_in_all() {
    let timed = Timed::start().await;
    let (client, mut used) = timed.signed_in().await;
    let (other, idle) = timed.signed_in().await;
    for day in [29, 58, 87] {
        timed.pass(29 * DAY).await;
        let (status, answer) = client.refresh(&used["refresh_token"]).await;
        assert_eq!(status, 200, "day {day}: {answer}");
        used = answer;
        if day > 30 {
            let refused = other.refresh(&idle["refresh_token"]).await;
            assert_eq!(error(&refused), (400, "invalid_grant"), "day {day}");
        }
    }
    timed.pass(4 * DAY).await;
    let refused = client.refresh(&used["refresh_token"]).await;
    assert_eq!(error(&refused), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_consent_keeps_no_registration_until_somebody_has_signed_in() {
    let timed = Timed::start().await;
    let mut person = Person::new(&timed.rig, "writer");
    let abandoned = Application::register(&timed.rig, LOOPBACK).await;
    abandoned.approve(&mut person, &[]).await;
    let granted = Application::register(&timed.rig, LOOPBACK).await;
    granted.code(&mut person, &[]).await;
    timed.pass(DAY).await;
    let mut statuses = Vec::new();
    for client in [&abandoned, &granted] {
        statuses.push(person.visit(&client.authorize(&[])).await.status());
    }
    assert_eq!(statuses, [StatusCode::BAD_REQUEST, StatusCode::FOUND]);
}
