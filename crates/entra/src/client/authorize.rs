use url::Url;

use super::EntraClient;
use super::claims_parameter::claims_parameter;
use super::request::{AuthorizeRequest, Prompt};
use crate::{EntraError, pkce};

/// Scopes that one request may ask for besides our own.
const EXTRA_SCOPES_LIMIT: usize = 20;

impl EntraClient {
    /// The URL that starts a sign-in in the browser: the authorization code
    /// flow with PKCE (Microsoft identity platform, "OAuth 2.0 authorization
    /// code flow"). `resource` is never among its parameters: Entra refuses it
    /// with AADSTS901002 or, where it differs from the Application ID URI,
    /// AADSTS9010010.
    ///
    /// # Errors
    /// `Unavailable` when the authority's configuration cannot be had,
    /// `Protocol` for a request that lacks state, nonce or challenge.
    pub async fn authorize_url(&self, request: &AuthorizeRequest) -> Result<Url, EntraError> {
        check(request)?;
        let claims = claims_parameter(request.claims.as_deref())?;
        let configuration = self
            .discovery
            .sign_in()
            .await
            .map_err(EntraError::unavailable)?;
        let client_id = self.settings.client_id.to_string();
        let scope = self.scope_with(&request.extra_scopes);
        let mut url = configuration.authorization_endpoint.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", &client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", &request.redirect_uri)
            .append_pair("response_mode", "query")
            .append_pair("scope", &scope)
            .append_pair("state", &request.state)
            .append_pair("nonce", &request.nonce)
            .append_pair("code_challenge", &request.code_challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("claims", &claims);
        let optional = [
            ("prompt", request.prompt.map(Prompt::as_str)),
            ("login_hint", request.login_hint.as_deref()),
            ("domain_hint", request.domain_hint.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        drop(query);
        Ok(url)
    }

    fn scope_with(&self, extra: &[String]) -> String {
        let mut scope = self.settings.sign_in_scope();
        for name in extra {
            if !scope.split(' ').any(|present| present == name) {
                scope.push(' ');
                scope.push_str(name);
            }
        }
        scope
    }
}

fn check(request: &AuthorizeRequest) -> Result<(), EntraError> {
    let refuse = |reason| Err(EntraError::Protocol { reason });
    if request.state.is_empty() || request.nonce.is_empty() {
        return refuse("an authorization request needs a state and a nonce");
    }
    if !pkce::is_valid_challenge(&request.code_challenge) {
        return refuse("an authorization request needs an S256 code challenge");
    }
    if request.extra_scopes.len() > EXTRA_SCOPES_LIMIT
        || !request.extra_scopes.iter().all(|name| is_scope(name))
    {
        return refuse("an extra scope is not a scope token");
    }
    Ok(())
}

/// Whether `name` is a scope token (RFC 6749 section 3.3).
pub(super) fn is_scope(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 256
        && name
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
