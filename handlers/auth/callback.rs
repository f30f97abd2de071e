//! `GET /auth/callback`: Entra sends the browser back, whatever the sign-in
//! was for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use entrada_ambient::Random;
use entrada_entra::{EntraError, SignIn};
use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::callback_page::Origin;
use super::flow::{Flow, Purpose};
use super::sign_ins::{FlowSecrets, SignIns, Wishes};
use super::step_up::StepUps;
use super::tokens::{FRONT_END_CLIENT, begin_error, flow_error, grant_error, upstream_error};
use super::{callback_page, front_end, step_up};
use crate::error::ApiError;
use crate::grants::Grants;
use crate::identity::{Profiles, Sighting, UserPartition};
use crate::json::QueryString;
use crate::oauth::AuthorizationServer;
use crate::pages::{add_cookies, redirect};

/// What Entra sends back (RFC 6749 section 4.1.2).
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CallbackQuery {
    /// What the sign-in began with.
    state: Option<String>,
    /// What is redeemed at Entra.
    #[schemars(with = "Option<String>")]
    code: Option<SecretString>,
    /// Why there is no code.
    error: Option<String>,
    /// The same for people.
    error_description: Option<String>,
}

/// What the route needs.
#[derive(Debug, Clone)]
pub struct CallbackState {
    /// Sign-ins under way.
    pub sign_ins: Arc<SignIns>,
    /// Where a sign-in is kept.
    pub grants: Arc<Grants>,
    /// Profiles.
    pub profiles: Arc<Profiles>,
    /// For clients of the authorization server.
    pub server: Arc<AuthorizationServer>,
    /// Offers to step up.
    pub step_ups: Arc<StepUps>,
    /// For a sign-in that must begin again.
    pub random: Arc<dyn Random>,
}

/// What came of a sign-in.
pub(super) enum Outcome {
    /// The person, with Entra's tokens.
    SignedIn(Box<SignIn>),
    /// The person must meet claims first: back to Entra.
    Again(Response),
}

/// Finishes a sign-in: the state is used up, the code redeemed, the id token
/// validated in full; then it is the turn of whom the sign-in was for.
///
/// What goes wrong is told to the front end or client by redirect once the
/// flow is known and bound to this browser, else on a page; never by a
/// redirect to an address that was not checked.
pub async fn callback(
    State(state): State<CallbackState>,
    headers: HeaderMap,
    QueryString(query): QueryString<CallbackQuery>,
) -> Response {
    let Some(flow_state) = query.state.as_deref() else {
        return callback_page::failed(
            StatusCode::BAD_REQUEST,
            "Microsoft Entra ID sent no state, so this is no sign-in that began here.",
            Origin::Application,
        );
    };
    let flow = match state.sign_ins.arrive(flow_state, &headers).await {
        Ok(flow) => flow,
        Err(error) => return show(&flow_error(&error), Origin::Application),
    };
    let clear = state.sign_ins.clear_cookie(flow_state);
    let came_of_it = match (query.error, query.code) {
        (Some(error), _) => Err(refused_by_entra(&error, query.error_description.as_deref())),
        (None, Some(code)) => sign_in(&state, &flow, code).await,
        (None, None) => Err(ApiError::bad_request(
            "SIGN_IN_REFUSED",
            "Microsoft Entra ID sent neither a code nor an error.",
        )),
    };
    let signed_in = match came_of_it {
        Ok(Outcome::SignedIn(sign_in)) => Ok(*sign_in),
        Ok(Outcome::Again(response)) => return response,
        Err(error) => {
            state.grants.audit().count("sign_in", error.code());
            tracing::info!(
                code = error.code(),
                log = error.log(),
                "a sign-in did not finish"
            );
            Err(error)
        }
    };
    let mut response = match flow.purpose {
        Purpose::FrontEnd(front_end) => {
            front_end::finish(&state.grants, &front_end, signed_in).await
        }
        Purpose::Client(client) => state.server.finish(*client, signed_in).await,
        Purpose::StepUp(flow) => {
            step_up::finish((&state.step_ups, &state.grants), &flow, signed_in).await
        }
    };
    add_cookies(&mut response, &[&clear]);
    response
}

async fn sign_in(
    state: &CallbackState,
    flow: &Flow,
    code: SecretString,
) -> Result<Outcome, ApiError> {
    let sign_in = state
        .sign_ins
        .redeem(flow, code)
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
    if let Some(response) = meet_claims(state, flow, &sign_in).await? {
        return Ok(Outcome::Again(response));
    }
    Ok(Outcome::SignedIn(Box::new(sign_in)))
}

/// Sends the person back to Entra when an earlier refresh for the same client
/// found that Entra wants claims met: only now is it known whose they are.
async fn meet_claims(
    state: &CallbackState,
    flow: &Flow,
    sign_in: &SignIn,
) -> Result<Option<Response>, ApiError> {
    let client_id = match &flow.purpose {
        Purpose::FrontEnd(_) => FRONT_END_CLIENT,
        Purpose::Client(client) => client.request.client_id.as_str(),
        Purpose::StepUp(_) => return Ok(None),
    };
    let access = &sign_in.access;
    let partition = UserPartition::of(access.tenant_id, access.object_id);
    if flow.claims.is_some() {
        state
            .grants
            .forget_claims(&partition, client_id)
            .await
            .map_err(grant_error)?;
        return Ok(None);
    }
    let Some(claims) = state
        .grants
        .kept_claims(&partition, client_id)
        .await
        .map_err(grant_error)?
    else {
        return Ok(None);
    };
    let wishes = Wishes {
        login_hint: access.email.clone(),
        claims: Some(claims),
        ..Wishes::default()
    };
    let secrets = FlowSecrets::random(state.random.as_ref());
    let departure = state
        .sign_ins
        .begin(flow.purpose.clone(), wishes, secrets)
        .await
        .map_err(|error| begin_error(&error))?;
    Ok(Some(redirect(
        StatusCode::FOUND,
        departure.location.as_str(),
        &[&departure.cookie],
    )))
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

/// The OAuth error code (RFC 6749 section 4.1.2.1) for whom the sign-in was.
pub(crate) fn oauth_error(error: &ApiError) -> &'static str {
    match error.status() {
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => "access_denied",
        StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        StatusCode::BAD_REQUEST => "invalid_request",
        _ => "server_error",
    }
}

/// The error on a page.
pub(super) fn show(error: &ApiError, origin: Origin) -> Response {
    tracing::info!(
        code = error.code(),
        log = error.log(),
        "a sign-in did not finish"
    );
    let mut page = callback_page::failed(error.status(), error.detail(), origin);
    page.headers_mut().extend(error.headers().iter().cloned());
    page
}
