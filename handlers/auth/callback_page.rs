//! The pages that `/auth/callback` shows when no front end waits.

use axum::response::Response;
use http::StatusCode;
use maud::html;

use crate::pages::page;

/// Signed in: who, and the one-time code to hand on.
pub(super) fn signed_in(
    name: &str,
    email: Option<&str>,
    auth_code: &str,
    seconds: i64,
) -> Response {
    let content = html! {
        p { "You are signed in as " strong { (name) } @if let Some(email) = email { " (" (email) ")" } "." }
        p { "This one-time code finishes the sign-in. It works once, within " (seconds) " seconds:" }
        pre tabindex="0" { code id="auth_code" { (auth_code) } }
        p.warning role="note" {
            strong { "Take care. " }
            "Whoever has this code is you here: give it to nobody, and use it only if you began \
             this sign-in yourself."
        }
        p.hint { "Send it to " code { "POST /auth/exchange" } " as " code { "auth_code" } ", then close this page." }
    };
    page(StatusCode::OK, "Signed in", &content, None)
}

/// Where a sign-in that did not finish begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the application that sent the person: a sign-in that began here
    /// would be of no use to it.
    Application,
    /// Here: nobody else waits for it.
    Here,
}

/// Something went wrong, and what to do next.
pub(super) fn failed(status: StatusCode, detail: &str, origin: Origin) -> Response {
    let content = html! {
        p { (detail) }
        @match origin {
            Origin::Application => p.hint {
                "Go back to the application that you came from and connect again. You can close \
                 this page."
            },
            Origin::Here => p { a.button href="/auth/login" { "Begin again" } },
        }
    };
    page(status, "Sign-in did not finish", &content, None)
}

/// A stronger sign-in is done.
pub(super) fn stepped_up() -> Response {
    let content = html! {
        p { "Microsoft Entra ID has what it asked for. Go back to where you came from and try again." }
        p.hint { "You can close this page." }
    };
    page(StatusCode::OK, "Done", &content, None)
}
