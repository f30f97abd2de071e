use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use super::agents::Agent;
use super::caller::Caller;
use super::control::Role;
use super::problem::Problem;
use super::{Foundry, PROJECT};

/// Versions of the API that exist.
const API_VERSIONS: [&str; 2] = ["v1", "2025-11-15-preview"];

/// A caller who may pass, and where: the project's own routes, or one agent's
/// endpoint.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) caller: Caller,
    /// The agent, on its endpoint.
    pub(super) endpoint: Option<&'static Agent>,
    /// The response or conversation in the path.
    pub(super) id: String,
    /// The query.
    pub(super) query: HashMap<String, String>,
}

impl Door {
    /// Whether what belongs to `agent` can be seen from here: from the project
    /// everything, from an agent's endpoint what was made at it.
    pub(super) fn shows(&self, agent: Option<&str>) -> bool {
        self.endpoint
            .is_none_or(|endpoint| agent == Some(endpoint.name))
    }
}

impl FromRequestParts<Arc<Foundry>> for Door {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        foundry: &Arc<Foundry>,
    ) -> Result<Self, Self::Rejection> {
        let Path(mut path) = Path::<HashMap<String, String>>::from_request_parts(parts, foundry)
            .await
            .map_err(|_| Problem::not_found("The path cannot be read."))?;
        let Query(query) = Query::<HashMap<String, String>>::from_request_parts(parts, foundry)
            .await
            .map_err(|_| Problem::invalid("invalid_query", "The query cannot be read."))?;
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map_or("", MatchedPath::as_str);
        let at_endpoint = route.contains("/endpoint/protocols/");
        // The version is part of the path on the project route.
        if !route.contains("/openai/v1/") {
            check_version(query.get("api-version").map(String::as_str))?;
        }
        let caller = foundry.authenticate(&parts.headers)?;
        let role = foundry.settings().role(&caller);
        let lists = parts.method == Method::GET && !route.contains("/openai/") && !at_endpoint;
        let (allowed, action) = if at_endpoint {
            let talks = matches!(role, Role::Consumer | Role::User);
            (talks, "endpoints/interact/action")
        } else if lists {
            (matches!(role, Role::Reader | Role::User), "agents/read")
        } else if parts.method == Method::GET {
            (role == Role::User, "agents/read")
        } else {
            (role == Role::User, "agents/write")
        };
        if !allowed {
            let action = format!("Microsoft.CognitiveServices/accounts/AIServices/{action}");
            return Err(Problem::forbidden(&caller.object_id, &action));
        }
        if path.get("project").map(String::as_str) != Some(PROJECT) {
            return Err(Problem::not_found("Project not found."));
        }
        if at_endpoint {
            foundry.check_feature(&parts.headers)?;
        }
        let endpoint = match path.get("agent") {
            Some(name) if at_endpoint => Some(foundry.settings().enabled(name)?),
            _ => None,
        };
        let id = path.remove("id").or_else(|| path.remove("agent"));
        Ok(Self {
            caller,
            endpoint,
            id: id.unwrap_or_default(),
            query,
        })
    }
}

impl Foundry {
    /// The opt-in that the control surface says is needed.
    fn check_feature(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(required) = self.settings().behaviour.required_feature.clone() else {
            return Ok(());
        };
        let opted_in = headers
            .get("foundry-features")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|list| list.split(',').any(|feature| feature.trim() == required));
        if opted_in {
            return Ok(());
        }
        Err(Problem::invalid(
            "preview_feature_required",
            format!("This operation requires the preview feature {required}."),
        ))
    }
}

fn check_version(version: Option<&str>) -> Result<(), Problem> {
    match version {
        None => Err(Problem::invalid(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )),
        Some(version) if API_VERSIONS.contains(&version) => Ok(()),
        Some(_) => Err(Problem::invalid(
            "UnsupportedApiVersion",
            "The requested API version is not supported.",
        )),
    }
}
