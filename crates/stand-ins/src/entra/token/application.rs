use serde_json::{Value, json};

use super::super::authority::Authority;
use super::super::claims::{AccessToken, Credential, SignIn, Subject};
use super::super::error::{EntraError, OAuthError};
use super::super::refusal;
use super::TokenExchange;
use crate::directory;

impl TokenExchange<'_> {
    /// A token for the application itself (Microsoft Learn, "OAuth 2.0 client
    /// credentials flow"): `{resource}/.default`, app roles, no scope, no
    /// refresh token. An application may ask for itself by URI here; inferred
    /// from public examples.
    pub(super) fn client_credentials(&self) -> Result<Value, EntraError> {
        if self.credential == Credential::None {
            return Err(refusal::missing_credential());
        }
        let Authority::Tenant(tenant) = self.authority else {
            return Err(EntraError::new(
                50059,
                OAuthError::InvalidRequest,
                "No tenant-identifying information found in either the request or implied by any \
                 provided credentials.",
            ));
        };
        let scope = self.parameters.required("scope")?;
        let identifier = scope.strip_suffix("/.default").ok_or_else(|| {
            EntraError::new(
                1_002_012,
                OAuthError::InvalidScope,
                format!(
                    "The provided value for scope {scope} is not valid. Client credential flows \
                     must have a scope value with /.default suffixed to the resource identifier \
                     (application ID URI)."
                ),
            )
        })?;
        let resource = directory::resource_named(identifier)
            .filter(|resource| resource.identifier_uri.is_some())
            .filter(|resource| resource.exists_in(tenant.id))
            .ok_or_else(|| refusal::unknown_resource(identifier, tenant.name))?;
        let lifetime = self.entra.access_token_lifetime();
        let access_token = self.signed(&self.entra.access_claims(&AccessToken {
            subject: Subject::Application {
                application: self.client,
                tenant: tenant.id,
            },
            client: self.client,
            credential: self.credential,
            resource,
            identifier: identifier.trim_end_matches('/'),
            scopes: &[],
            sign_in: &SignIn::default(),
            version: resource.token_version,
            lifetime,
        }))?;
        Ok(json!({
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": access_token,
        }))
    }
}
