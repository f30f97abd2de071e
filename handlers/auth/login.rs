//! `GET /auth/login`: sends the browser to Entra.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use entrada_ambient::Random;
use entrada_entra::{Prompt, pkce};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::flow::{FrontEndFlow, Purpose};
use super::sign_ins::{FlowSecrets, SignIns, Wishes};
use super::tokens::begin_error;
use crate::error::ApiError;
use crate::json::QueryString;
use crate::pages::redirect;

/// The query of `/auth/login`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginQuery {
    /// A registered front end that wants the code: it comes back there as
    /// `auth_code` with `state`, else `error` and `error_description` with
    /// `state`. Without it our own page shows the code.
    redirect_uri: Option<String>,
    /// The front end's state, returned unchanged: at most 1,024 bytes.
    /// Required with `redirect_uri`.
    state: Option<String>,
    /// The front end's PKCE challenge (S256). Required with `redirect_uri`.
    code_challenge: Option<String>,
    /// `S256`, which it is by default.
    code_challenge_method: Option<String>,
    /// The account to suggest: at most 1,024 bytes.
    login_hint: Option<String>,
    /// The tenant's domain to suggest: at most 1,024 bytes.
    domain_hint: Option<String>,
    /// `login` or `select_account`.
    prompt: Option<String>,
    /// Further scopes from the allow-list.
    scope: Option<String>,
}

/// What the route needs.
#[derive(Debug, Clone)]
pub struct LoginState {
    /// Front ends that may be returned to.
    pub redirect_uris: Arc<BTreeSet<String>>,
    /// Scopes that may be asked for.
    pub allowed_scopes: Arc<BTreeSet<String>>,
    /// Sign-ins under way.
    pub sign_ins: Arc<SignIns>,
    /// For state, nonce and verifier.
    pub random: Arc<dyn Random>,
}

/// Begins a sign-in: 302 to Entra with PKCE, a single-use state, a nonce and
/// a cookie that binds the flow to this browser.
///
/// # Errors
/// 400 for a query that is not sound, 503 when Entra or storage is away.
pub async fn login(
    State(state): State<LoginState>,
    QueryString(query): QueryString<LoginQuery>,
) -> Result<Response, ApiError> {
    let prompt = check(&state, &query)?;
    let wishes = Wishes {
        prompt,
        login_hint: query.login_hint,
        domain_hint: query.domain_hint,
        claims: None,
        extra_scopes: extra_scopes(&state, query.scope.as_deref())?,
    };
    let purpose = Purpose::FrontEnd(FrontEndFlow {
        redirect_uri: query.redirect_uri,
        state: query.state,
        code_challenge: query.code_challenge,
    });
    let departure = state
        .sign_ins
        .begin(purpose, wishes, FlowSecrets::random(state.random.as_ref()))
        .await
        .map_err(|error| begin_error(&error))?;
    Ok(redirect(
        StatusCode::FOUND,
        departure.location.as_str(),
        &[&departure.cookie],
    ))
}

fn check(state: &LoginState, query: &LoginQuery) -> Result<Option<Prompt>, ApiError> {
    let refuse = |detail: &'static str| Err(ApiError::bad_request("INVALID_REQUEST", detail));
    if let Some(uri) = &query.redirect_uri {
        if !state.redirect_uris.contains(uri) {
            return refuse(
                "redirect_uri is not one that ENTRADA_REDIRECT_URIS names, byte for byte.",
            );
        }
        if query.state.as_ref().is_none_or(String::is_empty) {
            return refuse("state is required with a redirect_uri.");
        }
        let challenged = query
            .code_challenge
            .as_deref()
            .is_some_and(pkce::is_valid_challenge)
            && query
                .code_challenge_method
                .as_deref()
                .is_none_or(|method| method == "S256");
        if !challenged {
            return refuse("code_challenge (S256) is required with a redirect_uri.");
        }
    }
    let too_long = |value: &Option<String>| value.as_ref().is_some_and(|text| text.len() > 1024);
    if too_long(&query.state) || too_long(&query.login_hint) || too_long(&query.domain_hint) {
        return refuse("state, login_hint and domain_hint hold at most 1,024 bytes.");
    }
    if query.redirect_uri.is_none()
        && query
            .code_challenge
            .as_deref()
            .is_some_and(|text| !pkce::is_valid_challenge(text))
    {
        return refuse("code_challenge is not an S256 challenge.");
    }
    match query.prompt.as_deref() {
        None => Ok(None),
        Some("login") => Ok(Some(Prompt::Login)),
        Some("select_account") => Ok(Some(Prompt::SelectAccount)),
        Some(_) => refuse("prompt must be login or select_account."),
    }
}

fn extra_scopes(state: &LoginState, scope: Option<&str>) -> Result<Vec<String>, ApiError> {
    let asked: Vec<String> = scope
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if let Some(unknown) = asked
        .iter()
        .find(|scope| !state.allowed_scopes.contains(*scope))
    {
        tracing::info!(
            scope = unknown,
            "a scope that is not on the allow-list was asked for"
        );
        return Err(ApiError::bad_request(
            "INVALID_SCOPE",
            "scope names one that ENTRADA_ALLOWED_SCOPES does not.",
        ));
    }
    Ok(asked)
}
