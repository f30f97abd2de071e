use serde_json::{Map, Value, json};

use super::super::claims::{AccessToken, ID_TOKEN_LIFETIME, IdToken, SignIn, Subject};
use super::super::claims_request::{ClaimsRequest, digest};
use super::super::error::{EntraError, OAuthError};
use super::super::grants::{Grant, Stamp};
use super::super::people::Account;
use super::super::refusal;
use super::super::scopes::{Granted, ScopeRequest, SignInScope};
use super::TokenExchange;
use crate::directory::{self, Persona};
use crate::encoding::base64url;

/// Purpose under which refresh tokens are sealed.
pub(super) const REFRESH_TOKEN: &str = "refresh-token";

/// What a token answer for a person is made of.
pub(super) struct UserAnswer<'a> {
    pub(super) persona: &'static Persona,
    pub(super) scopes: &'a ScopeRequest,
    pub(super) granted: &'a Granted,
    /// The `scope` that a refresh token stands for.
    pub(super) scope: &'a str,
    pub(super) nonce: Option<&'a str>,
    pub(super) sign_in: SignIn,
    /// Whether there is a refresh token in the answer.
    pub(super) refreshable: bool,
}

impl TokenExchange<'_> {
    /// Signs what was granted to a person's client.
    pub(super) fn user_answer(&self, answer: UserAnswer<'_>) -> Result<Value, EntraError> {
        let entra = self.entra;
        let claims_request = ClaimsRequest::parse(self.parameters.get("claims"))?;
        let sign_in = SignIn {
            challenge_capable: answer.sign_in.challenge_capable || claims_request.challenge_capable,
            ..answer.sign_in
        };
        let granted = answer.granted;
        let lifetime = entra.access_token_lifetime();
        let access_token = self.signed(&entra.access_claims(&AccessToken {
            subject: Subject::User(answer.persona),
            client: self.client,
            credential: self.credential,
            resource: granted.resource,
            identifier: &granted.identifier,
            scopes: &granted.names,
            sign_in: &sign_in,
            version: granted.resource.token_version,
            lifetime,
        }))?;
        let mut members = Map::from_iter([
            ("token_type".to_owned(), json!("Bearer")),
            ("scope".to_owned(), json!(granted.answer)),
            ("expires_in".to_owned(), json!(lifetime)),
            ("ext_expires_in".to_owned(), json!(lifetime)),
            ("access_token".to_owned(), json!(access_token)),
        ]);
        if answer.scopes.asks(SignInScope::OpenId) {
            let id_token = self.signed(&entra.id_claims(&IdToken {
                persona: answer.persona,
                client: self.client,
                nonce: answer.nonce,
                profile: answer.scopes.asks(SignInScope::Profile),
                email: answer.scopes.asks(SignInScope::Email),
                sign_in: &sign_in,
                lifetime: ID_TOKEN_LIFETIME,
            }))?;
            members.insert("id_token".to_owned(), json!(id_token));
        }
        if answer.refreshable {
            let grant = Grant {
                client_id: self.client.client_id,
                persona: answer.persona.name.to_owned(),
                scope: answer.scope.to_owned(),
                sign_in,
                issued: entra.stamp(),
            };
            let refresh_token = entra.seal.seal(REFRESH_TOKEN, &grant);
            members.insert("refresh_token".to_owned(), json!(refresh_token));
        }
        if self.parameters.flag("client_info") {
            members.insert("client_info".to_owned(), json!(client_info(answer.persona)));
        }
        Ok(Value::Object(members))
    }

    /// `claims` as a signed token.
    pub(super) fn signed(&self, claims: &Map<String, Value>) -> Result<String, EntraError> {
        self.entra.keys.sign(claims).map_err(|error| {
            tracing::error!(%error, "a token could not be signed");
            refusal::issuance_failed()
        })
    }

    /// The persona of a grant issued at `issued`, if the account may still
    /// have tokens.
    pub(super) fn person_of_grant(
        &self,
        name: &str,
        issued: Stamp,
    ) -> Result<(&'static Persona, Account), EntraError> {
        let persona = directory::persona(name).ok_or_else(malformed_grant)?;
        if !self.authority.admits(persona) {
            let (client, authority) = (self.client, self.authority);
            return Err(refusal::foreign_account(50020, persona, client, authority));
        }
        let account = self.entra.people.account(persona);
        if account.disabled {
            return Err(refusal::disabled_account());
        }
        if let Some(valid_from) = account.valid_from.filter(|from| *from > issued) {
            return Err(EntraError::new(
                50173,
                OAuthError::InvalidGrant,
                format!(
                    "The provided grant has expired due to it being revoked, a fresh auth token \
                     is needed. The user might have changed or reset their password. The grant was \
                     issued on '{}' and the TokensValidFrom date (before which tokens are \
                     not valid) for this user is '{}'.",
                    issued.time, valid_from.time
                ),
            )
            .with_suberror("bad_token"));
        }
        Ok((persona, account))
    }

    /// Scopes for a token: one resource, and never the client's own by URI.
    pub(super) fn token_scopes(&self, scope: &str) -> Result<ScopeRequest, EntraError> {
        let scopes = ScopeRequest::parse(scope, self.client)?;
        scopes.refuse_several_resources(scope)?;
        scopes.refuse_own_uri(self.client)?;
        Ok(scopes)
    }
}

/// Refuses when the account must meet a challenge for this resource that
/// the sign-in has not met.
pub(super) fn refuse_unmet_challenge(
    account: &Account,
    sign_in: &SignIn,
    granted: &Granted,
) -> Result<(), EntraError> {
    let Some(claims) = account.required_of(granted.resource) else {
        return Ok(());
    };
    if sign_in.satisfied.is_some() && sign_in.satisfied == digest(claims) {
        return Ok(());
    }
    Err(EntraError::new(
        50076,
        account.interaction_error.into(),
        format!(
            "Due to a configuration change made by your administrator, or because you moved to \
             a new location, you must use multi-factor authentication to access '{}'.",
            granted.resource.client_id
        ),
    )
    .with_suberror("basic_action")
    .with_claims(claims.clone()))
}

/// Which account a token answer is about, for the account cache of Microsoft's
/// client libraries.
pub(crate) fn client_info(persona: &Persona) -> String {
    let info = json!({"uid": persona.object_id, "utid": persona.tenant});
    base64url(info.to_string().as_bytes())
}

/// A code or refresh token that this server did not make, or made for another
/// client.
pub(super) fn malformed_grant() -> EntraError {
    EntraError::new(
        9_002_313,
        OAuthError::InvalidGrant,
        "Invalid request. Request is malformed or invalid.",
    )
    .with_suberror("bad_token")
}
