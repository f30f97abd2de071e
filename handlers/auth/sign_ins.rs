//! Sign-ins at Entra: sending the browser there, and knowing it again when
//! it comes back.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Random;
use entrada_entra::{
    AuthorizeRequest, CodeRedemption, EntraClient, EntraError, Prompt, SignIn, pkce,
};
use entrada_tables::TableError;
use http::HeaderMap;
use secrecy::SecretString;
use std::fmt;
use thiserror::Error;
use url::Url;

use super::flow::{Flow, FlowError, Flows, LIFETIME, Purpose};
use super::flow_cookie;
use crate::config::BaseUrl;
use crate::text::hash;

/// The purpose in the name of the cookie that binds a flow.
const COOKIE: &str = "login";

/// Why a sign-in cannot begin.
#[derive(Debug, Error)]
pub enum BeginError {
    /// Entra's configuration cannot be had, or it cannot be asked this.
    #[error("Microsoft Entra cannot be asked")]
    Entra(#[from] EntraError),
    /// The flow cannot be kept.
    #[error("the sign-in cannot be kept")]
    Flow(#[from] FlowError),
}

/// What Entra is asked beside the sign-in itself.
#[derive(Debug, Default)]
pub struct Wishes {
    /// What the person is asked.
    pub prompt: Option<Prompt>,
    /// The account to suggest.
    pub login_hint: Option<String>,
    /// The tenant's domain to suggest.
    pub domain_hint: Option<String>,
    /// Claims (JSON) that the sign-in must meet.
    pub claims: Option<String>,
    /// Scopes to consent to beside our own.
    pub extra_scopes: Vec<String>,
}

/// The secrets of one flow.
pub struct FlowSecrets {
    state: String,
    nonce: String,
    code_verifier: String,
    binding: String,
}

impl fmt::Debug for FlowSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FlowSecrets")
            .finish_non_exhaustive()
    }
}

impl FlowSecrets {
    /// New ones.
    #[must_use]
    pub fn random(random: &dyn Random) -> Self {
        Self {
            state: random.secret(),
            nonce: random.secret(),
            code_verifier: random.secret(),
            binding: random.secret(),
        }
    }

    /// Those that follow from a secret of 256 bits that only this browser
    /// has: the same again when the same is submitted again, and nobody can
    /// tell one of them from another.
    #[must_use]
    pub fn derived(secret: &str, about: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let derive = |what: &str| {
            let tag = hmac::sign(&key, format!("{what} {about}").as_bytes());
            URL_SAFE_NO_PAD.encode(tag)
        };
        Self {
            state: derive("state"),
            nonce: derive("nonce"),
            code_verifier: derive("code_verifier"),
            binding: derive("binding"),
        }
    }
}

/// Where to send the browser, and what to give it.
#[derive(Debug)]
pub struct Departure {
    /// Entra's authorization endpoint with our request.
    pub location: Url,
    /// The `Set-Cookie` value that binds the flow to the browser.
    pub cookie: String,
}

/// Sign-ins at Entra.
#[derive(Debug)]
pub struct SignIns {
    callback_url: String,
    base: BaseUrl,
    flows: Flows,
    entra: Arc<EntraClient>,
}

impl SignIns {
    /// Sign-ins that come back to `callback_url`.
    #[must_use]
    pub fn new(callback_url: String, base: BaseUrl, flows: Flows, entra: Arc<EntraClient>) -> Self {
        Self {
            callback_url,
            base,
            flows,
            entra,
        }
    }

    /// Begins a sign-in: PKCE, a single-use state, a nonce and a cookie. The
    /// same secrets again are the same sign-in: it begins once.
    ///
    /// # Errors
    /// When Entra's configuration or storage is away.
    pub async fn begin(
        &self,
        purpose: Purpose,
        wishes: Wishes,
        secrets: FlowSecrets,
    ) -> Result<Departure, BeginError> {
        let request = AuthorizeRequest {
            state: secrets.state,
            nonce: secrets.nonce,
            code_challenge: pkce::s256(&secrets.code_verifier),
            redirect_uri: self.callback_url.clone(),
            prompt: wishes.prompt,
            login_hint: wishes.login_hint,
            domain_hint: wishes.domain_hint,
            claims: wishes.claims,
            extra_scopes: wishes.extra_scopes,
        };
        let location = self.entra.authorize_url(&request).await?;
        let flow = Flow {
            code_verifier: SecretString::from(secrets.code_verifier),
            nonce: request.nonce,
            binding_hash: hash(&secrets.binding),
            claims: request.claims,
            purpose,
        };
        match self.flows.keep(&request.state, &flow).await {
            Ok(()) | Err(FlowError::Storage(TableError::AlreadyExists)) => {}
            Err(error) => return Err(error.into()),
        }
        let cookie = flow_cookie::set(
            COOKIE,
            &request.state,
            &secrets.binding,
            LIFETIME,
            &self.base,
        );
        Ok(Departure { location, cookie })
    }

    /// The flow of this state, if this browser began it; used up now.
    ///
    /// # Errors
    /// [`FlowError::Unknown`] when there is none for this browser.
    pub async fn arrive(&self, state: &str, headers: &HeaderMap) -> Result<Flow, FlowError> {
        let (flow, etag) = self.flows.look_up(state).await?;
        let binding = flow_cookie::read(COOKIE, state, &self.base, headers);
        if binding.is_none_or(|value| hash(&value) != flow.binding_hash) {
            // Not used up: somebody who was handed the URL must not be able
            // to end the sign-in of the person who began it.
            return Err(FlowError::Unknown);
        }
        self.flows.use_up(state, etag).await?;
        Ok(flow)
    }

    /// The `Set-Cookie` value that takes the flow's cookie away.
    #[must_use]
    pub fn clear_cookie(&self, state: &str) -> String {
        flow_cookie::clear(COOKIE, state, &self.base)
    }

    /// Redeems Entra's code for a flow.
    ///
    /// # Errors
    /// What Entra said, or which of its tokens was not good.
    pub async fn redeem(&self, flow: &Flow, code: SecretString) -> Result<SignIn, EntraError> {
        self.entra
            .redeem_code(&CodeRedemption {
                code,
                code_verifier: flow.code_verifier.clone(),
                redirect_uri: self.callback_url.clone(),
                nonce: flow.nonce.clone(),
            })
            .await
    }
}
