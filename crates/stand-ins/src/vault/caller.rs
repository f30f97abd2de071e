use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use serde::Deserialize;
use uuid::{Uuid, uuid};

use std::sync::Arc;

use super::Vault;
use super::access::Action;
use super::problem::Problem;
use crate::directory::{self, CONTOSO};
use crate::serve::Arrival;

/// What vaults' tokens are for.
const RESOURCE: Uuid = uuid!("cfa8b339-82a2-471a-a3c9-0fc0be7a4093");

/// The versions of the protocol that vaults speak (Microsoft Learn, "Azure Key
/// Vault REST API reference").
const API_VERSIONS: [&str; 10] = [
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "2025-07-01",
    "2026-04-01",
];

/// Who calls, and what the vault is called by them.
#[derive(Debug)]
pub(super) struct Caller {
    object_id: Uuid,
    application: String,
    issuer: String,
    /// `https://{host}`, of which secrets' ids are made.
    pub(super) base: String,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
}

impl FromRequestParts<Arc<Vault>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        vault: &Arc<Vault>,
    ) -> Result<Self, Self::Rejection> {
        let encrypted = parts
            .extensions
            .get::<Arrival>()
            .is_some_and(|arrival| arrival.encrypted);
        if !encrypted {
            // A vault has no http port at all.
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "The vault is served over https alone.",
            ));
        }
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let host = header(HOST).unwrap_or("localhost");
        let base = format!("https://{host}");
        let challenge = format!(
            "Bearer authorization=\"{base}/{CONTOSO}\", resource=\"https://vault.azure.net\""
        );
        let refused = |message: &str| Problem::challenge(message, &challenge);
        let token = header(AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| !token.is_empty())
            .ok_or_else(|| refused("AKV10000: Request is missing a Bearer or PoP token."))?;
        let resource =
            directory::application(RESOURCE).ok_or_else(|| refused("AKV10032: Invalid issuer."))?;
        let verified = vault
            .entra
            .verify_access_token(token, resource)
            .map_err(|fault| refused(&format!("AKV10022: Invalid token: {fault:?}.")))?;
        if verified.tenant != CONTOSO {
            return Err(refused(
                "AKV10032: Invalid issuer. Expected the vault's tenant.",
            ));
        }
        check_version(parts)?;
        let text = |name: &str| {
            let value = verified.claims.get(name)?.as_str()?;
            Some(value.to_owned())
        };
        Ok(Self {
            object_id: verified.object_id,
            application: text("appid").or_else(|| text("azp")).unwrap_or_default(),
            issuer: text("iss").unwrap_or_default(),
            base,
        })
    }
}

fn check_version(parts: &Parts) -> Result<(), Problem> {
    let version = Query::<Parameters>::try_from_uri(&parts.uri)
        .ok()
        .and_then(|Query(parameters)| parameters.api_version);
    match version {
        None => Err(Problem::bad_parameter("api-version must be specified")),
        Some(version) if API_VERSIONS.contains(&version.as_str()) => Ok(()),
        Some(version) => Err(Problem::bad_parameter(format!(
            "The specified version ({version}) is not recognized. Consider using the latest \
             supported version ({}).",
            API_VERSIONS.last().copied().unwrap_or_default()
        ))),
    }
}

impl Caller {
    /// Lets the caller do `action`, by its role.
    pub(super) fn may(&self, vault: &Vault, action: Action, name: &str) -> Result<(), Problem> {
        if vault.assignments.of(self.object_id).allows(action) {
            return Ok(());
        }
        Err(Problem::with_inner(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "ForbiddenByRbac",
            format!(
                "Caller is not authorized to perform action on resource.\r\nIf role assignments, \
                 deny assignments or role definitions were changed recently, please observe \
                 propagation time.\r\nCaller: appid={};oid={};iss={}\r\nAction: '{}'\r\nResource: \
                 '/secrets/{name}'\r\nAssignment: (not found)\r\nDecisionReason: null",
                self.application,
                self.object_id,
                self.issuer,
                action.name(),
            ),
        ))
    }
}
