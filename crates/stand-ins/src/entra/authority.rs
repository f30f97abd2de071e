use uuid::Uuid;

use super::error::{EntraError, OAuthError};
use crate::directory::{self, PERSONAL_ACCOUNTS, Persona, Tenant};

/// The first path segment of every endpoint: whose accounts may sign in
/// (Microsoft Learn, "`OpenID` Connect on the Microsoft identity platform").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    /// One organisation, by id or verified domain.
    Tenant(&'static Tenant),
    /// Any organisation.
    Organizations,
    /// Any organisation and personal accounts.
    Common,
    /// Personal accounts alone, of which the directory has none.
    Consumers,
}

impl Authority {
    pub(crate) fn parse(segment: &str) -> Result<Self, EntraError> {
        match segment {
            "organizations" => return Ok(Self::Organizations),
            "common" => return Ok(Self::Common),
            "consumers" => return Ok(Self::Consumers),
            _ => {}
        }
        if Uuid::try_parse(segment) == Ok(PERSONAL_ACCOUNTS) {
            return Ok(Self::Consumers);
        }
        directory::tenant(segment).map(Self::Tenant).ok_or_else(|| {
            EntraError::new(
                90002,
                OAuthError::InvalidRequest,
                format!(
                    "Tenant '{segment}' not found. Check to make sure you have the correct tenant \
                     ID and are signing into the correct cloud. Check with your subscription \
                     administrator, this may happen if there are no active subscriptions for the \
                     tenant."
                ),
            )
        })
    }

    /// What the issuer in this authority's documents names: the tenant, or
    /// the template to be filled with a token's `tid`.
    pub(crate) fn issuer_segment(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.id.to_string(),
            Self::Consumers => PERSONAL_ACCOUNTS.to_string(),
            Self::Organizations | Self::Common => "{tenantid}".to_owned(),
        }
    }

    /// Whether accounts of this persona's tenant may sign in here.
    pub(crate) fn admits(self, persona: &Persona) -> bool {
        match self {
            Self::Tenant(tenant) => tenant.id == persona.tenant,
            Self::Organizations | Self::Common => true,
            Self::Consumers => false,
        }
    }

    /// Name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tenant(tenant) => tenant.name,
            Self::Organizations => "organizations",
            Self::Common => "common",
            Self::Consumers => "consumers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{CONTOSO, persona};

    #[test]
    fn a_tenant_admits_its_own_people_and_the_shared_names_admit_all() {
        let (reader, guest) = (persona("reader").unwrap(), persona("guest").unwrap());
        let contoso = Authority::parse(&CONTOSO.to_string()).unwrap();
        assert_eq!(Authority::parse("contoso.example").unwrap(), contoso);
        assert!(contoso.admits(reader) && !contoso.admits(guest));
        assert!(Authority::parse("organizations").unwrap().admits(guest));
        assert!(!Authority::parse("consumers").unwrap().admits(reader));
        assert_eq!(Authority::parse("nowhere").unwrap_err().code(), 90002);
    }
}
