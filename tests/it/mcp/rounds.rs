//! Before something is destroyed, the person is asked, if the client can ask
//! (MCP 2026-07-28, "Multi Round-Trip Requests").

use serde_json::{Value, json};

use super::{call, modern};
use crate::rig::Rig;

/// A call of `delete_record` from a client that can show forms.
async fn delete(rig: &Rig, token: &str, id: &str, more: Value) -> Value {
    let mut params = json!({"name": "delete_record", "arguments": {"record_id": id}});
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    let capabilities = json!({"elicitation": {}});
    let request = modern(rig, token, ("tools/call", params), capabilities);
    rig.ask(request).await.1
}

async fn save(rig: &Rig, id: &str) {
    let arguments = json!({"record_id": id, "data": {}});
    let params = json!({"name": "save_record", "arguments": arguments});
    let (_, answer) = call(rig, &rig.token("all"), "tools/call", params).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

async fn records(rig: &Rig) -> usize {
    let params = json!({"name": "secure_query_data", "arguments": {}});
    let (_, answer) = call(rig, &rig.token("all"), "tools/call", params).await;
    let records = &answer["result"]["structuredContent"]["records"];
    records.as_array().unwrap().len()
}

/// What the person answers, with the state that came with the question.
fn answered(question: &Value, answer: &Value) -> Value {
    json!({
        "inputResponses": {"confirmation": answer},
        "requestState": question["result"]["requestState"],
    })
}

fn accepted(confirm: bool) -> Value {
    json!({"action": "accept", "content": {"confirm": confirm}})
}

fn is_question(answer: &Value) -> bool {
    answer["result"]["resultType"] == "input_required"
}

#[tokio::test]
async fn a_record_is_deleted_after_the_person_said_so() {
    let rig = Rig::start().await;
    let all = rig.token("all");
    save(&rig, "one").await;
    let question = delete(&rig, &all, "one", json!({})).await;
    assert!(is_question(&question), "{question}");
    let asked = &question["result"]["inputRequests"]["confirmation"];
    assert_eq!(asked["method"], "elicitation/create");
    let message = asked["params"]["message"].as_str().unwrap();
    assert!(message.contains("Delete a record") && message.contains("one"));
    assert_eq!(
        asked["params"]["requestedSchema"]["properties"]["confirm"]["type"],
        "boolean"
    );
    assert_eq!(records(&rig).await, 1);
    let yes = answered(&question, &accepted(true));
    let done = delete(&rig, &all, "one", yes).await;
    assert_eq!(done["result"]["structuredContent"]["record_id"], "one");
    assert_eq!(records(&rig).await, 0);
}

#[tokio::test]
async fn whoever_does_not_confirm_keeps_the_record() {
    let rig = Rig::start().await;
    let all = rig.token("all");
    save(&rig, "one").await;
    let question = delete(&rig, &all, "one", json!({})).await;
    for no in [
        json!({"action": "decline"}),
        json!({"action": "cancel"}),
        accepted(false),
    ] {
        let answer = delete(&rig, &all, "one", answered(&question, &no)).await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
    }
    // No answer, and none that can be understood: asked again.
    for nothing in [
        json!(7),
        json!({"action": "accept"}),
        json!({"action": "accept", "content": {"confirm": "yes"}}),
    ] {
        let answer = delete(&rig, &all, "one", answered(&question, &nothing)).await;
        assert!(is_question(&answer), "{answer}");
    }
    assert_eq!(records(&rig).await, 1);
}

#[tokio::test]
async fn an_answer_counts_for_its_own_question_alone() {
    let mut rig = Rig::start().await;
    let (all, deleter) = (rig.token("all"), rig.token("deleter"));
    for id in ["one", "two"] {
        save(&rig, id).await;
    }
    let question = delete(&rig, &all, "one", json!({})).await;
    let yes = answered(&question, &accepted(true));
    let mut tampered = yes.clone();
    let state = yes["requestState"].as_str().unwrap();
    tampered["requestState"] = format!("{state}x").into();
    for (who, id, answer) in [
        (&all, "two", &yes),
        (&deleter, "one", &yes),
        (&all, "one", &tampered),
    ] {
        let refused = delete(&rig, who, id, answer.clone()).await;
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    // A word that nobody asked for is a question too.
    let mut unasked = yes.clone();
    unasked.as_object_mut().unwrap().remove("requestState");
    assert!(is_question(&delete(&rig, &all, "one", unasked).await));
    assert_eq!(records(&rig).await, 2);
    // The question was remembered nowhere: another process takes the answer.
    rig.restart().await;
    let done = delete(&rig, &all, "one", yes).await;
    assert_eq!(done["result"]["isError"], false, "{done}");
    assert_eq!(records(&rig).await, 1);
}

#[tokio::test]
async fn who_cannot_be_asked_is_not_asked() {
    let rig = Rig::start().await;
    let all = rig.token("all");
    let params = |id: &str| json!({"name": "delete_record", "arguments": {"record_id": id}});
    for id in ["one", "two", "three"] {
        save(&rig, id).await;
    }
    for (id, capabilities) in [
        ("one", json!({})),
        ("two", json!({"elicitation": {"url": {}}})),
    ] {
        let request = modern(&rig, &all, ("tools/call", params(id)), capabilities);
        let (_, answer) = rig.ask(request).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
    }
    let (_, answer) = call(&rig, &all, "tools/call", params("three")).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(records(&rig).await, 0);
}

#[tokio::test]
async fn nobody_is_asked_about_what_would_not_be_done() {
    let rig = Rig::start().await;
    // A tool that is hidden is as unknown as any.
    let hidden = delete(&rig, &rig.token("reader"), "one", json!({})).await;
    assert_eq!(hidden["error"]["code"], -32602, "{hidden}");
    // Arguments that are wrong are told at once.
    let wrong = delete(&rig, &rig.token("all"), "", json!({})).await;
    assert_eq!(wrong["result"]["isError"], true, "{wrong}");
}

#[tokio::test]
async fn every_tool_that_deletes_or_cuts_off_asks_and_no_other() {
    let rig = Rig::start().await;
    for persona in ["all", "admin"] {
        let token = rig.token(persona);
        let (_, list) = rig.get("/mcp/tools", &token).await;
        for tool in list["tools"].as_array().unwrap() {
            let arguments = &tool["inputSchema"]["examples"][0];
            let params = json!({"name": tool["name"], "arguments": arguments});
            let capabilities = json!({"elicitation": {"form": {}}});
            let request = modern(&rig, &token, ("tools/call", params), capabilities);
            let (_, answer) = rig.ask(request).await;
            let name = tool["name"].as_str().unwrap();
            let asks = name.starts_with("delete_") || name == "admin_revoke_grants";
            assert_eq!(is_question(&answer), asks, "{tool}: {answer}");
            let hint = &tool["annotations"]["destructiveHint"];
            assert!(!asks || hint == true, "{tool}");
        }
    }
}
