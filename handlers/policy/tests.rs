use serde_json::{Value, json};

use super::*;
use crate::examples::example;

const HOME: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn roles(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn the_default_policy_gives_each_role_its_classes() {
    use ToolClass::{Admin, Delete, Public, Read, Write};
    let policy = Policy::parse(DEFAULT, HOME).unwrap();
    for (role, classes) in [
        ("Task.Read", &[Read][..]),
        ("Task.Write", &[Read, Write]),
        ("Task.Delete", &[Read, Delete]),
        ("Task.All", &[Read, Write, Delete]),
        ("MCPServer.Admin", &[Admin]),
        ("task.read", &[]),
    ] {
        for class in [Read, Write, Delete, Admin] {
            assert_eq!(
                policy.roles_allow_tool(&roles(&[role]), class),
                classes.contains(&class),
                "{role} {class:?}"
            );
        }
    }
    assert!(!policy.roles_allow_tool(&[], Read));
    assert!(policy.roles_allow_tool(&[], Public));
}

#[test]
fn another_tenant_gets_no_more_than_the_policy_lets_it_have() {
    let policy = Policy::parse(DEFAULT, HOME).unwrap();
    let given = roles(&["Task.Read", "Task.All", ADMIN_ROLE]);
    assert_eq!(policy.effective_roles(HOME, &given), given);
    assert_eq!(policy.effective_roles(OTHER, &given), roles(&["Task.Read"]));
    let own_limits = format!(
        r#"{{"tenants": {{"default": {{"roles_allowed": ["Task.Read"]}},
            "{OTHER}": {{"roles_allowed": ["Task.All"]}}}}}}"#
    );
    let policy = Policy::parse(&own_limits, HOME).unwrap();
    assert_eq!(policy.effective_roles(OTHER, &given), roles(&["Task.All"]));
    let nobody_else = Policy::parse("{}", HOME).unwrap();
    assert!(nobody_else.effective_roles(OTHER, &given).is_empty());
}

#[test]
fn a_bad_policy_is_refused_with_the_place() {
    for (text, place) in [
        (r#"{"tools": {"Task.Read": ["raed"]}}"#, "raed"),
        (r#"{"tools": {"Task.Read": ["public"]}}"#, "public"),
        (
            r#"{"tools": {"Task.Raed": ["read"]}}"#,
            "`tools` has the role `Task.Raed`",
        ),
        (
            r#"{"tools": {"task.read": ["read"]}}"#,
            "`tools` has the role `task.read`",
        ),
        (
            r#"{"tools": {"Task.Read": ["read"], "Task.Read": ["admin"]}}"#,
            "`Task.Read` is there twice",
        ),
        (r#"{"tool": {}}"#, "tool"),
        (
            r#"{"agents": {"assistant": ["Everybody"]}}"#,
            "`agents.assistant` has the role `Everybody`",
        ),
        (
            r#"{"tenants": {"contoso": {"roles_allowed": []}}}"#,
            "`tenants` has the key `contoso`",
        ),
        (
            r#"{"tenants": {"default": {"roles_allowed": ["MCPServer.Admin"]}}}"#,
            "`tenants.default` allows `MCPServer.Admin`",
        ),
        (
            r#"{"tenants": {"00000000-0000-0000-0000-000000000001": {"roles_allowed": []}}}"#,
            "home tenant",
        ),
        (r#"{"roles": ["Finance Reader"]}"#, "`Finance Reader`"),
        ("", "EOF"),
    ] {
        let error = Policy::parse(text, HOME).unwrap_err().to_string();
        assert!(error.contains(place), "{text}: {error}");
    }
}

#[test]
fn every_fault_is_named_at_once() {
    let text = r#"{"tools": {"A": ["read"]}, "agents": {"x": ["B"]},
        "tenants": {"y": {"roles_allowed": ["C"]}}}"#;
    let error = Policy::parse(text, HOME).unwrap_err().to_string();
    for part in ["`A`", "`B`", "`C`", "`y`"] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn roles_of_ones_own_count_when_they_are_declared() {
    let text = r#"{"roles": ["Finance.Reader"], "tools": {"Finance.Reader": ["read"]}}"#;
    let policy = Policy::parse(text, HOME).unwrap();
    assert!(policy.roles_allow_tool(&roles(&["Finance.Reader"]), ToolClass::Read));
}

#[test]
fn the_published_schema_is_that_of_the_type() {
    let mut schema = schemars::schema_for!(PolicyFile);
    schema.insert("title".to_owned(), "Entrada policy".into());
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    crate::snapshot::assert_current("docs/policy.schema.json", &text);
}

#[test]
fn the_published_schema_takes_our_own_policies_and_refuses_wrong_ones() {
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/policy.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let policies = [
        DEFAULT,
        include_str!("../dev/policy.json"),
        include_str!("../../tests/it/rig/policy.json"),
    ];
    for policy in policies {
        assert!(validator.is_valid(&serde_json::from_str(policy).unwrap()));
        assert!(Policy::parse(policy, HOME).is_ok());
    }
    for wrong in [
        r#"{"tools": {"Task.Read": ["public"]}}"#,
        r#"{"tools": {"Task.Read": "read"}}"#,
        r#"{"tenants": {"default": {"roles": []}}}"#,
    ] {
        assert!(!validator.is_valid(&serde_json::from_str(wrong).unwrap()));
    }
}

#[test]
fn the_policy_of_the_page_on_deploying_is_the_built_in_one_with_its_agents() {
    let text = example("docs/deploy.md", "\"roles_allowed\"");
    assert!(Policy::parse(&text, HOME).is_ok());
    let mut shown: Value = serde_json::from_str(&text).unwrap();
    let agents: Value =
        serde_json::from_str(&example("docs/deploy.md", "\"foundry_agent\"")).unwrap();
    for agent in agents["agents"].as_array().unwrap() {
        assert!(!shown["agents"][agent["id"].as_str().unwrap()].is_null());
    }
    let mut built_in: Value = serde_json::from_str(DEFAULT).unwrap();
    built_in["$schema"] = shown["$schema"].clone();
    shown["agents"] = json!({});
    assert_eq!(shown, built_in);
}
