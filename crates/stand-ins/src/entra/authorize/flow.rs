use axum::response::Response;

use super::super::Entra;
use super::super::claims::SignIn;
use super::super::error::{EntraError, OAuthError};
use super::super::exchange::Exchange;
use super::super::grants::{Code, Grant};
use super::super::pages::{self, ConsentPage, SignInPage};
use super::super::refusal;
use super::CODE;
use super::deliver::{deliver_cancellation, deliver_code, deliver_error};
use super::forms::FlowContext;
use super::request::{AuthorizeRequest, Prompt};
use super::session::Session;
use crate::directory::{self, Application, Kind, Persona, Scope};

/// A valid request on its way to an answer: sign-in, then consent, then a
/// code.
pub(super) struct Flow<'a> {
    entra: &'a Entra,
    exchange: &'a Exchange,
    request: &'a AuthorizeRequest,
}

impl<'a> Flow<'a> {
    pub(super) fn new(
        entra: &'a Entra,
        exchange: &'a Exchange,
        request: &'a AuthorizeRequest,
    ) -> Self {
        Self {
            entra,
            exchange,
            request,
        }
    }

    /// The request has just come, with the browser's session if it has one.
    pub(super) fn arrived(&self, session: Option<Session>) -> Response {
        let signed_in = session
            .as_ref()
            .and_then(|session| session.person(self.entra))
            .filter(|persona| self.expects(persona));
        let strong_enough = self.request.claims.challenge.is_none()
            || session
                .as_ref()
                .and_then(|session| session.satisfied.as_ref())
                == self.request.claims.challenge.as_ref();
        match (self.request.prompt, signed_in, session) {
            (
                Prompt::Unspecified | Prompt::None | Prompt::Consent,
                Some(persona),
                Some(session),
            ) if strong_enough => self.authorized(persona, &session, false),
            (Prompt::None, Some(_), _) => self.refuse(&EntraError::new(
                50076,
                OAuthError::InteractionRequired,
                "Due to a configuration change made by your administrator, or because you moved \
                 to a new location, you must use multi-factor authentication.",
            )),
            (Prompt::None, None, _) => self.refuse(&EntraError::new(
                50058,
                OAuthError::LoginRequired,
                "A silent sign-in request was sent but no user is signed in.",
            )),
            _ => self.ask_who(),
        }
    }

    /// Whether this account may sign in here and is not one that the client
    /// does not expect.
    fn expects(&self, persona: &Persona) -> bool {
        let hinted = self
            .request
            .login_hint
            .is_none_or(|hint| hint.name == persona.name);
        hinted && self.offers(persona)
    }

    /// Whether the sign-in page shows this account.
    fn offers(&self, persona: &Persona) -> bool {
        let domain_fits = self
            .request
            .domain_hint
            .as_deref()
            .and_then(directory::tenant)
            .is_none_or(|tenant| tenant.id == persona.tenant);
        persona.kind == Kind::User && self.request.authority.admits(persona) && domain_fits
    }

    fn ask_who(&self) -> Response {
        let automatic = self.entra.auto_sign_in().map(|automatic| {
            // A client that expects somebody else gets somebody else.
            self.request.login_hint.unwrap_or(automatic)
        });
        match automatic {
            Some(persona) => self.signed_in(persona),
            None => self.sign_in_page(None),
        }
    }

    fn sign_in_page(&self, error: Option<&EntraError>) -> Response {
        let personas: Vec<_> = directory::personas()
            .iter()
            .filter(|persona| self.offers(persona))
            .map(|persona| (persona, self.entra.people.roles(persona)))
            .collect();
        pages::sign_in(&SignInPage {
            action: format!("/{}/login", self.request.tenant),
            context: self.context(None),
            client: self.request.client,
            authority: self.request.authority.name(),
            personas,
            hint: self.request.login_hint.filter(|hint| self.offers(hint)),
            stronger: self.request.claims.challenge.is_some(),
            error: error.map(EntraError::summary),
        })
    }

    /// Somebody has signed in.
    pub(super) fn signed_in(&self, persona: &'static Persona) -> Response {
        if !self.request.authority.admits(persona) {
            let (client, authority) = (self.request.client, self.request.authority);
            let refused = refusal::foreign_account(50020, persona, client, authority);
            return pages::error(&refused, &self.exchange.trace);
        }
        if self.entra.people.account(persona).disabled {
            return self.sign_in_page(Some(&refusal::disabled_account()));
        }
        let challenge = self.request.claims.challenge.clone();
        let session = Session::begin(self.entra, persona, challenge);
        self.authorized(persona, &session, false)
    }

    /// The person of the session is who answers; whether the consent page has
    /// been accepted is known.
    pub(super) fn authorized(
        &self,
        persona: &'static Persona,
        session: &Session,
        accepted: bool,
    ) -> Response {
        let request = self.request;
        let absent = request
            .scopes
            .resources
            .iter()
            .find(|asked| !asked.resource.exists_in(persona.tenant));
        if let Some(asked) = absent {
            let tenant = persona.tenant.to_string();
            return self.refuse(&refusal::unknown_resource(&asked.identifier, &tenant));
        }
        let missing = request
            .scopes
            .missing(&self.entra.people, persona, request.client);
        let ask = !missing.is_empty() || request.prompt == Prompt::Consent;
        if !ask {
            return self.answer(persona, session);
        }
        if request.prompt == Prompt::None {
            return self.refuse(&EntraError::new(
                65001,
                OAuthError::InteractionRequired,
                "The user or administrator has not consented to use the application. Send an \
                 interactive authorization request for this user and resource.",
            ));
        }
        let above = |(_, scope): &&(&Application, &Scope)| scope.administrator_consent;
        let needs_administrator = missing.iter().any(|scope| above(&scope));
        if needs_administrator && !persona.administrator {
            return self.needs_administrator(persona, session, &missing);
        }
        if accepted || self.entra.auto_sign_in().is_some() {
            for (resource, scope) in missing {
                let client = request.client;
                self.entra
                    .people
                    .consent(persona, client, resource, scope.name);
            }
            return self.answer(persona, session);
        }
        self.consent_page(persona, session, &missing, false)
    }

    fn needs_administrator(
        &self,
        persona: &'static Persona,
        session: &Session,
        missing: &[(&'static Application, &'static Scope)],
    ) -> Response {
        if self.entra.auto_sign_in().is_some() {
            return self.declined(true);
        }
        self.consent_page(persona, session, missing, true)
    }

    fn consent_page(
        &self,
        persona: &'static Persona,
        session: &Session,
        missing: &[(&'static Application, &'static Scope)],
        needs_administrator: bool,
    ) -> Response {
        pages::consent(&ConsentPage {
            action: format!("/{}/consent", self.request.tenant),
            context: self.context(Some(session)),
            client: self.request.client,
            persona,
            scopes: missing,
            needs_administrator,
        })
    }

    /// The person went away from the sign-in page.
    pub(super) fn cancelled(&self) -> Response {
        deliver_cancellation(&self.request.redirect)
    }

    /// The person did not consent, or could not.
    pub(super) fn declined(&self, needs_administrator: bool) -> Response {
        let (code, message) = if needs_administrator {
            (90094, "Administrator consent is required.")
        } else {
            (65004, "User declined to consent to access the app.")
        };
        self.refuse(&EntraError::new(code, OAuthError::AccessDenied, message))
    }

    fn refuse(&self, error: &EntraError) -> Response {
        deliver_error(&self.request.redirect, error, &self.exchange.trace)
    }

    fn context(&self, session: Option<&Session>) -> String {
        FlowContext::of(self.entra, self.request, session.cloned()).seal(self.entra)
    }

    fn answer(&self, persona: &'static Persona, session: &Session) -> Response {
        let request = self.request;
        let code = Code {
            id: self.entra.random.uuid_v4(),
            grant: Grant {
                client_id: request.client.client_id,
                persona: persona.name.to_owned(),
                scope: request.scope.clone(),
                sign_in: SignIn {
                    session: session.id.clone(),
                    satisfied: session.satisfied.clone(),
                    challenge_capable: request.claims.challenge_capable,
                },
                issued: self.entra.stamp(),
            },
            authority: request.authority.name().to_owned(),
            redirect_uri: request.redirect.uri.clone(),
            nonce: request.nonce.clone(),
            challenge: request.challenge.clone(),
        };
        let sealed = self.entra.seal.seal(CODE, &code);
        let client_info = request.client_info.then_some(persona);
        let cookie = session.cookie(self.entra);
        deliver_code(
            &request.redirect,
            &sealed,
            &session.id,
            client_info,
            &cookie,
        )
    }
}
