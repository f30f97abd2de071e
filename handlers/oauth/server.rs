//! What the routes of the authorization server share.

use std::sync::Arc;

use axum::response::Response;
use entrada_ambient::{Clock, Random};
use entrada_entra::{Prompt, SignIn};
use entrada_tables::Tables;
use http::StatusCode;
use secrecy::ExposeSecret;

use super::authorization_request::{AuthorizationRequest, ClientFlow, ConsentGiven};
use super::clients::Clients;
use super::consent::{self, Pending};
use super::scope::ScopeNames;
use crate::auth::callback::oauth_error;
use crate::auth::{Departure, FlowSecrets, Purpose, SignIns, Wishes, begin_error, grant_error};
use crate::config::BaseUrl;
use crate::error::{ApiError, chain};
use crate::grants::{Grants, NewGrant, SecretKind};
use crate::identity::{Audience, OwnTokens, UserPartition};
use crate::pages::{add_cookies, redirect};

/// How long an authorization code lives, in seconds.
const CODE_LIFETIME: i64 = 60;

/// The pieces of the authorization server.
#[derive(Debug)]
pub struct AuthorizationServer {
    /// Issuer, resources and addresses come from it.
    pub base: BaseUrl,
    /// Names of scopes.
    pub scopes: ScopeNames,
    /// What Entra is asked for, for the consent page.
    pub entra_scope: String,
    /// Entra's origin, which the consent page's form leads to.
    pub authority: String,
    /// Whether daemons get tokens.
    pub daemons: bool,
    /// The clients.
    pub clients: Arc<Clients>,
    /// Sign-ins at Entra.
    pub sign_ins: Arc<SignIns>,
    /// Where a sign-in is kept.
    pub grants: Arc<Grants>,
    /// Our access tokens.
    pub own: Arc<OwnTokens>,
    /// Consents that are asked for, and assertions that were used.
    pub tables: Arc<dyn Tables>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

impl AuthorizationServer {
    pub(super) fn pending(&self) -> Pending<'_> {
        Pending {
            tables: self.tables.as_ref(),
            clock: self.clock.as_ref(),
        }
    }

    /// Sends the browser to Entra for a request that is consented to.
    pub(super) async fn depart(
        &self,
        request: AuthorizationRequest,
        consent: ConsentGiven,
        secrets: FlowSecrets,
    ) -> Result<Departure, ApiError> {
        let consented = !matches!(consent, ConsentGiven::NotNeeded);
        let prompt = if request.login {
            Some(Prompt::Login)
        } else if request.select_account || consented {
            // Whoever approved sees whose account it is that they give. What
            // was remembered ends with a click too: a link in a message may
            // have brought the person here.
            Some(Prompt::SelectAccount)
        } else {
            None
        };
        let wishes = Wishes {
            prompt,
            login_hint: request.login_hint.clone(),
            domain_hint: request.domain_hint.clone(),
            ..Wishes::default()
        };
        let purpose = Purpose::Client(Box::new(ClientFlow { request, consent }));
        self.sign_ins
            .begin(purpose, wishes, secrets)
            .await
            .map_err(|error| begin_error(&error))
    }

    /// Asks the person on the page, whatever was remembered.
    pub(super) async fn ask(
        &self,
        request: AuthorizationRequest,
        status: StatusCode,
    ) -> Result<Response, ApiError> {
        let id = self.random.secret();
        self.pending().keep(&id, &request).await?;
        let cookie = consent::page_cookie(&id, &self.random.secret(), &self.base);
        let location = format!("{}?request={id}", self.base.join("/consent"));
        Ok(redirect(status, &location, &[&cookie]))
    }

    /// An error for the client (RFC 6749 section 4.1.2.1).
    pub(super) fn refuse(
        &self,
        request: &AuthorizationRequest,
        code: &str,
        description: &str,
    ) -> Response {
        let location = request.to.with(
            &self.base,
            &[("error", code), ("error_description", description)],
        );
        redirect(StatusCode::FOUND, &location, &[])
    }

    /// The end of a sign-in at Entra that a client began: a code for it, or
    /// what went wrong.
    pub(crate) async fn finish(
        &self,
        flow: ClientFlow,
        signed_in: Result<SignIn, ApiError>,
    ) -> Response {
        let request = flow.request.clone();
        let finished = match signed_in {
            Ok(sign_in) => self.grant_code(flow, &sign_in).await,
            Err(error) => Err(error),
        };
        finished.unwrap_or_else(|error| {
            tracing::info!(
                code = error.code(),
                log = error.log(),
                client = request.client_id,
                "a client's sign-in did not finish"
            );
            self.refuse(&request, oauth_error(&error), error.detail())
        })
    }

    async fn grant_code(&self, flow: ClientFlow, sign_in: &SignIn) -> Result<Response, ApiError> {
        let ClientFlow { request, consent } = flow;
        let person = (sign_in.access.tenant_id, sign_in.access.object_id);
        if let ConsentGiven::Remembered { partition: theirs } = &consent
            && theirs != UserPartition::of(person.0, person.1).as_str()
        {
            // Somebody else signed in than who consented: they are asked.
            return self.ask(request, StatusCode::FOUND).await;
        }
        let new = NewGrant {
            client_id: request.client_id.clone(),
            client_name: request.client_name.clone(),
            audience: Audience::only(request.resource.door()),
            scope: request.scope.granted.clone(),
            scope_asked: request.scope.asked.clone(),
            redirect_uri: Some(request.to.redirect_uri.clone()),
            code_challenge: Some(request.code_challenge.clone()),
            code_kind: SecretKind::AuthorizationCode,
            code_lifetime: CODE_LIFETIME,
        };
        let code = self.grants.open(sign_in, new).await.map_err(grant_error)?;
        // Anybody can submit a consent; only now is it somebody's.
        self.mark_granted(&request.client_id).await;
        let location = request
            .to
            .with(&self.base, &[("code", code.text().expose_secret())]);
        let mut response = redirect(StatusCode::FOUND, &location, &[]);
        if consent == (ConsentGiven::Now { remember: true })
            && let Some(cookie) = consent::remember(self, &request, person).await?
        {
            add_cookies(&mut response, &[&cookie]);
        }
        Ok(response)
    }

    /// Notes that a client was granted something. That it cannot be noted
    /// is no reason to fail what was granted.
    pub(super) async fn mark_granted(&self, client_id: &str) {
        if let Err(error) = self.clients.mark_granted(client_id).await {
            tracing::warn!(error = chain(&error), "a client's use was not noted");
        }
    }
}
