use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Vault;
use super::access::Action;
use super::caller::Caller;
use super::problem::Problem;
use super::secrets::{Attributes, Deleted, Version};
use crate::encoding::lock;

/// Longest value, in bytes (Microsoft Learn, "About Azure Key Vault secrets":
/// 25k bytes).
const LONGEST_VALUE: usize = 25_600;

/// Most items of a page.
const PAGE: usize = 25;

/// Seconds for which a deleted secret can be recovered: 90 days.
const RECOVERABLE: i64 = 90 * 24 * 60 * 60;

type Answer = Result<Json<Value>, Problem>;

/// The body of `PUT`; `PATCH` has no value.
#[derive(Deserialize)]
struct Parameters {
    value: Option<String>,
    #[serde(rename = "contentType")]
    content_type: Option<String>,
    attributes: Option<Attributes>,
    tags: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct Paging {
    maxresults: Option<usize>,
    #[serde(rename = "$skiptoken")]
    skip: Option<usize>,
    #[serde(rename = "api-version", default)]
    api_version: String,
}

/// Names are 1 to 127 letters, digits and hyphens.
fn known(name: &str) -> Result<String, Problem> {
    let sound = (1..=127).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if sound {
        return Ok(name.to_ascii_lowercase());
    }
    Err(Problem::bad_parameter(
        "The request URI contains an invalid name: letters, digits and hyphens, at most 127.",
    ))
}

fn parameters(body: &[u8]) -> Result<Parameters, Problem> {
    serde_json::from_slice(body)
        .map_err(|_| Problem::bad_parameter("Property  has invalid value\r\n"))
}

pub(super) async fn get_latest(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer {
    get(&vault, &caller, &name, None)
}

pub(super) async fn get_version(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path((name, version)): Path<(String, String)>,
) -> Answer {
    get(&vault, &caller, &name, Some(&version))
}

fn get(vault: &Vault, caller: &Caller, name: &str, version: Option<&str>) -> Answer {
    let name = known(name)?;
    caller.may(vault, Action::GetSecret, &name)?;
    let secrets = lock(&vault.secrets);
    let found = secrets
        .find(&name, version)
        .ok_or_else(|| Problem::not_found(&name, version))?;
    if !found.is_enabled() {
        return Err(Problem::with_inner(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "SecretDisabled",
            "Operation get is not allowed on a disabled secret.",
        ));
    }
    Ok(Json(found.bundle(&id(caller, &name, found))))
}

fn id(caller: &Caller, name: &str, version: &Version) -> String {
    format!("{}/secrets/{name}/{}", caller.base, version.id)
}

pub(super) async fn set(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let name = known(&name)?;
    caller.may(&vault, Action::SetSecret, &name)?;
    let parameters = parameters(&body)?;
    let value = parameters
        .value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Problem::bad_parameter("The property \"value\" is required."))?;
    if value.len() > LONGEST_VALUE {
        return Err(Problem::bad_parameter(format!(
            "The secret value is too long: at most {LONGEST_VALUE} bytes."
        )));
    }
    let now = vault.clock.unix();
    let version = Version {
        id: vault.random.uuid_v4().simple().to_string(),
        value: SecretString::from(value),
        content_type: parameters.content_type,
        attributes: parameters.attributes.unwrap_or_default(),
        tags: parameters.tags,
        created: now,
        updated: now,
    };
    let mut secrets = lock(&vault.secrets);
    if secrets.deleted.contains_key(&name) {
        return Err(Problem::deleted_name(&name));
    }
    let bundle = version.bundle(&id(&caller, &name, &version));
    secrets.live.entry(name).or_default().push(version);
    Ok(Json(bundle))
}

pub(super) async fn update(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path((name, version)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let name = known(&name)?;
    caller.may(&vault, Action::UpdateSecret, &name)?;
    let parameters = parameters(&body)?;
    let now = vault.clock.unix();
    let mut secrets = lock(&vault.secrets);
    let found = secrets
        .live
        .get_mut(&name)
        .and_then(|versions| versions.iter_mut().find(|found| found.id == version))
        .ok_or_else(|| Problem::not_found(&name, Some(&version)))?;
    if let Some(attributes) = parameters.attributes {
        let old = found.attributes.clone();
        found.attributes = Attributes {
            enabled: attributes.enabled.or(old.enabled),
            nbf: attributes.nbf.or(old.nbf),
            exp: attributes.exp.or(old.exp),
        };
    }
    found.content_type = parameters.content_type.or(found.content_type.take());
    found.tags = parameters.tags.or(found.tags.take());
    found.updated = now;
    let item = found.item(&id(&caller, &name, found));
    Ok(Json(item))
}

pub(super) async fn list(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer {
    caller.may(&vault, Action::ReadMetadata, "")?;
    let items: Vec<Value> = lock(&vault.secrets)
        .live
        .iter()
        .filter_map(|(name, versions)| {
            let id = format!("{}/secrets/{name}", caller.base);
            Some(versions.last()?.item(&id))
        })
        .collect();
    page(&caller, "/secrets", items, &paging)
}

pub(super) async fn list_versions(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path(name): Path<String>,
    Query(paging): Query<Paging>,
) -> Answer {
    let name = known(&name)?;
    caller.may(&vault, Action::ReadMetadata, &name)?;
    let items: Vec<Value> = lock(&vault.secrets)
        .live
        .get(&name)
        .ok_or_else(|| Problem::not_found(&name, None))?
        .iter()
        .map(|version| version.item(&id(&caller, &name, version)))
        .collect();
    page(
        &caller,
        &format!("/secrets/{name}/versions"),
        items,
        &paging,
    )
}

pub(super) async fn list_deleted(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Answer {
    caller.may(&vault, Action::ReadMetadata, "")?;
    let items: Vec<Value> = lock(&vault.secrets)
        .deleted
        .iter()
        .filter_map(|(name, deleted)| deleted_item(&caller, name, deleted))
        .collect();
    page(&caller, "/deletedsecrets", items, &paging)
}

fn page(caller: &Caller, path: &str, items: Vec<Value>, paging: &Paging) -> Answer {
    let size = paging.maxresults.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&size) {
        return Err(Problem::bad_parameter("maxresults must be from 1 to 25."));
    }
    let skip = paging.skip.unwrap_or(0);
    let more = items.len() > skip + size;
    let next = more.then(|| {
        format!(
            "{}{path}?api-version={}&$skiptoken={}&maxresults={size}",
            caller.base,
            paging.api_version,
            skip + size
        )
    });
    let items: Vec<Value> = items.into_iter().skip(skip).take(size).collect();
    Ok(Json(json!({"value": items, "nextLink": next})))
}

fn deleted_item(caller: &Caller, name: &str, deleted: &Deleted) -> Option<Value> {
    let newest = deleted.versions.last()?;
    let mut item = newest.item(&id(caller, name, newest));
    let members = item.as_object_mut()?;
    let recovery = format!("{}/deletedsecrets/{name}", caller.base);
    members.insert("recoveryId".to_owned(), json!(recovery));
    members.insert("deletedDate".to_owned(), json!(deleted.at));
    let purge = deleted.at.saturating_add(RECOVERABLE);
    members.insert("scheduledPurgeDate".to_owned(), json!(purge));
    Some(item)
}

pub(super) async fn delete(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer {
    let name = known(&name)?;
    caller.may(&vault, Action::DeleteSecret, &name)?;
    let at = vault.clock.unix();
    let mut secrets = lock(&vault.secrets);
    let versions = secrets
        .live
        .remove(&name)
        .ok_or_else(|| Problem::not_found(&name, None))?;
    let deleted = Deleted { versions, at };
    let item = deleted_item(&caller, &name, &deleted);
    secrets.deleted.insert(name, deleted);
    Ok(Json(json!(item)))
}

pub(super) async fn get_deleted(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer {
    let name = known(&name)?;
    caller.may(&vault, Action::ReadMetadata, &name)?;
    let secrets = lock(&vault.secrets);
    let deleted = secrets.deleted.get(&name);
    let item = deleted.and_then(|deleted| deleted_item(&caller, &name, deleted));
    item.map(Json)
        .ok_or_else(|| Problem::not_found(&name, None))
}

pub(super) async fn recover(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Answer {
    let name = known(&name)?;
    caller.may(&vault, Action::RecoverSecret, &name)?;
    let mut secrets = lock(&vault.secrets);
    let deleted = secrets
        .deleted
        .remove(&name)
        .ok_or_else(|| Problem::not_found(&name, None))?;
    let item = deleted
        .versions
        .last()
        .map(|newest| newest.item(&id(&caller, &name, newest)));
    secrets.live.insert(name, deleted.versions);
    Ok(Json(json!(item)))
}

pub(super) async fn purge(
    State(vault): State<Arc<Vault>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let name = known(&name)?;
    caller.may(&vault, Action::PurgeSecret, &name)?;
    let purged = lock(&vault.secrets).deleted.remove(&name);
    purged
        .map(|_| StatusCode::NO_CONTENT)
        .ok_or_else(|| Problem::not_found(&name, None))
}
