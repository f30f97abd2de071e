//! The registration of the application, for whoever looks after it: the
//! routes that Microsoft Learn documents under "Get application", "List
//! federatedIdentityCredentials", "Get servicePrincipal", "List
//! appRoleAssignments granted for a service principal" and "List
//! oauth2PermissionGrants".

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Graph;
use super::problem::Problem;
use crate::directory::CLIENT_ID;

/// Delegated permissions, any of which reads registrations. A token of the
/// Azure CLI has the third.
pub(super) const PERMISSIONS: [&str; 4] = [
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Directory.Read.All",
];

/// `GET /v1.0/{resource}`.
pub(super) async fn read(
    State(graph): State<Arc<Graph>>,
    Path(resource): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    answer(&graph, &headers, |graph| match resource.as_str() {
        "oauth2PermissionGrants" => grants(graph, &query),
        keyed if is_of(keyed, "applications") => graph.registered("application"),
        keyed if is_of(keyed, "servicePrincipals") => graph.registered("servicePrincipal"),
        _ => Err(not_found(&resource)),
    })
}

/// `GET /v1.0/{resource}/{collection}` and `/v1.0/servicePrincipals/{id}/…`.
pub(super) async fn list(
    State(graph): State<Arc<Graph>>,
    Path((resource, collection)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer(&graph, &headers, |graph| {
        let known = match collection.as_str() {
            "federatedIdentityCredentials" => is_of(&resource, "applications"),
            "appRoleAssignedTo" => is_of(&resource, "servicePrincipals"),
            _ => false,
        };
        if !known {
            return Err(not_found(&resource));
        }
        Ok(json!({"value": graph.registrations.get(&collection).unwrap_or_else(|| json!([]))}))
    })
}

fn answer(
    graph: &Graph,
    headers: &HeaderMap,
    find: impl FnOnce(&Graph) -> Result<Value, Problem>,
) -> Response {
    let found = graph
        .authenticate_for(headers, &PERMISSIONS)
        .and_then(|_| find(graph));
    match found {
        Ok(value) => Json(value).into_response(),
        Err(problem) => problem.answer(&graph.occasion()),
    }
}

impl Graph {
    fn registered(&self, name: &str) -> Result<Value, Problem> {
        self.registrations
            .get(name)
            .ok_or_else(|| not_found(&CLIENT_ID.to_string()))
    }
}

/// Whether a segment names our application by its alternate key, as in
/// `applications(appId='…')`.
fn is_of(segment: &str, collection: &str) -> bool {
    segment
        .strip_prefix(collection)
        .is_some_and(|key| key == format!("(appId='{CLIENT_ID}')"))
}

/// The one filter that is understood: `clientId eq '{id}'`.
fn grants(graph: &Graph, query: &str) -> Result<Value, Problem> {
    let asked = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "$filter")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let id = asked
        .strip_prefix("clientId eq '")
        .and_then(|rest| rest.strip_suffix('\''))
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "Request_UnsupportedQuery",
                "The filter is not supported by this stand-in.",
            )
        })?;
    let all = graph.registrations.get("oauth2PermissionGrants");
    let of_client: Vec<Value> = all
        .iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|grant| grant.get("clientId").and_then(Value::as_str) == Some(id))
        .cloned()
        .collect();
    Ok(json!({"value": of_client}))
}

fn not_found(id: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "Request_ResourceNotFound",
        format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are \
             not present."
        ),
    )
}
