use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Graph;
use super::problem::Problem;
use crate::directory::Persona;

/// `GET /v1.0/me` (Microsoft Learn, "Get a user"), with `$select` as the only
/// option.
pub(super) async fn read(
    State(graph): State<Arc<Graph>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let answered = graph.authenticate(&headers).and_then(|persona| {
        let selected = selected(query.as_deref().unwrap_or_default())?;
        profile(persona, selected.as_deref())
    });
    match answered {
        Ok(profile) => Json(profile).into_response(),
        Err(problem) => problem.answer(&graph.occasion()),
    }
}

/// The names that `$select` asks for.
fn selected(query: &str) -> Result<Option<Vec<String>>, Problem> {
    let mut selected = None;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "$select" {
            return Err(bad_request(format!(
                "The query parameter '{name}' is not supported."
            )));
        }
        selected = Some(
            value
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect(),
        );
    }
    Ok(selected)
}

fn bad_request(message: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BadRequest", message)
}

/// The properties that Graph gives without being asked for others.
fn properties(persona: &Persona) -> Map<String, Value> {
    let (given_name, surname) = persona
        .display_name
        .split_once(' ')
        .unwrap_or((persona.display_name, ""));
    let mut properties = Map::new();
    for (name, value) in [
        ("businessPhones", json!([])),
        ("displayName", json!(persona.display_name)),
        ("givenName", json!(given_name)),
        ("id", json!(persona.object_id)),
        ("jobTitle", json!(persona.description)),
        ("mail", json!(persona.user_principal_name)),
        ("mobilePhone", Value::Null),
        ("officeLocation", Value::Null),
        ("preferredLanguage", json!("en-US")),
        ("surname", json!(surname)),
        ("userPrincipalName", json!(persona.user_principal_name)),
    ] {
        properties.insert(name.to_owned(), value);
    }
    properties
}

fn profile(persona: &Persona, selected: Option<&[String]>) -> Result<Value, Problem> {
    let all = properties(persona);
    let base = "https://graph.microsoft.com/v1.0/$metadata#users";
    let (context, mut members) = match selected {
        None => (format!("{base}/$entity"), all),
        Some(names) => {
            let mut members = Map::new();
            for name in names {
                let value = all.get(name).ok_or_else(|| {
                    bad_request(format!(
                        "Parsing OData Select and Expand failed: Could not find a property named \
                         '{name}' on type 'microsoft.graph.user'."
                    ))
                })?;
                members.insert(name.clone(), value.clone());
            }
            (format!("{base}({})/$entity", names.join(",")), members)
        }
    };
    members.insert("@odata.context".to_owned(), json!(context));
    Ok(Value::Object(members))
}
