//! `GET /auth/callback`: Entra sends the browser back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use entrada_entra::{CodeRedemption, EntraClient, EntraError, SignIn};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::callback_page;
use super::flow::{Flow, FlowError, Flows};
use super::flow_cookie;
use super::tokens::{FRONT_END_CLIENT, SCOPE, flow_error, grant_error, upstream_error};
use crate::config::BaseUrl;
use crate::error::ApiError;
use crate::grants::{Grants, NewGrant, SecretCode, SecretKind, hash};
use crate::identity::{Audience, Profiles, Sighting};
use crate::json::QueryString;

/// How long the one-time code lives, in seconds.
const AUTH_CODE_LIFETIME: i64 = 120;

/// What Entra sends back (RFC 6749 section 4.1.2).
#[derive(Debug, Deserialize)]
pub struct CallbackQuery {
    state: Option<String>,
    code: Option<SecretString>,
    error: Option<String>,
    error_description: Option<String>,
}

/// What the route needs.
#[derive(Debug, Clone)]
pub struct CallbackState {
    /// Our redirect URI at Entra.
    pub callback_url: Arc<str>,
    /// For cookies.
    pub base: BaseUrl,
    /// Flows under way.
    pub flows: Arc<Flows>,
    /// Entra.
    pub entra: Arc<EntraClient>,
    /// Where the sign-in is kept.
    pub grants: Arc<Grants>,
    /// Profiles.
    pub profiles: Arc<Profiles>,
}

/// Finishes a sign-in: the state is used up, the code redeemed, the id token
/// validated in full, a grant opened; then the one-time code goes to the
/// front end, or on a page of ours.
///
/// What goes wrong is told to the front end by redirect once the flow is
/// known and bound to this browser, else on a page; never by a redirect to
/// an address that was not checked.
pub async fn callback(
    State(state): State<CallbackState>,
    headers: HeaderMap,
    QueryString(query): QueryString<CallbackQuery>,
) -> Response {
    let Some(flow_state) = query.state.as_deref() else {
        return callback_page::failed(
            StatusCode::BAD_REQUEST,
            "Microsoft Entra ID sent no state, so this is no sign-in that began here.",
        );
    };
    let flow = match take_flow(&state, flow_state, &headers).await {
        Ok(flow) => flow,
        Err(error) => return show(&flow_error(&error)),
    };
    let clear = flow_cookie::clear("login", flow_state, &state.base);
    let finished = match (query.error, query.code) {
        (Some(error), _) => Err(refused_by_entra(&error, query.error_description.as_deref())),
        (None, Some(code)) => finish(&state, &flow, code).await,
        (None, None) => Err(ApiError::bad_request(
            "SIGN_IN_REFUSED",
            "Microsoft Entra ID sent neither a code nor an error.",
        )),
    };
    let mut response = match (&flow.redirect_uri, finished) {
        (Some(uri), Ok((code, _))) => {
            to_front_end(uri, &flow, &[("auth_code", code.text().expose_secret())])
        }
        (Some(uri), Err(error)) => {
            tracing::info!(
                code = error.code(),
                log = error.log(),
                "a sign-in did not finish"
            );
            let code = oauth_error(&error);
            to_front_end(
                uri,
                &flow,
                &[("error", code), ("error_description", error.detail())],
            )
        }
        (None, Ok((code, sign_in))) => callback_page::signed_in(
            sign_in
                .access
                .name
                .as_deref()
                .unwrap_or("an account without a name"),
            sign_in.access.email.as_deref(),
            code.text().expose_secret(),
            AUTH_CODE_LIFETIME,
        ),
        (None, Err(error)) => show(&error),
    };
    if let Ok(value) = HeaderValue::from_str(&clear) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

/// The flow of this state, if this browser began it; used up now.
async fn take_flow(
    state: &CallbackState,
    flow_state: &str,
    headers: &HeaderMap,
) -> Result<Flow, FlowError> {
    let (flow, etag) = state.flows.look_up(flow_state).await?;
    let binding = flow_cookie::read("login", flow_state, &state.base, headers);
    if binding.is_none_or(|value| hash(&value) != flow.binding_hash) {
        // Not used up: somebody who was handed the URL must not be able to
        // end the sign-in of the person who began it.
        return Err(FlowError::Unknown);
    }
    state.flows.use_up(flow_state, etag).await?;
    Ok(flow)
}

async fn finish(
    state: &CallbackState,
    flow: &Flow,
    code: SecretString,
) -> Result<(SecretCode, SignIn), ApiError> {
    let sign_in = state
        .entra
        .redeem_code(&CodeRedemption {
            code,
            code_verifier: flow.code_verifier.clone(),
            redirect_uri: state.callback_url.to_string(),
            nonce: flow.nonce.clone(),
        })
        .await
        .map_err(|error| upstream_error(&error))?;
    let access = &sign_in.access;
    state
        .profiles
        .record(&Sighting {
            tenant_id: access.tenant_id,
            object_id: access.object_id,
            name: access.name.clone(),
            email: access.email.clone(),
        })
        .await?;
    let new = NewGrant {
        client_id: FRONT_END_CLIENT.to_owned(),
        audience: Audience::EVERY_DOOR,
        scope: SCOPE.to_owned(),
        code_challenge: flow.code_challenge.clone(),
        code_kind: SecretKind::AuthCode,
        code_lifetime: AUTH_CODE_LIFETIME,
    };
    let code = state
        .grants
        .open(&sign_in, new)
        .await
        .map_err(grant_error)?;
    Ok((code, sign_in))
}

/// What Entra says when it sends the browser back without a code. The state
/// was checked, so it is Entra's word and not anybody's.
fn refused_by_entra(error: &str, description: Option<&str>) -> ApiError {
    if error == "access_denied" && description.is_none_or(|text| !text.contains("AADSTS")) {
        return ApiError::new(
            StatusCode::FORBIDDEN,
            "SIGN_IN_REFUSED",
            "The sign-in was cancelled, or this account may not use the application.",
        );
    }
    upstream_error(&EntraError::from_authorization_response(error, description))
}

/// The OAuth error code (RFC 6749 section 4.1.2.1) for a front end.
fn oauth_error(error: &ApiError) -> &'static str {
    match error.status() {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "access_denied",
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        StatusCode::BAD_REQUEST => "invalid_request",
        _ => "server_error",
    }
}

fn show(error: &ApiError) -> Response {
    tracing::info!(
        code = error.code(),
        log = error.log(),
        "a sign-in did not finish"
    );
    callback_page::failed(error.status(), error.detail())
}

fn to_front_end(uri: &str, flow: &Flow, parameters: &[(&str, &str)]) -> Response {
    let Ok(mut url) = Url::parse(uri) else {
        return callback_page::failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The front end's address is not a URL.",
        );
    };
    url.query_pairs_mut().extend_pairs(parameters);
    if let Some(state) = &flow.client_state {
        url.query_pairs_mut().append_pair("state", state);
    }
    let location = HeaderValue::from_str(url.as_str()).unwrap_or(HeaderValue::from_static("/"));
    (
        StatusCode::FOUND,
        [
            (LOCATION, location),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ],
    )
        .into_response()
}
