//! A tool that is hidden, misspelt or made up: the answers are the same byte
//! for byte, but for the name.

use serde_json::json;

use super::{OTHER_TENANT, request, token_with_roles};
use crate::rig::Rig;

/// Status, headers that tell something, and the body.
async fn whole_answer(rig: &Rig, token: &str, name: &str) -> String {
    let arguments = json!({"record_id": "one", "data": {}});
    let request = request(rig, name, &arguments).bearer_auth(token);
    let response = request.send().await.unwrap();
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
        let unknown = whole_answer(&rig, token, "no_such_tool_ever").await;
        assert!(unknown.contains("-32602"), "{unknown}");
        let misspelt = [
            "Whoami",
            "whoami ",
            "save-record",
            "get_authentication_inf",
            "'",
        ];
        for name in hidden.iter().chain(&misspelt) {
            assert_eq!(whole_answer(&rig, token, name).await, unknown, "{name}");
        }
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
