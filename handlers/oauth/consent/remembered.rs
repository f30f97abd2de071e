//! Consents that the person had this browser remember.

use http::HeaderMap;
use uuid::Uuid;

use crate::auth::{flow_cookie, grant_error};
use crate::error::ApiError;
use crate::grants::{ConsentBinding, REMEMBERED_SECONDS};
use crate::identity::UserPartition;
use crate::oauth::authorization_request::{AuthorizationRequest, ConsentGiven};
use crate::oauth::{AuthorizationServer, browser};

/// The purpose in the name of the cookie.
const COOKIE: &str = "remember";

fn binding<'a>(request: &'a AuthorizationRequest, resource: &'a str) -> ConsentBinding<'a> {
    ConsentBinding {
        client_id: &request.client_id,
        redirect_uri: &request.to.redirect_uri,
        resource,
    }
}

/// The consent to exactly this that the browser remembers, if it does and no
/// site sent the person: one could start the flow otherwise as often as it
/// likes. Whoever else started it, a code goes out after a click at Entra
/// alone ([`AuthorizationServer::depart`]).
pub(in crate::oauth) async fn remembered(
    server: &AuthorizationServer,
    request: &AuthorizationRequest,
    headers: &HeaderMap,
) -> Result<Option<ConsentGiven>, ApiError> {
    if !request.may_be_remembered() || !browser::came_from_no_site(headers) {
        return Ok(None);
    }
    let resource = request.resource.door().audience(&server.base);
    let binding = binding(request, &resource);
    let cookie = flow_cookie::read(COOKIE, &binding.digest(), &server.base, headers);
    let Some((partition, secret)) = cookie.as_deref().and_then(|value| value.split_once('.'))
    else {
        return Ok(None);
    };
    let Some(partition) = UserPartition::parse(partition) else {
        return Ok(None);
    };
    let known = server
        .grants
        .has_remembered_consent(&partition, &binding, secret)
        .await
        .map_err(grant_error)?;
    Ok(known.then(|| ConsentGiven::Remembered {
        partition: partition.as_str().to_owned(),
    }))
}

/// Remembers a consent of this person: the `Set-Cookie` value. `None` when it
/// may not be remembered.
pub(in crate::oauth) async fn remember(
    server: &AuthorizationServer,
    request: &AuthorizationRequest,
    (tenant_id, object_id): (Uuid, Uuid),
) -> Result<Option<String>, ApiError> {
    if !request.may_be_remembered() {
        return Ok(None);
    }
    let resource = request.resource.door().audience(&server.base);
    let binding = binding(request, &resource);
    let partition = UserPartition::of(tenant_id, object_id);
    let secret = server
        .grants
        .remember_consent(&partition, tenant_id, &binding)
        .await
        .map_err(grant_error)?;
    let value = format!("{}.{secret}", partition.as_str());
    Ok(Some(flow_cookie::set(
        COOKIE,
        &binding.digest(),
        &value,
        REMEMBERED_SECONDS,
        &server.base,
    )))
}
