//! Schemas that clients of every kind take.

use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// Keywords that say something of values of one type alone (JSON Schema
/// 2020-12 Validation, section 6, and Core, section 10.3).
const OF_TYPE: [(&str, &[&str]); 5] = [
    ("string", &["minLength", "maxLength", "pattern", "format"]),
    ("integer", NUMERIC),
    ("number", NUMERIC),
    (
        "array",
        &[
            "items",
            "prefixItems",
            "contains",
            "minItems",
            "maxItems",
            "uniqueItems",
        ],
    ),
    (
        "object",
        &[
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "required",
            "minProperties",
            "maxProperties",
        ],
    ),
];

const NUMERIC: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// The same schema without lists of types: `{"type": ["string", "null"]}`
/// becomes `anyOf` of one type each, since some clients map schemas to
/// dialects in which a schema has one type, and drop or refuse the rest.
pub(super) fn portable(schema: JsonObject) -> JsonObject {
    let mut schema: JsonObject = schema
        .into_iter()
        .map(|(keyword, value)| (keyword, portable_within(value)))
        .collect();
    if schema.contains_key("anyOf") {
        return schema;
    }
    let Some(Value::Array(types)) = schema.get("type").cloned() else {
        return schema;
    };
    schema.remove("type");
    let branches: Vec<Value> = types
        .iter()
        .filter_map(Value::as_str)
        .map(|kind| branch(kind, &mut schema))
        .collect();
    schema.insert("anyOf".to_owned(), branches.into());
    schema
}

/// The schema of one type, with the keywords that are its own.
fn branch(kind: &str, schema: &mut JsonObject) -> Value {
    let mut branch = JsonObject::new();
    branch.insert("type".to_owned(), json!(kind));
    let own = OF_TYPE.iter().find(|(name, _)| *name == kind);
    for keyword in own.into_iter().flat_map(|(_, keywords)| keywords.iter()) {
        if let Some(value) = schema.remove(*keyword) {
            branch.insert((*keyword).to_owned(), value);
        }
    }
    branch.into()
}

fn portable_within(value: Value) -> Value {
    match value {
        Value::Object(schema) => portable(schema).into(),
        Value::Array(values) => values.into_iter().map(portable_within).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: Value) -> Value {
        let Value::Object(schema) = schema else {
            panic!("a schema is an object");
        };
        portable(schema).into()
    }

    #[test]
    fn a_list_of_types_becomes_a_choice_of_one_type_each() {
        let before = json!({"type": "object", "properties": {
            "text": {"type": ["string", "null"], "maxLength": 9, "description": "A text"},
            "sort": {"type": ["object", "null"], "properties": {
                "n": {"type": ["integer", "string"], "minimum": 1},
            }, "required": ["n"]},
            "plain": {"type": "string"},
        }});
        let after = json!({"type": "object", "properties": {
            "text": {
                "anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}],
                "description": "A text",
            },
            "sort": {"anyOf": [{"type": "object", "properties": {
                "n": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]},
            }, "required": ["n"]}, {"type": "null"}]},
            "plain": {"type": "string"},
        }});
        assert_eq!(of(before), after);
    }
}
