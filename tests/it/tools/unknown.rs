//! A tool that is hidden, misspelt or made up: the answers are the same byte
//! for byte, but for the name.

use serde_json::json;

use super::{OTHER_TENANT, request, token_with_roles};
use crate::mcp::modern;
use crate::rig::Rig;

/// The ways to ask: in each era, and by a client that wants to be told how
/// far the call is and so may get a stream.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Initialized,
    Modern,
    ModernWithProgress,
}

/// A call of a tool that may not be there.
pub(super) fn asked(rig: &Rig, token: &str, name: &str, way: Way) -> reqwest::RequestBuilder {
    let arguments = json!({"record_id": "one", "data": {}, "agent": "assistant", "message": "Hi"});
    let mut params = json!({"name": name, "arguments": arguments});
    match way {
        Way::Initialized => return request(rig, name, &arguments).bearer_auth(token),
        Way::Modern => {}
        Way::ModernWithProgress => params["_meta"]["progressToken"] = 1.into(),
    }
    modern(
        rig,
        token,
        ("tools/call", params),
        json!({"elicitation": {}}),
    )
}

/// Status, headers that tell something, and the body.
async fn whole_answer(rig: &Rig, token: &str, name: &str, way: Way) -> String {
    let response = asked(rig, token, name, way).send().await.unwrap();
    let mut head = vec![format!("{}", response.status())];
    for (header, value) in response.headers() {
        // These differ from answer to answer whatever is asked.
        if !["date", "x-correlation-id", "content-length"].contains(&header.as_str()) {
            head.push(format!("{header}: {}", value.to_str().unwrap()));
        }
    }
    head.sort();
    head.push(response.text().await.unwrap());
    head.join("\n").replace(name, "NAME")
}

#[tokio::test]
async fn hidden_misspelt_and_unknown_tools_answer_alike() {
    let rig = Rig::with(&[OTHER_TENANT]).await;
    let reader = rig.token("reader");
    let guest = token_with_roles(&rig, "guest", &["MCPServer.Admin", "Task.All", "Task.Read"]);
    let norole = rig.token("norole");
    for (token, hidden) in [
        (
            &reader,
            &[
                "save_record",
                "delete_record",
                "ask_agent",
                "admin_system_status",
            ][..],
        ),
        (
            &guest,
            &[
                "save_record",
                "delete_record",
                "admin_system_status",
                "admin_weather_stats",
            ],
        ),
        (
            &norole,
            &["whoami", "health_check", "secure_query_data", "save_record"],
        ),
    ] {
        for way in [Way::Initialized, Way::Modern, Way::ModernWithProgress] {
            alike(&rig, token, hidden, way).await;
        }
    }
}

async fn alike(rig: &Rig, token: &str, hidden: &[&str], way: Way) {
    let unknown = whole_answer(rig, token, "no_such_tool_ever", way).await;
    assert!(unknown.contains("-32602"), "{unknown}");
    let misspelt = ["Whoami", "save-record", "get_authentication_inf", "'"];
    // A header, which the later era repeats the name in, ends with no space.
    let spaced = matches!(way, Way::Initialized).then_some("whoami ");
    for name in hidden.iter().chain(&misspelt).chain(&spaced) {
        assert_eq!(whole_answer(rig, token, name, way).await, unknown, "{name}");
    }
}

#[tokio::test]
async fn a_guest_with_every_role_sees_what_the_policy_gives_the_tenant() {
    let rig = Rig::with(&[OTHER_TENANT]).await;
    let names = async |token: &str| {
        let (status, list) = rig.get("/mcp/tools", token).await;
        assert_eq!(status, 200);
        let tools = list["tools"].as_array().unwrap().iter();
        tools
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let admin_and_all = token_with_roles(&rig, "guest", &["MCPServer.Admin", "Task.All"]);
    assert_eq!(names(&admin_and_all).await, ["get_authentication_info"]);
    let everything = token_with_roles(
        &rig,
        "guest",
        &[
            "MCPServer.Admin",
            "Task.All",
            "Task.Delete",
            "Task.Read",
            "Task.Write",
        ],
    );
    assert_eq!(names(&everything).await, names(&rig.token("writer")).await);
}
