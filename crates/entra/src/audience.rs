use crate::{PERSONAL_ACCOUNTS_TENANT, Tenancy};

/// Whose accounts Entra lets sign in to an application, from the fewest on:
/// `signInAudience` of its registration (Microsoft Learn, "application resource
/// type"). Of its values `PersonalMicrosoftAccount` alone is left out, with
/// which nobody of an organisation signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignInAudience {
    /// Those of the tenant that it is registered in.
    HomeTenant,
    /// Those of any organisation.
    AnyOrganization,
    /// Those of any organisation, and personal Microsoft accounts.
    AnyOrganizationOrPersonal,
}

impl SignInAudience {
    /// What a tenancy takes: the authority's `organizations` and `common`, by
    /// which people of other tenants sign in, are there for applications of
    /// that audience alone.
    #[must_use]
    pub fn of(tenancy: &Tenancy) -> Self {
        match tenancy {
            Tenancy::Home => Self::HomeTenant,
            Tenancy::Listed(tenants) if tenants.contains(&PERSONAL_ACCOUNTS_TENANT) => {
                Self::AnyOrganizationOrPersonal
            }
            Tenancy::Listed(_) | Tenancy::AnyOrganization => Self::AnyOrganization,
            Tenancy::AnyOrganizationOrPersonal => Self::AnyOrganizationOrPersonal,
        }
    }

    /// The value that `name` stands for.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::HomeTenant,
            Self::AnyOrganization,
            Self::AnyOrganizationOrPersonal,
        ]
        .into_iter()
        .find(|audience| audience.name() == name)
    }

    /// Its name in the registration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HomeTenant => "AzureADMyOrg",
            Self::AnyOrganization => "AzureADMultipleOrgs",
            Self::AnyOrganizationOrPersonal => "AzureADandPersonalMicrosoftAccount",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_tenancy_takes_the_audience_that_its_sign_ins_go_by() {
        let listed = |tenants: &[Uuid]| Tenancy::Listed(tenants.iter().copied().collect());
        let other = Uuid::from_u128(2);
        for (tenancy, audience) in [
            (Tenancy::Home, "AzureADMyOrg"),
            (Tenancy::Listed(BTreeSet::new()), "AzureADMultipleOrgs"),
            (listed(&[other]), "AzureADMultipleOrgs"),
            (
                listed(&[other, PERSONAL_ACCOUNTS_TENANT]),
                "AzureADandPersonalMicrosoftAccount",
            ),
            (Tenancy::AnyOrganization, "AzureADMultipleOrgs"),
            (
                Tenancy::AnyOrganizationOrPersonal,
                "AzureADandPersonalMicrosoftAccount",
            ),
        ] {
            let found = SignInAudience::of(&tenancy);
            assert_eq!(found.name(), audience, "{tenancy:?}");
            assert_eq!(SignInAudience::named(audience), Some(found));
        }
        assert_eq!(SignInAudience::named("PersonalMicrosoftAccount"), None);
    }
}
