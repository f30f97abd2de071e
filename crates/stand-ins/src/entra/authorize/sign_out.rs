use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded::Serializer;

use super::super::Entra;
use super::super::exchange::Exchange;
use super::super::pages;
use super::super::parameters::Parameters;
use super::redirect::registered;
use super::session::ended;
use crate::directory;

/// `GET /{tenant}/oauth2/v2.0/logout` (Microsoft Learn, "`OpenID` Connect on the
/// Microsoft identity platform", send a sign-out request): ends the browser's
/// session and returns to `post_logout_redirect_uri` when any application has
/// registered it.
pub(in super::super) async fn logout(
    State(entra): State<Arc<Entra>>,
    RawQuery(query): RawQuery,
    exchange: Exchange,
) -> Response {
    let parameters = match Parameters::parse(query.unwrap_or_default().as_bytes()) {
        Ok(parameters) => parameters,
        Err(error) => return pages::error(&error, &exchange.trace),
    };
    let target = parameters
        .get("post_logout_redirect_uri")
        .filter(|uri| {
            directory::applications()
                .iter()
                .any(|client| registered(&entra, client, Some(uri)).is_ok())
        })
        .map(|uri| match parameters.get("state") {
            Some(state) => {
                let separator = if uri.contains('?') { '&' } else { '?' };
                let state = Serializer::new(String::new())
                    .append_pair("state", state)
                    .finish();
                format!("{uri}{separator}{state}")
            }
            None => uri.to_owned(),
        });
    let answer = match target {
        Some(location) => (StatusCode::FOUND, [(LOCATION, location)]).into_response(),
        None => pages::signed_out(),
    };
    ([(SET_COOKIE, ended())], answer).into_response()
}
