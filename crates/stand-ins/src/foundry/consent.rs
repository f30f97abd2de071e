use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use url::Url;

use super::Foundry;
use super::problem::Problem;
use super::shelf::Shelf;

/// Consents that can be under way at once.
const TICKETS: usize = 1000;

/// Consents under way: the link's state, and whose it is.
#[derive(Debug)]
pub(super) struct Tickets(Shelf<String>);

impl Default for Tickets {
    fn default() -> Self {
        Self(Shelf::new(TICKETS, usize::MAX))
    }
}

impl Tickets {
    /// Remembers that `state` stands for the consent of `object_id`.
    pub(super) fn add(&mut self, state: String, object_id: &str) {
        self.0.insert(state, object_id.to_owned(), 0);
    }
}

/// Where consent is given: consent links are https, and the https port is the
/// one after the http port unless it was chosen otherwise.
pub(super) fn base(public_url: &str) -> String {
    let https = Url::parse(public_url).ok().and_then(|mut url| {
        if url.scheme() == "http" {
            let port = url.port_or_known_default()?.checked_add(1)?;
            url.set_scheme("https").ok()?;
            url.set_port(Some(port)).ok()?;
        }
        Some(url)
    });
    let base = https.map_or_else(|| public_url.to_owned(), Into::into);
    format!("{}/foundry", base.trim_end_matches('/'))
}

#[derive(Deserialize)]
pub(super) struct Ticket {
    data: String,
}

/// `GET /login?data=…`: asks the person. The state is the page's only secret,
/// as it is of the service's links.
pub(super) async fn page(
    State(foundry): State<Arc<Foundry>>,
    Query(ticket): Query<Ticket>,
) -> Result<Response, Problem> {
    if foundry.settings().tickets.0.get(&ticket.data).is_none() {
        return Err(gone());
    }
    // The state is of our own making, without characters that HTML treats.
    Ok(html(format!(
        "<!doctype html><html lang=\"en\"><title>Consent</title>\
         <h1>GitHub (local) wants to act for you</h1>\
         <form method=\"post\" action=\"login\">\
         <input type=\"hidden\" name=\"data\" value=\"{}\">\
         <button>Allow</button></form></html>",
        ticket.data
    )))
}

/// `POST /login`: the person allows it.
pub(super) async fn decide(
    State(foundry): State<Arc<Foundry>>,
    Form(ticket): Form<Ticket>,
) -> Result<Response, Problem> {
    let mut settings = foundry.settings();
    let object_id = settings.tickets.0.remove(&ticket.data).ok_or_else(gone)?;
    settings.consent(&object_id, true);
    Ok(html(
        "<!doctype html><html lang=\"en\"><title>Consent</title>\
         <h1>Done</h1><p>You may close this page and go on.</html>"
            .to_owned(),
    ))
}

fn html(text: String) -> Response {
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(text)).into_response()
}

fn gone() -> Problem {
    Problem::not_found("This consent was given before, or never asked for.")
}

#[cfg(test)]
mod tests {
    use super::base;

    #[test]
    fn consent_is_given_on_the_https_port() {
        assert_eq!(
            base("http://localhost:7072"),
            "https://localhost:7073/foundry"
        );
        assert_eq!(
            base("https://stand-in.example"),
            "https://stand-in.example/foundry"
        );
    }
}
