use std::collections::BTreeSet;

use url::Url;
use uuid::{Uuid, uuid};

/// The tenant that all personal Microsoft accounts belong to (Microsoft
/// identity platform, "Access token claims reference", claim `tid`).
pub const PERSONAL_ACCOUNTS_TENANT: Uuid = uuid!("9188040d-6c67-4c5b-b112-36a304b66dad");

/// Our app registration and what is accepted from it.
#[derive(Debug, Clone)]
pub struct EntraSettings {
    /// The authority, `https://login.microsoftonline.com` in the public cloud.
    /// An `http` authority is for development: it alone allows endpoints that
    /// are not https.
    pub authority: Url,
    /// The home tenant, the one that our app is registered in.
    pub tenant_id: Uuid,
    /// The application (client) id.
    pub client_id: Uuid,
    /// Application ID URIs that version 1 tokens may name as `aud`, besides
    /// `api://{client id}`.
    pub application_id_uris: Vec<String>,
    /// Whose users may come in.
    pub tenancy: Tenancy,
    /// The delegated permission that a user's token must carry, without the
    /// Application ID URI: `access_as_user`.
    pub required_scope: String,
    /// Whether tokens of applications (client credentials) are accepted.
    pub accept_app_tokens: bool,
    /// The client applications whose tokens are accepted; `None`: any client
    /// that the tenant's administrator consented to.
    pub allowed_clients: Option<BTreeSet<Uuid>>,
}

/// Whose users may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenancy {
    /// The home tenant alone.
    Home,
    /// The home tenant and these.
    Listed(BTreeSet<Uuid>),
    /// Any organisation, but no personal accounts.
    AnyOrganization,
    /// Any organisation and personal Microsoft accounts.
    AnyOrganizationOrPersonal,
}

impl EntraSettings {
    /// Whether a token of `tenant` may be accepted.
    #[must_use]
    pub fn allows_tenant(&self, tenant: Uuid) -> bool {
        tenant == self.tenant_id
            || match &self.tenancy {
                Tenancy::Home => false,
                Tenancy::Listed(tenants) => tenants.contains(&tenant),
                Tenancy::AnyOrganization => tenant != PERSONAL_ACCOUNTS_TENANT,
                Tenancy::AnyOrganizationOrPersonal => true,
            }
    }

    /// The scope that clients of ours ask Entra for, by the name that they
    /// know it by.
    #[must_use]
    pub fn api_scope(&self) -> String {
        format!("api://{}/{}", self.client_id, self.required_scope)
    }

    /// The scope of every sign-in and refresh. The resource is named by the
    /// GUID: an app that asks for itself by URI is refused with AADSTS90009.
    #[must_use]
    pub fn sign_in_scope(&self) -> String {
        format!(
            "{}/{} openid profile offline_access",
            self.client_id, self.required_scope
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Uuid = uuid!("11111111-1111-4111-8111-111111111111");
    const OTHER: Uuid = uuid!("22222222-2222-4222-8222-222222222222");

    fn settings(tenancy: Tenancy) -> EntraSettings {
        EntraSettings {
            authority: Url::parse("https://login.microsoftonline.com").unwrap(),
            tenant_id: HOME,
            client_id: uuid!("33333333-3333-4333-8333-333333333333"),
            application_id_uris: Vec::new(),
            tenancy,
            required_scope: "access_as_user".to_owned(),
            accept_app_tokens: false,
            allowed_clients: None,
        }
    }

    #[test]
    fn each_tenancy_lets_in_exactly_its_tenants() {
        let listed = Tenancy::Listed(BTreeSet::from([OTHER]));
        let empty = Tenancy::Listed(BTreeSet::new());
        let table = [
            (Tenancy::Home, [true, false, false]),
            (empty, [true, false, false]),
            (listed, [true, true, false]),
            (Tenancy::AnyOrganization, [true, true, false]),
            (Tenancy::AnyOrganizationOrPersonal, [true, true, true]),
        ];
        for (tenancy, expected) in table {
            let settings = settings(tenancy.clone());
            let allowed = [HOME, OTHER, PERSONAL_ACCOUNTS_TENANT]
                .map(|tenant| settings.allows_tenant(tenant));
            assert_eq!(allowed, expected, "{tenancy:?}");
        }
    }

    #[test]
    fn the_sign_in_scope_names_our_own_resource_by_its_guid() {
        assert_eq!(
            settings(Tenancy::Home).sign_in_scope(),
            "33333333-3333-4333-8333-333333333333/access_as_user openid profile offline_access"
        );
    }
}
