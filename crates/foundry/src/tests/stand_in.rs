//! The client against the project's stand-in for Foundry.

use std::collections::BTreeMap;
use std::sync::Arc;

use entrada_ambient::{SystemClock, SystemRandom};
use entrada_stand_ins::{StandInOptions, StandIns, TokenRequest, start};
use futures::StreamExt;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Outcome;
use super::server::client;
use crate::{
    Agent, Foundry, FoundryError, FoundrySettings, InputItem, ResponseEvent, ResponseRequest, Route,
};

async fn stand_ins() -> StandIns {
    let options = StandInOptions::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    start(options).await.unwrap()
}

fn settings(stand_ins: &StandIns, route: Route) -> FoundrySettings {
    let project = stand_ins.url().join("foundry/api/projects/demo").unwrap();
    FoundrySettings {
        route,
        ..FoundrySettings::new(project)
    }
}

/// A client at agents' endpoints that trusts the stand-in's consent page.
fn at_endpoints(stand_ins: &StandIns) -> Foundry {
    client(FoundrySettings {
        consent_hosts: vec!["localhost".into()],
        ..settings(stand_ins, Route::AgentEndpoint)
    })
}

fn token(stand_ins: &StandIns) -> SecretString {
    let request = TokenRequest {
        resource: Some("https://ai.azure.com".into()),
        ..TokenRequest::for_persona("reader")
    };
    stand_ins.mint(&request).unwrap().into()
}

async fn control(stand_ins: &StandIns, path: &str, body: Value) {
    let url = stand_ins.url().join("foundry/stand-in/").unwrap();
    let http = entrada_ambient::http_client(&entrada_ambient::NetworkOptions::default()).unwrap();
    let request = http.post(url.join(path).unwrap()).json(&body);
    assert!(request.send().await.unwrap().status().is_success());
}

fn to(agent: &str, text: &str) -> ResponseRequest {
    let agent = Agent {
        name: agent.into(),
        version: None,
    };
    ResponseRequest::text(agent, text)
}

async fn ask(foundry: &Foundry, token: &SecretString, request: &ResponseRequest) -> Vec<Outcome> {
    foundry
        .respond(token, request)
        .await
        .unwrap()
        .collect()
        .await
}

fn text(outcomes: &[Outcome]) -> String {
    outcomes
        .iter()
        .flatten()
        .filter_map(|sequenced| match &sequenced.event {
            ResponseEvent::TextDelta { text } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn last(outcomes: &[Outcome]) -> &ResponseEvent {
    &outcomes.last().unwrap().as_ref().unwrap().event
}

fn id(outcomes: &[Outcome]) -> String {
    match &outcomes[0].as_ref().unwrap().event {
        ResponseEvent::Created { response_id, .. } => response_id.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_route_answers_with_the_text_that_it_streamed() {
    let stand_ins = stand_ins().await;
    control(&stand_ins, "people/reader", json!({"role": "user"})).await;
    let token = token(&stand_ins);
    let model = "local-model".into();
    let mut direct = settings(&stand_ins, Route::OpenAi { model });
    direct
        .endpoint
        .set_path("/foundry/api/projects/demo/openai/v1");
    for settings in [
        settings(&stand_ins, Route::AgentEndpoint),
        settings(&stand_ins, Route::Project),
        direct,
    ] {
        let foundry = client(settings);
        let request = to("assistant", "good day");
        let metadata = BTreeMap::from([("tid".to_owned(), "t".to_owned())]);
        let made = foundry.create_conversation(&token, &request.agent, &metadata);
        let conversation = made.await.unwrap();
        for turn in 1..=2 {
            let request = ResponseRequest {
                conversation: Some(conversation.clone()),
                metadata: metadata.clone(),
                ..request.clone()
            };
            let outcomes = ask(&foundry, &token, &request).await;
            let said = text(&outcomes);
            assert!(
                said.starts_with(&format!("Turn {turn}: Rita Reader")),
                "{said}"
            );
            assert!(
                matches!(last(&outcomes), ResponseEvent::Completed { text: Some(text), usage: Some(_), .. } if *text == said)
            );
        }
    }
}

#[tokio::test]
async fn consent_is_asked_for_and_after_it_the_same_input_is_answered() {
    let stand_ins = stand_ins().await;
    let (foundry, token) = (at_endpoints(&stand_ins), token(&stand_ins));
    for shape in ["all", "added", "done", "event", "output"] {
        control(&stand_ins, "behaviour", json!({"consent_shape": shape})).await;
        let outcomes = ask(&foundry, &token, &to("consenter", "go")).await;
        assert_eq!(outcomes.len(), 3, "{shape}: {outcomes:?}");
        assert!(matches!(
            &outcomes[1].as_ref().unwrap().event,
            ResponseEvent::ConsentRequired { response_id: Some(waiting), .. }
                if *waiting == id(&outcomes)
        ));
    }
    let outcomes = ask(&foundry, &token, &to("consenter", "go")).await;
    control(&stand_ins, "consents/reader", json!({"granted": true})).await;
    let again = ResponseRequest {
        previous_response_id: Some(id(&outcomes)),
        ..to("consenter", "go")
    };
    let outcomes = ask(&foundry, &token, &again).await;
    assert_eq!(text(&outcomes), "With your consent, go.");
    let tools: Vec<_> = outcomes
        .iter()
        .flatten()
        .filter(|sequenced| {
            matches!(
                sequenced.event,
                ResponseEvent::ToolStarted { .. }
                    | ResponseEvent::ToolCompleted { failed: false, .. }
            )
        })
        .collect();
    assert_eq!(tools.len(), 2);
}

#[tokio::test]
async fn a_consent_page_of_a_host_that_is_not_allowed_is_refused() {
    let stand_ins = stand_ins().await;
    let foundry = client(settings(&stand_ins, Route::AgentEndpoint));
    let outcomes = ask(&foundry, &token(&stand_ins), &to("consenter", "go")).await;
    assert!(matches!(
        outcomes.last(),
        Some(Err(FoundryError::ConsentLinkRefused))
    ));
}

#[tokio::test]
async fn an_approval_is_given() {
    let stand_ins = stand_ins().await;
    let (foundry, token) = (at_endpoints(&stand_ins), token(&stand_ins));
    let outcomes = ask(&foundry, &token, &to("approver", "issue 7")).await;
    let ResponseEvent::ApprovalRequired {
        id: request, name, ..
    } = outcomes[1].as_ref().unwrap().event.clone()
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(name, "delete_issue");
    let answer = ResponseRequest {
        input: vec![InputItem::Approval {
            approval_request_id: request,
            approve: true,
            reason: None,
        }],
        previous_response_id: Some(id(&outcomes)),
        ..to("approver", "")
    };
    let outcomes = ask(&foundry, &token, &answer).await;
    assert_eq!(text(&outcomes), "Done, as you approved.");
}

#[tokio::test]
async fn a_broken_stream_is_resumed_without_loss_or_repetition() {
    let stand_ins = stand_ins().await;
    let (foundry, token) = (at_endpoints(&stand_ins), token(&stand_ins));
    let request = ResponseRequest {
        background: true,
        ..to("breaker", "one two three four")
    };
    let mut outcomes = ask(&foundry, &token, &request).await;
    let broken = outcomes.pop().unwrap();
    assert!(matches!(broken, Err(FoundryError::Unavailable { .. })));
    let after = outcomes.last().unwrap().as_ref().unwrap().sequence_number;
    let id = id(&outcomes);
    let rest = foundry
        .resume(&token, &request.agent, &id, Some(after))
        .await;
    outcomes.extend(rest.unwrap().collect::<Vec<_>>().await);
    let said = text(&outcomes);
    assert!(said.ends_with("one two three four"));
    assert!(
        matches!(last(&outcomes), ResponseEvent::Completed { text: Some(whole), .. } if *whole == said)
    );
}

#[tokio::test]
async fn what_is_not_streamed_again_is_told_at_its_end() {
    let stand_ins = stand_ins().await;
    let (foundry, token) = (at_endpoints(&stand_ins), token(&stand_ins));
    let request = to("breaker", "one two three four");
    let mut outcomes = ask(&foundry, &token, &request).await;
    outcomes.pop();
    let id = id(&outcomes);
    let rest = foundry.resume(&token, &request.agent, &id, Some(3)).await;
    let rest = rest.unwrap().collect::<Vec<_>>().await;
    assert_eq!(rest.len(), 1);
    assert!(
        matches!(last(&rest), ResponseEvent::Completed { text: Some(whole), .. }
            if whole.ends_with("one two three four"))
    );
    let refused = foundry.cancel(&token, &request.agent, &id).await;
    assert!(matches!(refused, Err(FoundryError::Rejected { .. })));
}

#[tokio::test]
async fn a_response_in_the_background_outlives_its_connection_until_it_is_cancelled() {
    let stand_ins = stand_ins().await;
    let (foundry, token) = (at_endpoints(&stand_ins), token(&stand_ins));
    control(&stand_ins, "behaviour", json!({"slow_pause_ms": 60_000})).await;
    let request = ResponseRequest {
        background: true,
        ..to("slow", "go")
    };
    let mut stream = foundry.respond(&token, &request).await.unwrap();
    let first = stream.next().await.unwrap();
    drop(stream);
    let id = id(&[first]);
    let resuming = foundry.resume(&token, &request.agent, &id, None);
    let rest = resuming.await.unwrap();
    foundry.cancel(&token, &request.agent, &id).await.unwrap();
    let rest = rest.collect::<Vec<_>>().await;
    assert!(matches!(last(&rest), ResponseEvent::Incomplete { .. }));
}

#[tokio::test]
async fn failure_and_great_length_are_endings_like_others() {
    let stand_ins = stand_ins().await;
    let (foundry, token) = (at_endpoints(&stand_ins), token(&stand_ins));
    let outcomes = ask(&foundry, &token, &to("failing", "go")).await;
    assert!(
        matches!(last(&outcomes), ResponseEvent::Failed { code: Some(code), .. } if code == "server_error")
    );
    let outcomes = ask(&foundry, &token, &to("huge", "go")).await;
    assert_eq!(text(&outcomes).len(), 600_000);
    assert!(matches!(last(&outcomes), ResponseEvent::Completed { .. }));
    // The event that repeats the text is then larger than an event may be.
    control(&stand_ins, "behaviour", json!({"huge_bytes": 2_000_000})).await;
    let outcomes = ask(&foundry, &token, &to("huge", "go")).await;
    assert!(matches!(
        outcomes.last(),
        Some(Err(FoundryError::Protocol { .. }))
    ));
}

#[tokio::test]
async fn refusals_keep_their_meaning() {
    let stand_ins = stand_ins().await;
    let (foundry, token) = (at_endpoints(&stand_ins), token(&stand_ins));
    let request = to("assistant", "hi");
    let project = client(settings(&stand_ins, Route::Project));
    let outcome = project.respond(&token, &request).await;
    assert!(
        matches!(outcome, Err(FoundryError::Forbidden { code: Some(code) }) if code == "PermissionDenied")
    );
    let outcome = foundry.respond(&token, &to("nobody", "hi")).await;
    assert!(matches!(outcome, Err(FoundryError::NotFound)));
    let outcome = foundry.respond(&"nonsense".into(), &request).await;
    assert!(matches!(
        outcome,
        Err(FoundryError::Unauthorized { claims: None })
    ));
    control(&stand_ins, "people/reader", json!({"challenge": true})).await;
    let outcome = foundry.respond(&token, &request).await;
    assert!(
        matches!(outcome, Err(FoundryError::Unauthorized { claims: Some(claims) }) if claims.contains("acrs"))
    );
    control(&stand_ins, "people/reader", json!({})).await;
    let feature = "HostedAgents=V1Preview";
    control(
        &stand_ins,
        "behaviour",
        json!({"required_feature": feature}),
    )
    .await;
    let outcome = foundry.respond(&token, &request).await;
    assert!(matches!(outcome, Err(FoundryError::FeatureRequired)));
    let opted_in = client(FoundrySettings {
        features: Some(feature.into()),
        ..settings(&stand_ins, Route::AgentEndpoint)
    });
    assert!(opted_in.respond(&token, &request).await.is_ok());
}
