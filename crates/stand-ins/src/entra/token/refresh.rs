use serde_json::Value;

use super::super::error::{EntraError, OAuthError};
use super::super::grants::{Grant, REFRESH_TOKEN_LIFETIME};
use super::super::refusal;
use super::TokenExchange;
use super::answer::{REFRESH_TOKEN, UserAnswer, malformed_grant, refuse_unmet_challenge};

impl TokenExchange<'_> {
    /// Redeems a refresh token (Microsoft Learn, "Refresh tokens in the
    /// Microsoft identity platform"): for any resource that was consented to,
    /// as often as wanted; the answer holds a newer one and the older one
    /// stays good.
    pub(super) fn refresh_token(&self) -> Result<Value, EntraError> {
        self.refuse_foreign_endpoint()?;
        let presented = self.parameters.required("refresh_token")?;
        let grant: Grant = self
            .entra
            .seal
            .open_value(REFRESH_TOKEN, presented)
            .ok_or_else(malformed_grant)?;
        self.check_grant(&grant)?;
        let (persona, account) = self.person_of_grant(&grant.persona, grant.issued)?;
        let scope = self.refresh_scope(&grant)?;
        let scopes = self.token_scopes(scope)?;
        let granted = scopes.grant(&self.entra.people, persona, self.client)?;
        refuse_unmet_challenge(&account, &grant.sign_in, &granted)?;
        self.user_answer(UserAnswer {
            persona,
            scopes: &scopes,
            granted: &granted,
            scope: &grant.scope,
            nonce: None,
            sign_in: grant.sign_in,
            refreshable: true,
        })
    }

    fn check_grant(&self, grant: &Grant) -> Result<(), EntraError> {
        if grant.client_id != self.client.client_id {
            return Err(EntraError::new(
                70000,
                OAuthError::InvalidGrant,
                "Provided grant is invalid or malformed: it was issued to another client.",
            )
            .with_suberror("bad_token"));
        }
        if grant.issued.time + REFRESH_TOKEN_LIFETIME <= self.entra.clock.unix() {
            return Err(EntraError::new(
                700_082,
                OAuthError::InvalidGrant,
                format!(
                    "The refresh token has expired due to inactivity. The token was issued on {} \
                     and was inactive for 90.00:00:00.",
                    grant.issued.time
                ),
            )
            .with_suberror("bad_token"));
        }
        Ok(())
    }

    /// The scope to be granted. Without the parameter it is that of the
    /// sign-in, but for a client that signed in to itself: public reports show
    /// AADSTS90009 then.
    fn refresh_scope<'a>(&'a self, grant: &'a Grant) -> Result<&'a str, EntraError> {
        if let Some(scope) = self.parameters.get("scope") {
            return Ok(scope);
        }
        let scopes = self.token_scopes(&grant.scope)?;
        let own = scopes
            .resources
            .iter()
            .any(|request| request.resource.client_id == self.client.client_id);
        if own {
            return Err(refusal::token_for_itself(self.client));
        }
        Ok(&grant.scope)
    }
}
