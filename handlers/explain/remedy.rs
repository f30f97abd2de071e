//! What to do about each fault of a token.

use entrada_entra::{AccessTokenError, EntraSettings, SignInAudience, Tenancy, UnverifiedClaims};
use uuid::Uuid;

use crate::fix::{Fix, word};
use crate::identity::{OwnToken, OwnTokenError};

/// Microsoft Graph, by id and by its addresses.
const GRAPH: [&str; 3] = [
    "00000003-0000-0000-c000-000000000000",
    "https://graph.microsoft.com",
    "https://graph.microsoft.com/",
];

/// Words and commands for one app registration.
pub(super) struct Remedies<'a> {
    pub(super) settings: &'a EntraSettings,
    pub(super) base: &'a str,
}

impl Remedies<'_> {
    fn client(&self) -> Uuid {
        self.settings.client_id
    }

    /// How to get a token that is taken.
    pub(super) fn get_a_token(&self) -> Fix {
        Fix::new(format!(
            "Ask Entra for an access token with the scope {}. With the Azure CLI, where an \
             administrator pre-authorised it:",
            self.settings.api_scope()
        ))
        .line(format!(
            "az account get-access-token --tenant {} --scope {} --query accessToken --output tsv",
            self.settings.tenant_id,
            self.settings.api_scope()
        ))
    }

    /// The fix of a fault of an Entra token; `None` where the keys are away.
    pub(super) fn of(&self, error: &AccessTokenError, claims: &UnverifiedClaims) -> Option<Fix> {
        Some(match error {
            AccessTokenError::Malformed
            | AccessTokenError::CriticalHeader
            | AccessTokenError::UnsupportedAlgorithm
            | AccessTokenError::Signature
            | AccessTokenError::MissingClaim(_) => self.get_a_token(),
            AccessTokenError::UnknownKey => Fix::new(
                "Get a new token. If Entra has just rolled its keys over, 30 seconds later the \
                 server knows the new ones; if not, the token was signed for somebody else.",
            ),
            AccessTokenError::Issuer => self.issuer(claims),
            AccessTokenError::Audience => self.audience(claims),
            AccessTokenError::TenantNotAllowed { tenant } => self.tenant(*tenant),
            AccessTokenError::Expired => Fix::new(
                "Refresh it, or sign in again. Entra's access tokens live 60 to 90 minutes; there \
                 is no allowance for clocks at the end.",
            ),
            AccessTokenError::NotYetValid => Fix::new(
                "Set the clock of this machine, or of the one that the server runs on: the token \
                 is from a moment that has not come yet.",
            )
            .line("timedatectl status"),
            AccessTokenError::NotAnAccessToken => self.not_an_access_token(claims),
            AccessTokenError::MissingScope { .. } => Fix::new(format!(
                "Ask for the scope {} by its full name, and have an administrator consent to it \
                 once:",
                self.settings.api_scope()
            ))
            .line(format!(
                "az ad app permission admin-consent --id {}",
                self.client()
            )),
            AccessTokenError::ApplicationTokensRefused => {
                Fix::new("Sign in as a person, or let applications in (with an app role alone):")
                    .line("ENTRADA_ACCEPT_APP_TOKENS=true")
            }
            AccessTokenError::ClientNotAllowed => self.client_not_allowed(claims),
            AccessTokenError::MissingRoles => match claims.object_id {
                Some(object) => self.no_role(object),
                None => self.get_a_token(),
            },
            AccessTokenError::KeysUnavailable(_) => return None,
        })
    }

    fn issuer(&self, claims: &UnverifiedClaims) -> Fix {
        let authority = self.settings.authority.as_str().trim_end_matches('/');
        let seen = claims.issuer.as_deref().unwrap_or_default();
        if seen.contains(".ciamlogin.com") || seen.contains(".b2clogin.com") {
            return Fix::new(
                "The token is of an external-identities tenant (CIAM or B2C), whose issuers are \
                 others. Sign in with a work or school account of the tenant.",
            );
        }
        Fix::new(format!(
            "Ask the authority that the server is set to, for the tenant of the account. If the \
             tenant is in a national cloud, the setting names another authority than {authority}:"
        ))
        .line(format!(
            "{authority}/{}/oauth2/v2.0/authorize",
            self.settings.tenant_id
        ))
        .line("ENTRADA_AUTHORITY=https://login.microsoftonline.us")
    }

    fn audience(&self, claims: &UnverifiedClaims) -> Fix {
        let audience = claims.audience.as_deref().unwrap_or_default();
        if GRAPH.contains(&audience) {
            let mut fix = self.get_a_token();
            fix.what = format!(
                "The token is for Microsoft Graph: that is what Entra issues when no scope, or a \
                 bare `openid` or `User.Read`, is asked for. {}",
                fix.what
            );
            return fix;
        }
        if claims.version.as_deref() == Some("1.0") && audience.contains("://") {
            return Fix::new(
                "If this is an Application ID URI of this very app, name it in the settings; else \
                 the token is for another app:",
            )
            .line(format!(
                "ENTRADA_APPLICATION_ID_URIS={}",
                self.settings
                    .application_id_uris
                    .iter()
                    .map(String::as_str)
                    .chain([audience])
                    .map(word)
                    .collect::<Vec<_>>()
                    .join(",")
            ))
            .line(format!(
                "az ad app show --id {} --query identifierUris",
                self.client()
            ));
        }
        self.get_a_token()
    }

    /// The list with one more, since it is set as a whole.
    fn tenant(&self, tenant: Uuid) -> Fix {
        let tenancy = match &self.settings.tenancy {
            Tenancy::Home => Tenancy::Listed([tenant].into()),
            Tenancy::Listed(tenants) => {
                Tenancy::Listed(tenants.iter().copied().chain([tenant]).collect())
            }
            // Whom this leaves out are personal accounts.
            Tenancy::AnyOrganization | Tenancy::AnyOrganizationOrPersonal => {
                Tenancy::AnyOrganizationOrPersonal
            }
        };
        let tenants = match &tenancy {
            Tenancy::Listed(tenants) => {
                let tenants: Vec<_> = tenants.iter().map(Uuid::to_string).collect();
                tenants.join(",")
            }
            _ => "common".to_owned(),
        };
        Fix::new(
            "Sign in with an account of an allowed tenant, or let this one in: by the setting, and \
             in the app registration, which must be for several organisations:",
        )
        .line(format!("ENTRADA_TENANTS={tenants}"))
        .line(format!(
            "az ad app update --id {} --sign-in-audience {}",
            self.client(),
            SignInAudience::of(&tenancy).name()
        ))
    }

    fn not_an_access_token(&self, claims: &UnverifiedClaims) -> Fix {
        if claims.has_nonce || claims.client_id.is_none() {
            return Fix::new(
                "This is an id token: it tells a client who signed in and opens nothing. Send the \
                 `access_token` of the same answer.",
            );
        }
        Fix::new(
            "An application's token that does not say so. The app registration lacks the optional \
             claim `idtyp`. Name those that the first command shows too, since the second replaces \
             them (`entrada doctor --entra` writes it out):",
        )
        .line(format!(
            "az ad app show --id {} --query optionalClaims",
            self.client()
        ))
        .line(format!(
            "az ad app update --id {} --optional-claims '{{\"accessToken\": [{{\"name\": \"idtyp\"}}]}}'",
            self.client()
        ))
        .line("optionalClaims: { accessToken: [{ name: 'idtyp' }] }    // Bicep")
    }

    fn client_not_allowed(&self, claims: &UnverifiedClaims) -> Fix {
        let mut all: Vec<String> = self
            .settings
            .allowed_clients
            .iter()
            .flatten()
            .map(Uuid::to_string)
            .collect();
        all.extend(claims.client_id.map(|client| client.to_string()));
        Fix::new("Use a client of the list, or put this one on it:")
            .line(format!("ENTRADA_ALLOWED_CLIENTS={}", all.join(",")))
    }

    /// Somebody without an app role.
    pub(super) fn no_role(&self, object_id: Uuid) -> Fix {
        let client = self.client();
        Fix::new(
            "Have an administrator assign an app role (Task.Read here) and get a new token. In the \
             portal: Enterprise applications, the application, Users and groups.",
        )
        .line(format!("SERVICE=$(az ad sp show --id {client} --query id -o tsv)"))
        .line(format!(
            "ROLE=$(az ad sp show --id {client} --query \"appRoles[?value=='Task.Read'].id\" -o tsv)"
        ))
        .line(format!(
            "az rest --method post --url \"https://graph.microsoft.com/v1.0/servicePrincipals/$SERVICE/appRoleAssignedTo\" \
             --body \"{{\\\"principalId\\\":\\\"{object_id}\\\",\\\"resourceId\\\":\\\"$SERVICE\\\",\\\"appRoleId\\\":\\\"$ROLE\\\"}}\""
        ))
    }

    /// What to do about a fault of one of our own tokens.
    pub(super) fn of_own(&self, error: &OwnTokenError) -> Option<Fix> {
        Some(match error {
            OwnTokenError::Expired => Fix::new(format!(
                "Refresh it at {0}/token (MCP clients) or {0}/auth/refresh (front ends), or sign \
                 in again.",
                self.base
            )),
            OwnTokenError::UnknownKey => Fix::new(
                "The key that signed it is not in the key ring any more. Sign in again; if \
                 everybody has to, look at the ring:",
            )
            .line("entrada keys list"),
            OwnTokenError::Signature | OwnTokenError::Malformed => {
                Fix::new("It was changed or cut off on its way. Sign in again.")
            }
            OwnTokenError::KeysUnavailable(_) => return None,
        })
    }

    /// A token of the authorization server's that is taken to another door.
    pub(super) fn other_door(&self, token: &OwnToken) -> Fix {
        let audience = if token.scopes().iter().any(|scope| scope == "api") {
            "It was issued for other doors"
        } else {
            "Tokens of MCP clients open the MCP endpoint that they were asked for, and never /api"
        };
        Fix::new(format!(
            "{audience}. For /api sign in at {0}/auth/login; for another MCP endpoint have the \
             client send its URL as `resource`.",
            self.base
        ))
    }

    /// A token under another base URL.
    pub(super) fn other_base_url(&self, issuer: &str) -> Fix {
        Fix::new(format!(
            "Have the client use {}, and sign in again there. If {issuer} is the name that people \
             should use, it must be the base URL:",
            self.base
        ))
        .line(format!("ENTRADA_BASE_URL={issuer}"))
    }
}

#[cfg(test)]
mod tests {
    use entrada_entra::PERSONAL_ACCOUNTS_TENANT;
    use url::Url;

    use super::*;

    fn settings(tenancy: Tenancy) -> EntraSettings {
        EntraSettings {
            authority: Url::parse("https://login.microsoftonline.com").unwrap(),
            tenant_id: Uuid::from_u128(1),
            client_id: Uuid::from_u128(2),
            application_id_uris: vec!["https://one.example".to_owned()],
            tenancy,
            required_scope: "access_as_user".to_owned(),
            accept_app_tokens: false,
            allowed_clients: None,
        }
    }

    fn fix(tenancy: Tenancy, error: &AccessTokenError, claims: &UnverifiedClaims) -> Fix {
        let settings = settings(tenancy);
        let base = "https://entrada.example";
        let remedies = Remedies {
            settings: &settings,
            base,
        };
        remedies.of(error, claims).unwrap()
    }

    #[test]
    fn a_tenant_that_is_let_in_does_not_put_the_others_out() {
        let (one, two) = (Uuid::from_u128(3), Uuid::from_u128(4));
        let listed = |tenant: Uuid| Tenancy::Listed([tenant].into());
        let personal = PERSONAL_ACCOUNTS_TENANT;
        for (tenancy, tenant, tenants, audience) in [
            (Tenancy::Home, one, one.to_string(), "AzureADMultipleOrgs"),
            (
                listed(one),
                two,
                format!("{one},{two}"),
                "AzureADMultipleOrgs",
            ),
            (
                listed(one),
                personal,
                format!("{one},{personal}"),
                "AzureADandPersonalMicrosoftAccount",
            ),
            (
                Tenancy::AnyOrganization,
                personal,
                "common".to_owned(),
                "AzureADandPersonalMicrosoftAccount",
            ),
        ] {
            let error = AccessTokenError::TenantNotAllowed { tenant };
            let copy = fix(tenancy, &error, &UnverifiedClaims::default()).copy;
            assert_eq!(copy[0], format!("ENTRADA_TENANTS={tenants}"));
            assert!(copy[1].ends_with(audience), "{copy:?}");
        }
    }

    #[test]
    fn another_name_of_the_application_stands_beside_those_that_it_has() {
        let claims = UnverifiedClaims {
            version: Some("1.0".to_owned()),
            audience: Some("https://two.example".to_owned()),
            ..UnverifiedClaims::default()
        };
        let copy = fix(Tenancy::Home, &AccessTokenError::Audience, &claims).copy;
        let line = "ENTRADA_APPLICATION_ID_URIS=https://one.example,https://two.example";
        assert_eq!(copy[0], line);
    }
}
