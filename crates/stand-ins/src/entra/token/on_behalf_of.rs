use serde_json::Value;

use super::super::authority::Authority;
use super::super::claims::{Credential, SignIn};
use super::super::error::{EntraError, OAuthError};
use super::super::grants::Stamp;
use super::super::refusal;
use super::super::scopes::SignInScope;
use super::super::verify::{TokenFault, VerifiedToken};
use super::TokenExchange;
use super::answer::{UserAnswer, refuse_unmet_challenge};
use crate::directory::{self, Persona};

fn invalid_grant(code: u32, message: impl Into<String>) -> EntraError {
    EntraError::new(code, OAuthError::InvalidGrant, message)
}

impl TokenExchange<'_> {
    /// Exchanges a person's access token for one for another resource
    /// (Microsoft Learn, "OAuth 2.0 On-Behalf-Of flow").
    pub(super) fn on_behalf_of(&self) -> Result<Value, EntraError> {
        if self.parameters.required("requested_token_use")? != "on_behalf_of" {
            return Err(refusal::invalid_request(
                "The value of 'requested_token_use' is not supported.",
            ));
        }
        if self.credential == Credential::None {
            return Err(refusal::missing_credential());
        }
        self.refuse_foreign_endpoint()?;
        let assertion = self.parameters.required("assertion")?;
        let scope = self.parameters.required("scope")?;
        let token = self
            .entra
            .verify_access_token(assertion, self.client)
            .map_err(|fault| self.assertion_refused(fault))?;
        if token.app_only {
            return Err(invalid_grant(
                7_000_114,
                format!(
                    "Application '{}' is not allowed to make application on-behalf-of calls.",
                    self.client.client_id
                ),
            ));
        }
        let persona = self.person_of_assertion(&token)?;
        let (sign_in, issued) = sign_in_of(&token);
        let (_, account) = self.person_of_grant(persona.name, issued)?;
        let scopes = self.token_scopes(scope)?;
        let granted = scopes.grant(&self.entra.people, persona, self.client)?;
        refuse_unmet_challenge(&account, &sign_in, &granted)?;
        self.user_answer(UserAnswer {
            persona,
            scopes: &scopes,
            granted: &granted,
            scope,
            nonce: None,
            refreshable: scopes.asks(SignInScope::OfflineAccess),
            sign_in,
        })
    }

    fn person_of_assertion(&self, token: &VerifiedToken) -> Result<&'static Persona, EntraError> {
        let persona = directory::persona_by_id(token.object_id, token.tenant).ok_or_else(|| {
            invalid_grant(
                50034,
                "The user account does not exist in the directory. To sign into this \
                 application, the account must be added to the directory.",
            )
        })?;
        match self.authority {
            Authority::Tenant(tenant) if tenant.id != token.tenant => Err(
                refusal::foreign_account(90072, persona, self.client, self.authority),
            ),
            _ => Ok(persona),
        }
    }

    fn assertion_refused(&self, fault: TokenFault) -> EntraError {
        let invalid = |reason: &str| {
            invalid_grant(
                50013,
                format!("Assertion failed signature validation. [Reason - {reason}]"),
            )
        };
        match fault {
            TokenFault::Malformed => EntraError::new(
                50027,
                OAuthError::InvalidRequest,
                "JWT token is invalid or malformed.",
            ),
            TokenFault::UnknownKey => invalid("The key was not found."),
            TokenFault::Signature => {
                invalid("The provided signature value did not match the expected signature value.")
            }
            TokenFault::Issuer => {
                invalid_grant(50013, "Assertion contains an issuer that is not trusted.")
            }
            TokenFault::Expired(expired) => invalid_grant(
                500_133,
                format!(
                    "Assertion is not within its valid time range. Ensure that the access token is \
                     not expired before using it for user assertion, or request a new token. \
                     Current time: {}, expiry time of assertion {expired}.",
                    self.entra.clock.unix()
                ),
            ),
            TokenFault::NotYetValid => invalid_grant(
                500_133,
                "Assertion is not within its valid time range: it is not valid yet.",
            ),
            TokenFault::NotAnAccessToken => EntraError::new(
                240_002,
                OAuthError::InvalidRequest,
                "Input id_token cannot be used as \
                 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant.",
            ),
            TokenFault::Audience(audience) => invalid_grant(
                500_131,
                format!(
                    "Assertion audience does not match the Client app presenting the assertion. \
                     The audience in the assertion was '{audience}' and the expected audience is \
                     '{}' or one of the Application Uris of this application with App ID \
                     '{}'({}). The downstream client must request a token for the expected \
                     audience (the application that made the OBO request) and this application \
                     should use that token as the assertion.",
                    self.client.identifier_uri.unwrap_or_default(),
                    self.client.client_id,
                    self.client.name
                ),
            ),
        }
    }
}

/// What the assertion's sign-in met, and when the assertion was issued: a new
/// token is no stronger than the one that it is made of.
fn sign_in_of(token: &VerifiedToken) -> (SignIn, Stamp) {
    let text = |name: &str| token.claims.get(name).and_then(Value::as_str);
    let mut internal = text("aio").unwrap_or_default().rsplit('.');
    let satisfied = internal.next().unwrap_or_default();
    let issued = internal.next().and_then(|stamp| stamp.parse().ok());
    let sign_in = SignIn {
        session: text("sid").unwrap_or_default().to_owned(),
        satisfied: Some(satisfied.to_owned()).filter(|digest| !digest.is_empty()),
        challenge_capable: false,
    };
    (sign_in, issued.unwrap_or_default())
}
