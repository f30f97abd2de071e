//! What each tool says of itself, as files in git; and what a definition may
//! not say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Kit;
use crate::downstream::testing::HOME;
use crate::identity::Principal;
use crate::mcp::{Effects, Registry, Tool, ToolError};
use crate::policy::{self, Policy, ToolClass};

const FOLDER: &str = "handlers/mcp/tools/definitions";

#[tokio::test]
async fn the_definition_of_each_tool_is_current() {
    let kit = Kit::new().await;
    let mut expected = BTreeSet::new();
    for (name, _, definition, _) in kit.registry.all() {
        let text = serde_json::to_string_pretty(definition).unwrap() + "\n";
        crate::snapshot::assert_current(&format!("{FOLDER}/{name}.json"), &text);
        expected.insert(format!("{name}.json"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, expected, "a file is left of a tool that is gone");
}

/// What the hints of a definition are.
fn hints(definition: &Value) -> (bool, bool) {
    let hint = |name: &str| definition["annotations"][name].as_bool().unwrap();
    (hint("readOnlyHint"), hint("destructiveHint"))
}

#[tokio::test]
async fn every_tool_is_described_closed_and_hinted_by_its_class() {
    let kit = Kit::new().await;
    for (name, class, definition, example) in kit.registry.all() {
        let definition = serde_json::to_value(definition).unwrap();
        assert!(
            definition["description"].as_str().unwrap().len() > 30,
            "{name}"
        );
        assert!(definition["title"].is_string(), "{name}");
        let input = &definition["inputSchema"];
        assert_eq!(input["type"], "object", "{name}");
        assert_eq!(input["additionalProperties"], false, "{name}");
        assert_eq!(input["examples"], json!([example]), "{name}");
        for (field, schema) in input["properties"].as_object().unwrap() {
            assert!(schema["description"].is_string(), "{name}.{field}");
        }
        assert_eq!(definition["outputSchema"]["type"], "object", "{name}");
        assert!(!definition.to_string().contains("$ref"), "{name}");
        match class {
            ToolClass::Read | ToolClass::Public => {
                assert_eq!(hints(&definition), (true, false), "{name}");
            }
            ToolClass::Delete => assert_eq!(hints(&definition), (false, true), "{name}"),
            ToolClass::Write => assert!(!hints(&definition).0, "{name}"),
            ToolClass::Admin => assert!(name.starts_with("admin_"), "{name}"),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Closed {
    #[serde(rename = "number")]
    #[schemars(range(max = 9))]
    _number: u8,
}

#[derive(Deserialize, JsonSchema)]
struct Open {}

#[derive(Serialize, JsonSchema)]
struct Nothing {}

/// A tool with a class, whether it claims to be read-only, and what it takes.
macro_rules! tool {
    ($type:ident, $class:expr, $effects:expr, $arguments:ty, $example:expr) => {
        struct $type;
        impl Tool for $type {
            const NAME: &'static str = "tested";
            const TITLE: &'static str = "Tested";
            const DESCRIPTION: &'static str = "";
            const CLASS: ToolClass = $class;
            const EFFECTS: Effects = $effects;
            type Arguments = $arguments;
            type Output = Nothing;
            fn example() -> Value {
                $example
            }
            async fn call(&self, _: &Principal, _: $arguments) -> Result<Nothing, ToolError> {
                Ok(Nothing {})
            }
        }
    };
}

tool!(
    Sound,
    ToolClass::Read,
    Effects::READS,
    Closed,
    json!({"number": 1})
);
tool!(
    ReadsByDeleting,
    ToolClass::Read,
    Effects::DELETES,
    Closed,
    json!({"number": 1})
);
tool!(
    DeletesByReading,
    ToolClass::Delete,
    Effects::READS,
    Closed,
    json!({"number": 1})
);
tool!(
    WritesByReading,
    ToolClass::Write,
    Effects::READS,
    Closed,
    json!({"number": 1})
);
tool!(
    PublicByClass,
    ToolClass::Public,
    Effects::READS,
    Closed,
    json!({"number": 1})
);
tool!(
    TakesAnything,
    ToolClass::Read,
    Effects::READS,
    Open,
    json!({})
);
tool!(
    WrongExample,
    ToolClass::Read,
    Effects::READS,
    Closed,
    json!({"number": 10})
);

#[test]
fn a_definition_that_contradicts_itself_stops_the_start() {
    fn refused<T: Tool>(tool: T, reason: &str) {
        let error = registry().with(tool).unwrap_err().to_string();
        assert!(
            error.contains("`tested`") && error.contains(reason),
            "{error}"
        );
    }
    refused(ReadsByDeleting, "effects");
    refused(DeletesByReading, "effects");
    refused(WritesByReading, "effects");
    refused(PublicByClass, "class");
    refused(TakesAnything, "deny_unknown_fields");
    refused(WrongExample, "example");
    let twice = registry().with(Sound).unwrap().with(Sound);
    assert!(twice.unwrap_err().to_string().contains("taken"));
}

fn registry() -> Registry {
    Registry::new(Arc::new(Policy::parse(policy::DEFAULT, HOME).unwrap()))
}
