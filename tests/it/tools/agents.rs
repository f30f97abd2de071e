//! `ask_agent`: chat as a tool.

use serde_json::json;

use super::{OTHER_TENANT, call, complaint, token_with_roles};
use crate::rig::Rig;

#[tokio::test]
async fn an_agent_answers_the_person_who_asks_and_remembers_the_session() {
    let rig = Rig::start().await;
    let (writer, all) = (rig.token("writer"), rig.token("all"));
    let question = json!({"agent": "assistant", "message": "Who am I?"});
    let answered = call(&rig, &writer, "ask_agent", question.clone()).await;
    assert!(
        answered["answer"]
            .as_str()
            .unwrap()
            .contains("Walter Writer"),
        "{answered}"
    );
    let session = answered["session_id"].clone();
    let more = json!({"agent": "assistant", "message": "And now?", "session_id": session});
    let again = call(&rig, &writer, "ask_agent", more.clone()).await;
    assert_eq!(again["session_id"], session);
    // It is a session like any other, and the person's alone.
    let path = format!("/api/sessions/{}", session.as_str().unwrap());
    let (status, stored) = rig.get(&path, &writer).await;
    assert_eq!(status, 200);
    assert_eq!(stored["messages"].as_array().unwrap().len(), 4);
    let refused = complaint(&rig, &all, "ask_agent", more).await;
    assert!(refused.contains("no such session"), "{refused}");
    let other = call(&rig, &all, "ask_agent", question).await;
    assert!(
        other["answer"].as_str().unwrap().contains("Alma All"),
        "{other}"
    );
    assert_ne!(other["session_id"], session);
}

#[tokio::test]
async fn agents_that_are_hidden_do_not_exist_and_other_tenants_have_none() {
    let rig = Rig::with(&[OTHER_TENANT]).await;
    let writer = rig.token("writer");
    let ask = |agent: &str| json!({"agent": agent, "message": "Hello"});
    let hidden = complaint(&rig, &writer, "ask_agent", ask("hidden")).await;
    let unknown = complaint(&rig, &writer, "ask_agent", ask("no_such_agent")).await;
    assert_eq!(hidden, unknown);
    let guest = token_with_roles(&rig, "guest", &["Task.Write"]);
    let refused = complaint(&rig, &guest, "ask_agent", ask("assistant")).await;
    assert!(refused.contains("own tenant"), "{refused}");
}

#[tokio::test]
async fn what_an_agent_waits_for_is_told() {
    let rig = Rig::with(&[("ENTRADA_CONSENT_HOSTS", "localhost")]).await;
    let writer = rig.token("writer");
    let ask = |agent: &str| json!({"agent": agent, "message": "Do it"});
    let answered = call(&rig, &writer, "ask_agent", ask("approver")).await;
    assert_eq!(
        answered["approval_required"].as_array().unwrap().len(),
        1,
        "{answered}"
    );
    let answered = call(&rig, &writer, "ask_agent", ask("consenter")).await;
    assert_eq!(
        answered["consent_required"].as_array().unwrap().len(),
        1,
        "{answered}"
    );
    let failed = complaint(&rig, &writer, "ask_agent", ask("failing")).await;
    assert!(failed.contains("agent"), "{failed}");
}
