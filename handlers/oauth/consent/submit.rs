//! `GET` and `POST /consent`.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};

use super::pending::Decision;
use super::{COOKIE, page, page_cookie};
use crate::auth::{FlowSecrets, flow_cookie};
use crate::error::ApiError;
use crate::oauth::authorization_request::{AuthorizationRequest, ConsentGiven};
use crate::oauth::{AuthorizationServer, OAuthForm, Parameters, browser, refusal_page};
use crate::pages::{add_cookies, redirect};

/// What a form proves that it was rendered for this browser by: it follows
/// from the page's cookie, so that every render of the page has the same and
/// all of them work.
fn form_token(secret: &str, id: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, format!("form {id}").as_bytes()))
}

fn expired() -> Response {
    refusal_page(
        StatusCode::BAD_REQUEST,
        "This page has expired",
        "It was answered already, is older than ten minutes, or began in another browser. Begin \
         again in your client.",
    )
}

fn failed(error: &ApiError) -> Response {
    tracing::warn!(
        code = error.code(),
        log = error.log(),
        "a consent could not be handled"
    );
    refusal_page(error.status(), "This did not work", error.detail())
}

/// Shows who asks for what.
pub async fn show(
    State(server): State<Arc<AuthorizationServer>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if browser::is_embedded(&headers) {
        return refusal_page(
            StatusCode::FORBIDDEN,
            "This cannot be embedded",
            "This question is asked on a page of its own only.",
        );
    }
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
    let Some(id) = parameters.get("request") else {
        return expired();
    };
    let waiting = match server.pending().find(id).await {
        Ok(Some(waiting)) => waiting,
        Ok(None) => return expired(),
        Err(error) => return failed(&error),
    };
    let client = server.clients.find(&waiting.request.client_id).await.ok();
    let had = flow_cookie::read(COOKIE, id, &server.base, &headers);
    let secret = had.clone().unwrap_or_else(|| server.random.secret());
    let mut response = page::render(&page::ConsentPage {
        server: &server,
        request: &waiting.request,
        client: client.as_ref(),
        id,
        form_token: &form_token(&secret, id),
    });
    if had.is_none() {
        add_cookies(&mut response, &[&page_cookie(id, &secret, &server.base)]);
    }
    response
}

/// Takes the answer.
pub async fn submit(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    form: Result<OAuthForm, crate::oauth::OAuthError>,
) -> Response {
    if browser::is_foreign_submission(&headers, &server.base) {
        return refusal_page(
            StatusCode::FORBIDDEN,
            "This did not come from our page",
            "Another site tried to answer for you. Nothing was shared.",
        );
    }
    let Ok(OAuthForm(form)) = form else {
        return expired();
    };
    let (Some(id), Some(token), Some(decision)) = (
        form.get("request"),
        form.get("csrf_token"),
        form.get("action").and_then(Decision::parse),
    ) else {
        return expired();
    };
    let Some(secret) = flow_cookie::read(COOKIE, id, &server.base, &headers) else {
        return expired();
    };
    let expected = form_token(&secret, id);
    if verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_err() {
        return expired();
    }
    let request = match server.pending().decide(id, decision).await {
        Ok(Some(request)) => request,
        Ok(None) => return expired(),
        Err(error) => return failed(&error),
    };
    match decision {
        Decision::Deny => deny(&server, &request),
        Decision::Approve => {
            let remember = form.get("remember") == Some("yes") && request.may_be_remembered();
            let secrets = FlowSecrets::derived(&secret, id);
            approve(&server, request, remember, secrets).await
        }
    }
}

fn deny(server: &AuthorizationServer, request: &AuthorizationRequest) -> Response {
    let location = request.to.with(
        &server.base,
        &[
            ("error", "access_denied"),
            ("error_description", "the person did not consent"),
        ],
    );
    redirect(StatusCode::SEE_OTHER, &location, &[])
}

/// On to Entra, with the cookie that only an approval sets. Submitted twice,
/// it is the same sign-in: the state follows from the page's cookie.
async fn approve(
    server: &AuthorizationServer,
    request: AuthorizationRequest,
    remember: bool,
    secrets: FlowSecrets,
) -> Response {
    let departed = server
        .depart(request, ConsentGiven::Now { remember }, secrets)
        .await;
    match departed {
        Ok(departure) => redirect(
            StatusCode::SEE_OTHER,
            departure.location.as_str(),
            &[&departure.cookie],
        ),
        Err(error) => failed(&error),
    }
}
