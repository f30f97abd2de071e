//! Who and what exists: the tenants, people and application registrations
//! that the Entra ID stand-in knows. Nothing here is secret or real.

mod applications;
mod people;

use uuid::{Uuid, uuid};

pub use applications::{
    API_IDENTIFIER_URI, Application, CLIENT_ID, CLIENT_SECRET, DAEMON_CLIENT_ID,
    DAEMON_CLIENT_SECRET, FOUNDRY_RESOURCE, FOUNDRY_RESOURCE_ID, GRAPH_RESOURCE, GRAPH_RESOURCE_ID,
    IDENTITY_HEADER, MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_OBJECT_ID, MONITOR_RESOURCE_ID,
    PUBLIC_CLIENT_ID, REPORTS_CLIENT_ID, REPORTS_CLIENT_SECRET, Scope, TOKEN_EXCHANGE_ID,
    TOKEN_EXCHANGE_RESOURCE, application, applications, resource_named,
};
pub(crate) use people::persona_by_id;
pub use people::{Kind, Persona, crowd, persona, personas};

/// Tenant that the application is registered in.
pub const CONTOSO: Uuid = uuid!("c0170500-0000-4000-8000-000000000001");

/// Another organisation's tenant, in which the multi-tenant application is
/// installed too.
pub const FABRIKAM: Uuid = uuid!("fab21ca0-0000-4000-8000-000000000002");

/// Tenant id that stands for personal Microsoft accounts, the same for
/// everybody (Microsoft Learn, "ID token claims reference").
pub const PERSONAL_ACCOUNTS: Uuid = uuid!("9188040d-6c67-4c5b-b112-36a304b66dad");

/// An organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
    /// Tenant (directory) id.
    pub id: Uuid,
    /// Verified domain, usable in place of the id in URLs.
    pub domain: &'static str,
    /// Name for people.
    pub name: &'static str,
}

const TENANTS: &[Tenant] = &[
    Tenant {
        id: CONTOSO,
        domain: "contoso.example",
        name: "Contoso",
    },
    Tenant {
        id: FABRIKAM,
        domain: "fabrikam.example",
        name: "Fabrikam",
    },
];

/// Every tenant.
#[must_use]
pub fn tenants() -> &'static [Tenant] {
    TENANTS
}

/// The tenant with this id or domain, as a URL segment spells it.
#[must_use]
pub fn tenant(segment: &str) -> Option<&'static Tenant> {
    let id = Uuid::try_parse(segment).ok();
    TENANTS
        .iter()
        .find(|tenant| id == Some(tenant.id) || tenant.domain.eq_ignore_ascii_case(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_found_by_id_and_domain() {
        assert_eq!(tenant(&CONTOSO.to_string()).map(|t| t.id), Some(CONTOSO));
        assert_eq!(tenant("Fabrikam.Example").map(|t| t.id), Some(FABRIKAM));
        assert_eq!(tenant("common"), None);
    }

    #[test]
    fn object_ids_and_client_ids_are_unique() {
        let everybody = personas().iter().chain(crowd());
        let mut ids: Vec<Uuid> = everybody.map(|p| p.object_id).collect();
        ids.extend(applications().iter().map(|a| a.client_id));
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
