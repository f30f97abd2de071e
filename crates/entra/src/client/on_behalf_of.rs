use secrecy::ExposeSecret;

use super::EntraClient;
use super::authorize::is_scope;
use super::claims_parameter::claims_parameter;
use super::request::{DownstreamToken, OnBehalfOf};
use super::token_endpoint::Form;
use crate::fetch::Patience;
use crate::{AccessTokenError, EntraError, SubjectKind};

/// Scopes of OIDC, which belong to no resource.
const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

impl EntraClient {
    /// Exchanges a user's access token for a token of a downstream service
    /// that speaks for the same user (Microsoft identity platform, "OAuth 2.0
    /// On-Behalf-Of flow"), at the user's own tenant. Nothing is ever asked
    /// for in the app's own name.
    ///
    /// The assertion is verified first: one of an application has nobody to
    /// act on behalf of (Entra would say so only after a round trip), and one
    /// of another tenant is not for this caller.
    ///
    /// # Errors
    /// `ApplicationAssertion` and `SubjectMismatch` before any request;
    /// `ConsentRequired` and `InteractionRequired` for the user to answer; see
    /// [`EntraError`].
    pub async fn on_behalf_of(&self, request: &OnBehalfOf) -> Result<DownstreamToken, EntraError> {
        check_scope(&request.scope)?;
        let claims = claims_parameter(request.claims.as_deref())?;
        let assertion = self
            .validator
            .verify_own(request.assertion.expose_secret())
            .await
            .map_err(|error| match error {
                AccessTokenError::ApplicationTokensRefused | AccessTokenError::MissingRoles => {
                    EntraError::ApplicationAssertion
                }
                error => EntraError::AccessToken(error),
            })?;
        if assertion.subject_kind != SubjectKind::User {
            return Err(EntraError::ApplicationAssertion);
        }
        if assertion.tenant_id != request.tenant {
            return Err(EntraError::SubjectMismatch);
        }
        let configuration = self.of_tenant(request.tenant).await?;
        let form: Form = vec![
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:jwt-bearer".into(),
            ),
            ("requested_token_use", "on_behalf_of".into()),
            ("assertion", request.assertion.clone()),
            ("scope", request.scope.clone().into()),
            ("claims", claims.into()),
        ];
        let answer = self
            .redeem(&configuration.token_endpoint, form, Patience::REPEATABLE)
            .await?;
        let expires_at = answer.expires_at(self.clock.unix());
        Ok(DownstreamToken {
            access_token: answer.access_token.0,
            expires_at: expires_at.min(assertion.expires_at),
            scope: answer.scope,
        })
    }
}

/// Checks that `scope` asks for one resource: Entra issues a token for one
/// (AADSTS28000). What stands before a scope's last slash is its resource.
fn check_scope(scope: &str) -> Result<(), EntraError> {
    let resource = |name: &str| {
        name.rsplit_once('/')
            .map(|(resource, _)| resource.to_owned())
    };
    let names: Vec<&str> = scope.split(' ').collect();
    let first = names.first().copied().and_then(resource);
    let one_resource = names
        .iter()
        .all(|name| is_scope(name) && !OPENID_SCOPES.contains(name) && resource(name) == first);
    if one_resource {
        Ok(())
    } else {
        Err(EntraError::Protocol {
            reason: "an On-Behalf-Of request is for scopes of exactly one resource",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_one_resource_are_accepted() {
        for scope in [
            "https://ai.azure.com/.default",
            "https://graph.microsoft.com/User.Read https://graph.microsoft.com/Mail.Read",
            "User.Read Mail.Read",
        ] {
            assert!(check_scope(scope).is_ok(), "{scope}");
        }
    }

    #[test]
    fn two_resources_none_and_openid_scopes_are_refused() {
        for scope in [
            "",
            " ",
            "https://ai.azure.com/.default https://graph.microsoft.com/.default",
            "https://ai.azure.com/.default offline_access",
            "User.Read https://ai.azure.com/.default",
            "https://ai.azure.com/.default\n",
        ] {
            assert!(check_scope(scope).is_err(), "{scope:?}");
        }
    }
}
