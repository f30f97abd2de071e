//! `/{tenant}/oauth2/v2.0/authorize`, the pages behind it, and sign-out
//! (Microsoft Learn, "OAuth 2.0 authorization code flow").

mod deliver;
mod flow;
mod forms;
mod redirect;
mod request;
mod session;
mod sign_out;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::Entra;
use super::exchange::Exchange;
use super::pages;
use deliver::deliver_error;
use flow::Flow;
use request::{AuthorizeRequest, Invalid};

pub(super) use forms::{consent, sign_in};
pub(super) use sign_out::logout;

/// Purpose under which authorization codes are sealed.
pub(super) const CODE: &str = "authorization-code";

/// `GET`: the parameters are in the query.
pub(super) async fn by_query(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    exchange: Exchange,
    headers: HeaderMap,
) -> Response {
    arrive(
        &entra,
        &exchange,
        &tenant,
        query.unwrap_or_default(),
        &headers,
    )
}

/// `POST`: the parameters are in a form (`OpenID` Connect Core section 3.1.2.1).
pub(super) async fn by_form(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    exchange: Exchange,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters = String::from_utf8_lossy(&body).into_owned();
    arrive(&entra, &exchange, &tenant, parameters, &headers)
}

fn arrive(
    entra: &Entra,
    exchange: &Exchange,
    tenant: &str,
    parameters: String,
    headers: &HeaderMap,
) -> Response {
    match AuthorizeRequest::parse(entra, tenant, parameters) {
        Ok(request) => Flow::new(entra, exchange, &request).arrived(session::read(entra, headers)),
        Err(invalid) => refuse(exchange, &invalid),
    }
}

/// An error page when there is no address that may be trusted with the error,
/// otherwise a redirect.
fn refuse(exchange: &Exchange, invalid: &Invalid) -> Response {
    match invalid {
        Invalid::Page(error) => pages::error(error, &exchange.trace),
        Invalid::Redirect(redirect, error) => deliver_error(redirect, error, &exchange.trace),
    }
}
