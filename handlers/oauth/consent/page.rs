//! The consent page.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use url::Url;

use super::pending::Decision;
use crate::oauth::authorization_request::{AuthorizationRequest, Destination};
use crate::oauth::clients::{Client, ClientOrigin};
use crate::oauth::{AuthorizationServer, Resource};
use crate::pages::page;

/// What the page shows.
pub(super) struct ConsentPage<'a> {
    pub(super) server: &'a AuthorizationServer,
    pub(super) request: &'a AuthorizationRequest,
    /// The client as it is now, if it is still there.
    pub(super) client: Option<&'a Client>,
    pub(super) id: &'a str,
    pub(super) form_token: &'a str,
}

/// The page. Approval is the first form and its button the first; both forms
/// work without script.
pub(super) fn render(view: &ConsentPage<'_>) -> Response {
    let name = view
        .request
        .client_name
        .as_deref()
        .unwrap_or("A client without a name");
    let content = html! {
        p.lead {
            strong.client { bdi { (name) } }
            " wants to use this server’s tools as you, with the roles that you have."
        }
        (origin(view))
        (destination_warning(view.request))
        dl.facts {
            dt { "Sends you back to" }
            dd { (redirect_uri(&view.request.to.redirect_uri)) }
            dt { "Can reach" }
            dd { code { (view.request.resource.door().audience(&view.server.base)) } br; (resource(view.request.resource)) }
            dt { "Will be able to" }
            dd {
                ul {
                    li { "see the tools that your roles allow, and call them as you" }
                    li { "stay signed in without asking again for up to 90 days, or until 30 days pass unused" }
                }
            }
            dt { "Then Microsoft Entra ID is asked for" }
            dd { code { (view.server.entra_scope) } }
        }
        div.actions {
            form method="post" action="/consent" {
                (fields(view))
                @if view.request.may_be_remembered() {
                    p.remember {
                        input type="checkbox" id="remember" name="remember" value="yes";
                        label for="remember" { "Do not ask me again for this client in this browser" }
                    }
                }
                button type="submit" name="action" value=(Decision::Approve.text()) { "Allow and go on to sign in" }
            }
            form method="post" action="/consent" {
                (fields(view))
                button.quiet type="submit" name="action" value=(Decision::Deny.text()) { "Do not allow" }
            }
        }
        p.hint { "Allow only what you have just started yourself. You can end it at any time in your list of sign-ins." }
    };
    page(
        StatusCode::OK,
        "Allow this client?",
        &content,
        Some(&form_targets(view)),
    )
}

fn fields(view: &ConsentPage<'_>) -> Markup {
    html! {
        input type="hidden" name="request" value=(view.id);
        input type="hidden" name="csrf_token" value=(view.form_token);
    }
}

/// Who vouches for the client's name.
fn origin(view: &ConsentPage<'_>) -> Markup {
    let described_at = match view.client.map(|client| client.origin) {
        Some(ClientOrigin::MetadataDocument) => Url::parse(&view.request.client_id)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned)),
        Some(ClientOrigin::Configured) => {
            return html! { p.origin { "Your organisation has set this client up." } };
        }
        Some(ClientOrigin::Registered) | None => None,
    };
    html! {
        p.origin {
            @match described_at {
                Some(host) => { "It is described by " strong { (host) } ". Nobody here has checked it." }
                None => { "It registered itself under this name. Nobody has checked it." }
            }
        }
    }
}

fn destination_warning(request: &AuthorizationRequest) -> Markup {
    let text = match request.to.destination {
        Destination::Website => return html! {},
        Destination::ThisComputer => {
            "It returns to a program on this computer, and any program here could pretend to be \
             it. Allow it only if you started it a moment ago."
        }
        Destination::App => {
            "It returns to an app on this device, and any app could pretend to be it. Allow it \
             only if you started it a moment ago."
        }
    };
    html! { p.warning role="note" { strong { "Take care. " } (text) } }
}

fn resource(resource: Resource) -> &'static str {
    match resource {
        Resource::Mcp => "this server’s MCP tools",
        Resource::Webhook => "this server’s MCP tools, for agent platforms",
    }
}

/// The whole address, its host standing out: what people look at to tell
/// whom they send something to.
fn redirect_uri(uri: &str) -> Markup {
    let host = Url::parse(uri)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    let parts = host.as_deref().and_then(|host| {
        let (scheme, rest) = uri.split_once("://")?;
        let rest = rest.strip_prefix(host)?;
        Some((scheme, host, rest))
    });
    html! {
        span.address {
            @match parts {
                Some((scheme, host, rest)) => { (scheme) "://" strong { (host) } (rest) }
                None => { (uri) }
            }
        }
    }
}

/// Where the forms may lead. Browsers hold redirects after a form to this
/// too: to Entra (and, for federated accounts, on to their organisation's
/// own sign-in page, whose address nobody here knows) and to the client.
fn form_targets(view: &ConsentPage<'_>) -> String {
    let mut targets = format!("'self' https: {}", view.server.authority);
    let uri = Url::parse(&view.request.to.redirect_uri).ok();
    match (view.request.to.destination, uri) {
        (Destination::Website, _) | (_, None) => {}
        (Destination::App, Some(uri)) => {
            targets.extend([" ", uri.scheme(), ":"]);
        }
        // An IPv6 address cannot be named in a policy.
        (Destination::ThisComputer, Some(uri)) => match uri.host() {
            Some(url::Host::Ipv6(_)) | None => targets.push_str(" http:"),
            Some(_) => {
                targets.push(' ');
                targets.push_str(&uri.origin().ascii_serialization());
            }
        },
    }
    targets
}
