//! The registration of the application, for whoever looks after it: the
//! routes that Microsoft Learn documents under "Get application", "List
//! federatedIdentityCredentials", "Get servicePrincipal", "List
//! appRoleAssignments granted for a service principal" and "List
//! oauth2PermissionGrants".

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, OriginalUri, Path, RawQuery, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Graph;
use super::problem::Problem;
use crate::directory::CLIENT_ID;
use crate::serve::Arrival;

/// Delegated permissions, any of which reads registrations. A token of the
/// Azure CLI has the third.
pub(super) const PERMISSIONS: [&str; 4] = [
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Directory.Read.All",
];

/// Members of a list that a page has.
const PAGE: usize = 100;

/// Where a list is asked for: its address, and from which member on.
pub(super) struct Place {
    address: String,
    from: usize,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let OriginalUri(uri) = OriginalUri::from_request_parts(parts, state).await?;
        let arrival = parts.extensions.get::<Arrival>();
        let scheme = arrival.map_or("http", |arrival| arrival.scheme());
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        let mut from = 0;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        {
            if name == "$skiptoken" {
                from = value.parse().unwrap_or_default();
            } else {
                query.append_pair(&name, &value);
            }
        }
        Ok(Self {
            address: format!(
                "{scheme}://{}{}?{}",
                host.unwrap_or("localhost"),
                uri.path(),
                query.finish()
            ),
            from,
        })
    }
}

impl Place {
    /// The page of `members` that is asked for, and where the next one is
    /// (Microsoft Learn, "Paging Microsoft Graph data in your app").
    fn page(&self, members: &[Value]) -> Value {
        let rest = members.get(self.from..).unwrap_or_default();
        let mut page = json!({"value": rest.iter().take(PAGE).collect::<Vec<_>>()});
        if let (true, Some(answer)) = (rest.len() > PAGE, page.as_object_mut()) {
            let next = format!("{}&$skiptoken={}", self.address, self.from + PAGE);
            answer.insert("@odata.nextLink".to_owned(), json!(next));
        }
        page
    }
}

/// `GET /v1.0/{resource}`.
pub(super) async fn read(
    State(graph): State<Arc<Graph>>,
    Path(resource): Path<String>,
    RawQuery(query): RawQuery,
    place: Place,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    answer(&graph, &headers, |graph| match resource.as_str() {
        "oauth2PermissionGrants" => grants(graph, &query, &place),
        keyed if is_of(keyed, "applications") => graph.registered("application"),
        keyed if is_of(keyed, "servicePrincipals") => graph.registered("servicePrincipal"),
        _ => Err(not_found(&resource)),
    })
}

/// `GET /v1.0/{resource}/{collection}` and `/v1.0/servicePrincipals/{id}/…`.
pub(super) async fn list(
    State(graph): State<Arc<Graph>>,
    Path((resource, collection)): Path<(String, String)>,
    place: Place,
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
        let all = graph.registrations.get(&collection);
        let all = all.as_ref().and_then(Value::as_array);
        Ok(place.page(all.map_or(&[], Vec::as_slice)))
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

/// The filters that are understood: `clientId eq '{id}'`, and that `and
/// consentType eq '{type}'`.
fn grants(graph: &Graph, query: &str, place: &Place) -> Result<Value, Problem> {
    let asked = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "$filter")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let mut wanted = Vec::new();
    for term in asked.split(" and ") {
        let quoted = term
            .split_once(" eq '")
            .and_then(|(name, rest)| Some((name, rest.strip_suffix('\'')?)))
            .filter(|(name, _)| matches!(*name, "clientId" | "consentType"));
        wanted.push(quoted.ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "Request_UnsupportedQuery",
                "The filter is not supported by this stand-in.",
            )
        })?);
    }
    let is_wanted = |grant: &Value| {
        wanted
            .iter()
            .all(|(name, value)| grant.get(name).and_then(Value::as_str) == Some(value))
    };
    let all = graph.registrations.get("oauth2PermissionGrants");
    let found: Vec<Value> = all
        .iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter(|grant| is_wanted(grant))
        .cloned()
        .collect();
    Ok(place.page(&found))
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
