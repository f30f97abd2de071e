//! Schemas of what routes take and give, from the types themselves.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Where the document keeps schemas that have a name.
const PLACE: &str = "/components/schemas";

/// The schemas of one document. `OpenAPI` 3.1 speaks JSON Schema 2020-12
/// (`OpenAPI` 3.1.1 section 4.8.24).
#[derive(Debug)]
pub(super) struct Schemas {
    /// Of bodies and queries: what may be left out may be left out.
    taken: SchemaGenerator,
    /// Of answers: what is always there is required.
    given: SchemaGenerator,
}

/// A schema that is made when the document is.
pub(super) type Shape = fn(&mut Schemas) -> Value;

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = PLACE.into();
                settings.meta_schema = None;
            })
        };
        Self {
            taken: settings().for_deserialize().into_generator(),
            given: settings().for_serialize().into_generator(),
        }
    }

    /// What a route takes.
    pub(super) fn takes<T: JsonSchema>(&mut self) -> Value {
        self.taken.subschema_for::<T>().to_value()
    }

    /// What a route gives.
    pub(super) fn gives<T: JsonSchema>(&mut self) -> Value {
        self.given.subschema_for::<T>().to_value()
    }

    /// The parameters of a query, one for each member of the type.
    pub(super) fn query<T: JsonSchema>(&mut self) -> Value {
        let schema = T::json_schema(&mut self.taken).to_value();
        let empty = Map::new();
        let members = schema.get("properties").and_then(Value::as_object);
        let members = members.unwrap_or(&empty);
        let required = |name: &String| {
            let names = schema.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let parameters = members.iter().map(|(name, member)| {
            let mut member = member.clone();
            let description = member.as_object_mut().and_then(|member| {
                without_null(member);
                member.remove("description")
            });
            let description = description.unwrap_or_else(|| "".into());
            json!({
                "name": name,
                "in": "query",
                "required": required(name),
                "description": description,
                "schema": member,
            })
        });
        Value::Array(parameters.collect())
    }

    /// The schemas that have a name.
    pub(super) fn named(mut self) -> Map<String, Value> {
        let mut named = self.taken.take_definitions(true);
        named.extend(self.given.take_definitions(true));
        named
    }
}

/// A query has no null: what is optional is not there.
fn without_null(member: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = member.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            member.insert("type".to_owned(), only);
        }
    }
}
