//! `/auth`: tokens for front ends.

use super::operation::Operation;
use super::schemas::Schemas;
use crate::auth::TokenAnswer;
use crate::auth::callback::CallbackQuery;
use crate::auth::exchange::ExchangeRequest;
use crate::auth::info::Info;
use crate::auth::login::LoginQuery;
use crate::auth::logout::LogoutRequest;
use crate::auth::refresh::RefreshRequest;

const TAG: &str = "sign-in";

pub(super) fn all() -> Vec<Operation> {
    vec![
        info(),
        login(),
        callback(),
        exchange(),
        refresh(),
        logout(),
        step_up(),
    ]
}

fn info() -> Operation {
    Operation::new("get", "/auth/info", "auth_info", TAG, "How to sign in.")
        .gives(
            200,
            "Where to sign in and what to ask Entra for.",
            Schemas::gives::<Info>,
        )
        .limited()
}

fn login() -> Operation {
    Operation::new(
        "get",
        "/auth/login",
        "auth_login",
        TAG,
        "Sends the browser to Entra.",
    )
    .query(Schemas::query::<LoginQuery>)
    .gives_nothing(302, "On to Microsoft Entra ID.")
    .refused(400, "The query is not sound.")
    .refused(502, "Microsoft Entra ID does not answer as it should.")
    .limited()
    .away()
}

fn callback() -> Operation {
    let summary = "Where Entra sends the browser back.";
    Operation::new("get", "/auth/callback", "auth_callback", TAG, summary)
        .query(Schemas::query::<CallbackQuery>)
        .shows(200, "Signed in: the page shows the one-time code.")
        .gives_nothing(
            302,
            "Back to the front end or client, with a code or an error.",
        )
        .shows(400, "This is no sign-in that began in this browser.")
        .shows(401, "The account cannot be used here.")
        .shows(403, "The account may not sign in here.")
        .shows(
            429,
            "Too many requests; `Retry-After` says when to come back.",
        )
        .shows(
            502,
            "Microsoft Entra ID refused what this server asked of it.",
        )
        .shows(503, "Something that signing in needs is away.")
}

fn exchange() -> Operation {
    let summary = "The one-time code for tokens, once.";
    Operation::new("post", "/auth/exchange", "auth_exchange", TAG, summary)
        .takes(Schemas::takes::<ExchangeRequest>)
        .gives(200, "Tokens.", Schemas::gives::<TokenAnswer<'static>>)
        .limited()
        .away()
}

fn refresh() -> Operation {
    let summary = "A new access token, and the next refresh token.";
    Operation::new("post", "/auth/refresh", "auth_refresh", TAG, summary)
        .takes(Schemas::takes::<RefreshRequest>)
        .gives(200, "Tokens.", Schemas::gives::<TokenAnswer<'static>>)
        .refused(401, "Microsoft Entra ID wants the person to sign in again.")
        .refused(502, "Microsoft Entra ID does not answer as it should.")
        .limited()
        .away()
}

fn logout() -> Operation {
    let summary = "Ends the sign-in of the bearer token, or of a refresh token.";
    Operation::new("post", "/auth/logout", "auth_logout", TAG, summary)
        .header(
            "Authorization",
            "`Bearer` and an access token of the sign-in.",
        )
        .may_take(Schemas::takes::<LogoutRequest>)
        .gives_nothing(204, "It has ended.")
        .refused(401, "The token is not good.")
        .refused(403, "The token lacks the scope.")
        .limited()
        .away()
}

fn step_up() -> Operation {
    let summary = "Sends the browser to Entra for what a downstream service asked for.";
    Operation::new("get", "/auth/step-up/{id}", "auth_step_up", TAG, summary)
        .path_part("id", "What a tool's answer or a chat event named.")
        .gives_nothing(302, "On to Microsoft Entra ID.")
        .shows(400, "The path cannot be read.")
        .shows(
            403,
            "A program fetched the link before anybody opened it (`Sec-Purpose`).",
        )
        .shows(404, "The link was used, has expired, or is none.")
        .shows(
            429,
            "Too many requests; `Retry-After` says when to come back.",
        )
        .shows(
            502,
            "Microsoft Entra ID refused what this server asked of it.",
        )
        .shows(503, "Something that signing in needs is away.")
}
