//! `GET` and `POST /authorize` (RFC 6749 section 3.1).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use entrada_entra::pkce;
use http::{HeaderMap, StatusCode};

use super::authorization_request::{
    AuthorizationRequest, ConsentGiven, Destination, ReturnAddress,
};
use super::clients::{Client, ClientError, GrantType};
use super::{
    AuthorizationServer, OAuthForm, Parameters, Resource, browser, consent, refusal_page,
    return_page,
};
use crate::auth::FlowSecrets;
use crate::auth::callback::oauth_error;
use crate::error::{ApiError, chain};
use crate::pages::redirect;

/// The longest `state` that is carried, in bytes.
const LONGEST_STATE: usize = 8 * 1024;
/// The longest hint, in bytes.
const LONGEST_HINT: usize = 1024;

/// Why a request goes no further.
enum Refusal {
    /// The client or its redirect URI is not known: a page, never a
    /// redirect (RFC 6749 section 4.1.2.1).
    Page {
        status: StatusCode,
        title: &'static str,
        detail: String,
    },
    /// An error for the client.
    Return(Box<Client>, ReturnAddress, Fault),
}

impl Refusal {
    fn page(title: &'static str, detail: impl Into<String>) -> Self {
        Self::Page {
            status: StatusCode::BAD_REQUEST,
            title,
            detail: detail.into(),
        }
    }
}

/// The parameters are in the query.
pub async fn by_query(
    State(server): State<Arc<AuthorizationServer>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
    authorize(&server, &parameters, &headers, StatusCode::FOUND).await
}

/// The parameters are in a form.
pub async fn by_form(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    form: Result<OAuthForm, super::OAuthError>,
) -> Response {
    match form {
        Ok(OAuthForm(parameters)) => {
            authorize(&server, &parameters, &headers, StatusCode::SEE_OTHER).await
        }
        Err(error) => error.into_response(),
    }
}

async fn authorize(
    server: &AuthorizationServer,
    parameters: &Parameters,
    headers: &HeaderMap,
    status: StatusCode,
) -> Response {
    if browser::is_embedded(headers) {
        return refusal_page(
            StatusCode::FORBIDDEN,
            "This cannot be embedded",
            "Signing in needs a page of its own. Open the address in a tab.",
        );
    }
    let refusal = match consider(server, parameters).await {
        Ok((client, request)) => return go_on(server, &client, request, headers, status).await,
        Err(refusal) => refusal,
    };
    match refusal {
        Refusal::Page {
            status,
            title,
            detail,
        } => {
            tracing::info!(
                title,
                detail,
                "an authorization request was refused on a page"
            );
            refusal_page(status, title, &detail)
        }
        Refusal::Return(client, to, (code, description)) => {
            tracing::info!(code, description, "an authorization request was refused");
            send_back(server, &client, &to, status, (code, description))
        }
    }
}

/// An error for the client. Anybody can name any website as theirs, so that
/// nobody is sent to one by following a link to us: the person goes there, if
/// they want to (RFC 9700 section 4.11.2).
fn send_back(
    server: &AuthorizationServer,
    client: &Client,
    to: &ReturnAddress,
    status: StatusCode,
    (code, description): (&str, &str),
) -> Response {
    let parameters = [("error", code), ("error_description", description)];
    let location = to.with(&server.base, &parameters);
    if client.needs_consent() && to.destination == Destination::Website {
        return return_page(description, &location);
    }
    redirect(status, &location, &[])
}

/// Asks the person where that is needed, else goes to Entra.
async fn go_on(
    server: &AuthorizationServer,
    client: &Client,
    asked: (AuthorizationRequest, bool),
    headers: &HeaderMap,
    status: StatusCode,
) -> Response {
    let (request, wants_consent) = asked;
    let to = request.to.clone();
    let gone = match consent_given(server, client, &request, wants_consent, headers).await {
        Ok(Some(consent)) => {
            let secrets = FlowSecrets::random(server.random.as_ref());
            server
                .depart(request, consent, secrets)
                .await
                .map(|departure| {
                    redirect(status, departure.location.as_str(), &[&departure.cookie])
                })
        }
        Ok(None) => server.ask(request, status).await,
        Err(error) => Err(error),
    };
    gone.unwrap_or_else(|error| {
        tracing::warn!(
            code = error.code(),
            log = error.log(),
            "an authorization request could not go on"
        );
        let fault = (oauth_error(&error), error.detail());
        send_back(server, client, &to, status, fault)
    })
}

/// What makes the consent page unnecessary, if anything does.
async fn consent_given(
    server: &AuthorizationServer,
    client: &Client,
    request: &AuthorizationRequest,
    wants_consent: bool,
    headers: &HeaderMap,
) -> Result<Option<ConsentGiven>, ApiError> {
    if wants_consent {
        return Ok(None);
    }
    if !client.needs_consent() {
        return Ok(Some(ConsentGiven::NotNeeded));
    }
    consent::remembered(server, request, headers).await
}

/// Everything is checked before anybody is sent anywhere.
async fn consider(
    server: &AuthorizationServer,
    parameters: &Parameters,
) -> Result<(Client, (AuthorizationRequest, bool)), Refusal> {
    let client = known_client(server, parameters).await?;
    let to = return_address(&client, parameters)?;
    match sound(server, &client, parameters, &to) {
        Ok(request) => Ok((client, request)),
        Err(fault) => Err(Refusal::Return(Box::new(client), to, fault)),
    }
}

async fn known_client(
    server: &AuthorizationServer,
    parameters: &Parameters,
) -> Result<Client, Refusal> {
    if parameters.is_repeated("client_id") {
        return Err(Refusal::page(
            "This link is not valid",
            "It names a client more than once.",
        ));
    }
    let Some(id) = parameters.get("client_id") else {
        return Err(Refusal::page(
            "This link is not valid",
            "It does not say which client wants to sign you in (client_id).",
        ));
    };
    server.clients.find(id).await.map_err(|error| {
        tracing::info!(error = chain(&error), "a client was not found");
        match error {
            ClientError::Unknown => Refusal::page(
                "This client is not known here",
                "It may have registered so long ago that its registration has ended. Remove the \
                 server from your client and add it again: it then registers anew.",
            ),
            ClientError::Refused { reason } => Refusal::page(
                "This client cannot be accepted",
                format!("The document that describes it is not sound: {reason}."),
            ),
            ClientError::Unavailable { .. } => Refusal::Page {
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "Not right now",
                detail: "The client cannot be looked up at this moment. Try again shortly."
                    .to_owned(),
            },
        }
    })
}

fn return_address(client: &Client, parameters: &Parameters) -> Result<ReturnAddress, Refusal> {
    const TITLE: &str = "This link is not valid";
    if parameters.is_repeated("redirect_uri") {
        return Err(Refusal::page(TITLE, "It names more than one redirect URI."));
    }
    let asked = match (
        parameters.get("redirect_uri"),
        client.redirect_uris.as_slice(),
    ) {
        (Some(asked), _) => asked,
        // RFC 6749 section 3.1.2.3: the only one that is registered.
        (None, [only]) => only,
        (None, _) => {
            return Err(Refusal::page(
                TITLE,
                "It does not say where to return to (redirect_uri).",
            ));
        }
    };
    let matched = client.redirect_uri(asked).map_err(|refusal| {
        Refusal::page(
            TITLE,
            format!(
                "You would be sent to an address that the client may not use: {refusal}. Nothing \
                 was shared with it."
            ),
        )
    })?;
    let state = parameters
        .get("state")
        .filter(|state| state.len() <= LONGEST_STATE);
    Ok(ReturnAddress {
        redirect_uri: matched.uri,
        destination: matched.kind.into(),
        state: state.map(str::to_owned),
    })
}

type Fault = (&'static str, &'static str);

/// The request and whether it asks for the consent page.
fn sound(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
    to: &ReturnAddress,
) -> Result<(AuthorizationRequest, bool), Fault> {
    check_form(client, parameters)?;
    let code_challenge = code_challenge(parameters)?;
    let resource = Resource::parse(&server.base, parameters.get("resource")).ok_or((
        "invalid_target",
        "resource is none of this server's: ask for its MCP endpoint",
    ))?;
    let scope = server.scopes.grant(parameters.get("scope")).map_err(|_| {
        (
            "invalid_scope",
            "none of the scopes exists here; ask for mcp",
        )
    })?;
    let prompt = prompt(parameters)?;
    let hint = |name| {
        let value = parameters.get(name)?;
        (value.len() <= LONGEST_HINT).then(|| value.to_owned())
    };
    let request = AuthorizationRequest {
        client_id: client.id.clone(),
        client_name: client.name.clone(),
        to: to.clone(),
        code_challenge,
        resource,
        scope,
        login: prompt.contains(&"login"),
        select_account: prompt.contains(&"select_account"),
        login_hint: hint("login_hint"),
        domain_hint: hint("domain_hint"),
    };
    Ok((request, prompt.contains(&"consent")))
}

fn check_form(client: &Client, parameters: &Parameters) -> Result<(), Fault> {
    if parameters.is_repeated("resource") {
        return Err(("invalid_target", "one token is for one resource"));
    }
    if parameters.repeated().is_some() {
        return Err(("invalid_request", "a parameter comes more than once"));
    }
    match parameters.get("response_type") {
        Some("code") => {}
        None => return Err(("invalid_request", "response_type is missing")),
        Some(_) => {
            return Err((
                "unsupported_response_type",
                "the only response type is code",
            ));
        }
    }
    if !client.grant_types.contains(&GrantType::AuthorizationCode) {
        return Err((
            "unauthorized_client",
            "this client may not use authorization codes",
        ));
    }
    if parameters
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(("invalid_request", "the only response mode is query"));
    }
    if parameters.get("request").is_some() {
        return Err(("request_not_supported", "request objects are not taken"));
    }
    if parameters.get("request_uri").is_some() {
        return Err(("request_uri_not_supported", "request URIs are not taken"));
    }
    if parameters
        .get("state")
        .is_some_and(|state| state.len() > LONGEST_STATE)
    {
        return Err(("invalid_request", "state is longer than 8 KiB"));
    }
    Ok(())
}

fn code_challenge(parameters: &Parameters) -> Result<String, Fault> {
    let challenge = parameters.get("code_challenge").ok_or((
        "invalid_request",
        "PKCE is required: code_challenge is missing",
    ))?;
    // RFC 7636 section 4.3: without a method it would be `plain`.
    if parameters.get("code_challenge_method") != Some("S256") {
        return Err(("invalid_request", "code_challenge_method must be S256"));
    }
    if !pkce::is_valid_challenge(challenge) {
        return Err(("invalid_request", "code_challenge is not an S256 challenge"));
    }
    Ok(challenge.to_owned())
}

/// The values of `prompt` (`OpenID` Connect Core 1.0 section 3.1.2.1). Nobody
/// signs in without a page: `none` is always `login_required`.
fn prompt(parameters: &Parameters) -> Result<Vec<&str>, Fault> {
    let values: Vec<&str> = parameters
        .get("prompt")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    if !values.contains(&"none") {
        return Ok(values);
    }
    if values.len() > 1 {
        return Err(("invalid_request", "prompt none stands alone"));
    }
    Err((
        "login_required",
        "the person has to sign in at Microsoft Entra ID",
    ))
}
