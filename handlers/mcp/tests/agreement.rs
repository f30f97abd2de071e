//! What is listed can be called, and what is not listed does not exist.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use uuid::Uuid;

use super::Kit;
use crate::downstream::testing::{HOME, OTHER};
use crate::mcp::{Outcome, Progress};
use crate::policy::ROLES;

/// Roles that a token may have: ours, and what others may have made up.
const MORE_ROLES: [&str; 8] = [
    "task.read",
    "Task.Read ",
    "Task",
    "admin",
    "MCPServer.admin",
    "",
    "*",
    "Finance.Reader",
];

/// An argument that no tool takes: a tool that exists says so and does
/// nothing.
fn no_arguments() -> Option<rmcp::model::JsonObject> {
    json!({"no tool takes this": true}).as_object().cloned()
}

#[test]
fn list_and_call_agree_for_every_set_of_roles() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kit = runtime.block_on(Kit::new());
    let every: Vec<&str> = kit.registry.all().map(|(name, ..)| name).collect();
    let all_roles: Vec<&str> = ROLES.into_iter().chain(MORE_ROLES).collect();
    let many = all_roles.len();
    let roles = proptest::sample::subsequence(all_roles, 0..=many);
    let tenant = proptest::sample::select(vec![HOME, OTHER, Uuid::from_u128(0x9999)]);
    let mut runner = TestRunner::new(Config {
        cases: 10_000,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&(roles, tenant), |(roles, tenant)| {
            runtime.block_on(async {
                let person = kit.person(tenant, &roles).await;
                let listed = kit.registry.visible(&person);
                let listed: BTreeSet<&str> = listed.iter().map(|tool| &*tool.name).collect();
                for name in &every {
                    let outcome = kit
                        .registry
                        .call(&person, name, no_arguments(), &Progress::untold())
                        .await;
                    let exists = match outcome {
                        Outcome::Failed(error) => error.message().starts_with("Invalid arguments"),
                        Outcome::Unknown => false,
                        Outcome::Done(_) => true,
                    };
                    prop_assert_eq!(exists, listed.contains(name), "{}", name);
                    let class = kit.registry.class_for(&person, name);
                    prop_assert_eq!(class.is_some(), exists, "{}", name);
                }
                Ok(())
            })
        })
        .unwrap();
}

#[tokio::test]
async fn without_a_token_public_tools_alone_exist() {
    let kit = Kit::new().await;
    for (name, class, ..) in kit.registry.all() {
        let outcome = kit.registry.call_anonymously(name, None).await;
        let public = class == crate::policy::ToolClass::Public;
        assert_eq!(matches!(outcome, Outcome::Done(_)), public, "{name}");
        assert_eq!(matches!(outcome, Outcome::Unknown), !public, "{name}");
        assert_eq!(kit.registry.is_public(name), public, "{name}");
    }
    assert!(!kit.registry.is_public("no_such_tool"));
}
