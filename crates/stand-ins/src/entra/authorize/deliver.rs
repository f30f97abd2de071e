use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded::Serializer;

use super::super::error::{EntraError, OAuthError, Trace};
use super::super::pages;
use super::super::token::client_info;
use super::redirect::{Redirect, ResponseMode};
use crate::directory::Persona;

/// Sends a code to the client and the session to the browser.
pub(super) fn deliver_code(
    redirect: &Redirect,
    code: &str,
    session: &str,
    info_about: Option<&Persona>,
    cookie: &str,
) -> Response {
    let mut fields = vec![
        ("code", code.to_owned()),
        ("session_state", session.to_owned()),
    ];
    if let Some(persona) = info_about {
        fields.push(("client_info", client_info(persona)));
    }
    ([(SET_COOKIE, cookie.to_owned())], deliver(redirect, fields)).into_response()
}

/// Sends a refusal to the client (RFC 6749 section 4.1.2.1).
pub(super) fn deliver_error(redirect: &Redirect, error: &EntraError, trace: &Trace) -> Response {
    deliver(
        redirect,
        vec![
            ("error", error.error().as_str().to_owned()),
            ("error_description", error.description(trace)),
            ("error_uri", error.uri()),
        ],
    )
}

/// Tells the client that the person went away from the sign-in page. Inferred
/// from public reports of `error_subcode=cancel`: there is no error code of
/// Entra's, since nothing failed.
pub(super) fn deliver_cancellation(redirect: &Redirect) -> Response {
    deliver(
        redirect,
        vec![
            ("error", OAuthError::AccessDenied.as_str().to_owned()),
            ("error_subcode", "cancel".to_owned()),
            (
                "error_description",
                "The user has cancelled the sign-in.".to_owned(),
            ),
        ],
    )
}

fn deliver(redirect: &Redirect, mut fields: Vec<(&'static str, String)>) -> Response {
    if let Some(state) = &redirect.state {
        fields.push(("state", state.clone()));
    }
    if redirect.mode == ResponseMode::FormPost {
        return pages::form_post(&redirect.uri, &fields);
    }
    let encoded = Serializer::new(String::new()).extend_pairs(fields).finish();
    let separator = match redirect.mode {
        ResponseMode::Fragment => '#',
        _ if redirect.uri.contains('?') => '&',
        _ => '?',
    };
    let location = format!("{}{separator}{encoded}", redirect.uri);
    (
        StatusCode::FOUND,
        [(LOCATION, location), (CACHE_CONTROL, "no-store".to_owned())],
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(uri: &str, mode: ResponseMode) -> String {
        let redirect = Redirect {
            uri: uri.to_owned(),
            mode,
            state: Some("a b".to_owned()),
        };
        let response = deliver(&redirect, vec![("code", "x&y".to_owned())]);
        assert_eq!(response.status(), StatusCode::FOUND);
        response.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_answer_is_added_to_what_the_address_already_has() {
        assert_eq!(
            location("http://localhost/cb", ResponseMode::Query),
            "http://localhost/cb?code=x%26y&state=a+b"
        );
        assert_eq!(
            location("http://localhost/cb?t=1", ResponseMode::Query),
            "http://localhost/cb?t=1&code=x%26y&state=a+b"
        );
        assert_eq!(
            location("http://localhost/cb", ResponseMode::Fragment),
            "http://localhost/cb#code=x%26y&state=a+b"
        );
    }
}
