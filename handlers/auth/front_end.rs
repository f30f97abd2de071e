//! The end of a sign-in that a front end began.

use axum::response::Response;
use entrada_entra::SignIn;
use http::StatusCode;
use secrecy::ExposeSecret;
use url::Url;

use super::callback::{oauth_error, show};
use super::callback_page::{self, Origin};
use super::flow::FrontEndFlow;
use super::tokens::{FRONT_END_CLIENT, SCOPE, grant_error};
use crate::error::ApiError;
use crate::grants::{Grants, NewGrant, SecretCode, SecretKind};
use crate::identity::Audience;
use crate::pages::redirect;

/// How long the one-time code lives, in seconds.
const AUTH_CODE_LIFETIME: i64 = 120;

/// The one-time code (or what went wrong) to the front end, or on a page of
/// ours.
pub(super) async fn finish(
    grants: &Grants,
    flow: &FrontEndFlow,
    signed_in: Result<SignIn, ApiError>,
) -> Response {
    let finished = match signed_in {
        Ok(sign_in) => open(grants, flow, &sign_in)
            .await
            .map(|code| (code, sign_in)),
        Err(error) => Err(error),
    };
    match (&flow.redirect_uri, finished) {
        (Some(uri), Ok((code, _))) => {
            to_front_end(uri, flow, &[("auth_code", code.text().expose_secret())])
        }
        (Some(uri), Err(error)) => to_front_end(
            uri,
            flow,
            &[
                ("error", oauth_error(&error)),
                ("error_description", error.detail()),
            ],
        ),
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
        (None, Err(error)) => show(&error, Origin::Here),
    }
}

async fn open(
    grants: &Grants,
    flow: &FrontEndFlow,
    sign_in: &SignIn,
) -> Result<SecretCode, ApiError> {
    let new = NewGrant {
        client_id: FRONT_END_CLIENT.to_owned(),
        client_name: None,
        audience: Audience::EVERY_DOOR,
        scope: SCOPE.to_owned(),
        scope_asked: SCOPE.to_owned(),
        redirect_uri: None,
        code_challenge: flow.code_challenge.clone(),
        code_kind: SecretKind::AuthCode,
        code_lifetime: AUTH_CODE_LIFETIME,
    };
    grants.open(sign_in, new).await.map_err(grant_error)
}

fn to_front_end(uri: &str, flow: &FrontEndFlow, parameters: &[(&str, &str)]) -> Response {
    let Ok(mut url) = Url::parse(uri) else {
        return callback_page::failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The front end's address is not a URL.",
            Origin::Application,
        );
    };
    url.query_pairs_mut().extend_pairs(parameters);
    if let Some(state) = &flow.state {
        url.query_pairs_mut().append_pair("state", state);
    }
    redirect(StatusCode::FOUND, url.as_str(), &[])
}
