use std::collections::BTreeSet;

use uuid::Uuid;

use super::error::{EntraError, OAuthError};
use super::people::People;
use super::refusal;
use crate::directory::{self, Application, GRAPH_RESOURCE, GRAPH_RESOURCE_ID, Persona, Scope};

/// What a `scope` parameter asks for (Microsoft Learn, "Scopes and permissions
/// in the Microsoft identity platform").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ScopeRequest {
    sign_in: BTreeSet<SignInScope>,
    /// In the order of their first mention. Consent may be asked for several
    /// at once; a token is for one.
    pub(crate) resources: Vec<ResourceRequest>,
}

/// The scopes of `OpenID` Connect, in the order in which answers list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SignInScope {
    OpenId,
    Profile,
    Email,
    OfflineAccess,
}

impl SignInScope {
    fn named(name: &str) -> Option<Self> {
        match name {
            "openid" => Some(Self::OpenId),
            "profile" => Some(Self::Profile),
            "email" => Some(Self::Email),
            "offline_access" => Some(Self::OfflineAccess),
            _ => None,
        }
    }

    /// Its name among the permissions of Microsoft Graph; asking for refresh
    /// tokens is none.
    const fn permission(self) -> Option<&'static str> {
        match self {
            Self::OpenId => Some("openid"),
            Self::Profile => Some("profile"),
            Self::Email => Some("email"),
            Self::OfflineAccess => None,
        }
    }
}

/// Permissions on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceRequest {
    pub(crate) resource: &'static Application,
    /// As the client named it: its id or its URI.
    pub(crate) identifier: String,
    pub(crate) permissions: Permissions,
}

/// Which permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permissions {
    /// `.default`: all that the client was consented to.
    Default,
    /// By name.
    Named(Vec<&'static Scope>),
}

/// What was granted for one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) resource: &'static Application,
    pub(crate) identifier: String,
    /// The values of `scp`.
    pub(crate) names: Vec<String>,
    /// The value of `scope` in the answer.
    pub(crate) answer: String,
}

impl ScopeRequest {
    /// Reads a `scope` parameter of `client`.
    ///
    /// A name without a resource means Microsoft Graph, as does `.default`.
    pub(crate) fn parse(text: &str, client: &Application) -> Result<Self, EntraError> {
        let mut request = Self::default();
        for value in text.split_whitespace() {
            if let Some(scope) = SignInScope::named(value) {
                request.sign_in.insert(scope);
            } else {
                request.add(value, client)?;
            }
        }
        if request == Self::default() {
            return Err(refusal::invalid_scope(text.trim()));
        }
        Ok(request)
    }

    fn add(&mut self, value: &str, client: &Application) -> Result<(), EntraError> {
        let (identifier, name) = value.rsplit_once('/').unwrap_or((GRAPH_RESOURCE, value));
        let resource = directory::resource_named(identifier)
            .filter(|resource| resource.identifier_uri.is_some())
            .ok_or_else(|| refusal::unknown_resource(identifier, &client.tenant.to_string()))?;
        let permission = if name == ".default" {
            None
        } else {
            let scope = resource.scope(name);
            Some(scope.ok_or_else(|| refusal::unknown_scope(client, name, resource))?)
        };
        let known = self
            .resources
            .iter_mut()
            .find(|request| request.resource.client_id == resource.client_id);
        match (known, permission) {
            (None, permission) => self.resources.push(ResourceRequest {
                resource,
                identifier: identifier.to_owned(),
                permissions: permission.map_or(Permissions::Default, |scope| {
                    Permissions::Named(vec![scope])
                }),
            }),
            (Some(request), Some(scope)) => match &mut request.permissions {
                Permissions::Named(scopes) => scopes.push(scope),
                Permissions::Default => return Err(default_among_others(value)),
            },
            (Some(request), None) => {
                if request.permissions != Permissions::Default {
                    return Err(default_among_others(value));
                }
            }
        }
        Ok(())
    }

    /// Refuses a client that names itself by URI.
    pub(crate) fn refuse_own_uri(&self, client: &Application) -> Result<(), EntraError> {
        let by_uri = self.resources.iter().any(|request| {
            request.resource.client_id == client.client_id
                && Uuid::try_parse(&request.identifier).is_err()
        });
        if by_uri {
            return Err(refusal::token_for_itself(client));
        }
        Ok(())
    }

    /// Refuses more than one resource, as for a token.
    pub(crate) fn refuse_several_resources(&self, text: &str) -> Result<(), EntraError> {
        if self.resources.len() > 1 {
            return Err(EntraError::new(
                28000,
                OAuthError::InvalidGrant,
                format!(
                    "Provided value for the input parameter scope is not valid because it contains \
                     more than one resource. Scope {text} is not valid."
                ),
            ));
        }
        Ok(())
    }

    /// The permissions asked for that nobody consented to yet.
    pub(crate) fn missing(
        &self,
        people: &People,
        persona: &Persona,
        client: &Application,
    ) -> Vec<(&'static Application, &'static Scope)> {
        self.resources
            .iter()
            .flat_map(|request| {
                let resource = request.resource;
                request
                    .required(client)
                    .into_iter()
                    .map(move |scope| (resource, scope))
            })
            .filter(|(resource, scope)| {
                !people.has_consented(persona, client, resource, scope.name)
            })
            .collect()
    }

    /// What a token for `persona` by way of `client` may hold.
    pub(crate) fn grant(
        &self,
        people: &People,
        persona: &Persona,
        client: &Application,
    ) -> Result<Granted, EntraError> {
        let Some(request) = self.resources.first() else {
            return self.grant_sign_in_alone(client);
        };
        let resource = request.resource;
        if !resource.exists_in(persona.tenant) {
            return Err(refusal::unknown_resource(
                &request.identifier,
                &persona.tenant.to_string(),
            ));
        }
        let consented =
            |scope: &&Scope| people.has_consented(persona, client, resource, scope.name);
        let (scopes, suffix): (Vec<&Scope>, Option<String>) = match &request.permissions {
            Permissions::Named(scopes) => {
                if !scopes.iter().copied().all(|scope| consented(&scope)) {
                    return Err(refusal::consent_required(client));
                }
                (scopes.iter().map(|scope| *scope as &Scope).collect(), None)
            }
            Permissions::Default => (
                resource.scopes.iter().filter(consented).collect(),
                Some(format!("{}/.default", request.identifier)),
            ),
        };
        if scopes.is_empty() {
            return Err(refusal::consent_required(client));
        }
        let mut names: Vec<String> = scopes.iter().map(|scope| scope.name.to_owned()).collect();
        let mut answer: Vec<String> = names
            .iter()
            .map(|name| format!("{}/{name}", request.identifier))
            .chain(suffix)
            .collect();
        // The sign-in scopes are permissions of Microsoft Graph: they appear
        // with its tokens alone.
        if resource.client_id == GRAPH_RESOURCE_ID {
            names.extend(self.sign_in_scopes());
            answer.extend(self.sign_in_scopes());
        }
        Ok(Granted {
            resource,
            identifier: request.identifier.trim_end_matches('/').to_owned(),
            names,
            answer: answer.join(" "),
        })
    }

    /// A sign-in without a resource still has an access token, for Microsoft
    /// Graph's user information.
    fn grant_sign_in_alone(&self, client: &Application) -> Result<Granted, EntraError> {
        let resource = directory::application(GRAPH_RESOURCE_ID)
            .ok_or_else(|| refusal::consent_required(client))?;
        let names: Vec<String> = self.sign_in_scopes().collect();
        Ok(Granted {
            resource,
            identifier: GRAPH_RESOURCE.to_owned(),
            answer: names.join(" "),
            names,
        })
    }

    fn sign_in_scopes(&self) -> impl Iterator<Item = String> {
        self.sign_in
            .iter()
            .filter_map(|scope| scope.permission())
            .map(str::to_owned)
    }

    /// Whether this scope of a sign-in is asked for.
    pub(crate) fn asks(&self, scope: SignInScope) -> bool {
        self.sign_in.contains(&scope)
    }
}

impl ResourceRequest {
    /// The permissions that need consent: those named, or those that the
    /// client's registration lists.
    fn required(&self, client: &Application) -> Vec<&'static Scope> {
        match &self.permissions {
            Permissions::Named(scopes) => scopes.clone(),
            Permissions::Default => client
                .consented
                .iter()
                .filter(|(resource, _)| *resource == self.resource.client_id)
                .flat_map(|(_, names)| names.iter())
                .filter_map(|name| self.resource.scope(name))
                .collect(),
        }
    }
}

fn default_among_others(value: &str) -> EntraError {
    EntraError::new(
        70011,
        OAuthError::InvalidScope,
        format!(
            "The provided request must include a 'scope' input parameter. The provided value for \
             the input parameter 'scope' is not valid. The scope {value} is not valid. .default \
             scope can't be combined with resource-specific scopes."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{
        API_IDENTIFIER_URI, CLIENT_ID, PUBLIC_CLIENT_ID, REPORTS_CLIENT_ID, persona,
    };

    fn client() -> &'static Application {
        directory::application(CLIENT_ID).unwrap()
    }

    fn parse(text: &str) -> Result<ScopeRequest, EntraError> {
        ScopeRequest::parse(text, client())
    }

    fn grant(text: &str) -> Result<Granted, EntraError> {
        let people = People::default();
        parse(text)?.grant(&people, persona("reader").unwrap(), client())
    }

    #[test]
    fn scopes_are_read_with_their_resource_as_the_client_named_it() {
        let request = parse(&format!("openid offline_access {CLIENT_ID}/access_as_user")).unwrap();
        assert!(request.asks(SignInScope::OpenId) && request.asks(SignInScope::OfflineAccess));
        assert!(!request.asks(SignInScope::Profile));
        assert_eq!(request.resources[0].identifier, CLIENT_ID.to_string());
        assert_eq!(
            grant(&format!("{CLIENT_ID}/Access_As_User openid"))
                .unwrap()
                .answer,
            format!("{CLIENT_ID}/access_as_user")
        );
    }

    #[test]
    fn a_name_without_a_resource_is_microsoft_graphs() {
        let granted = grant("user.read openid profile").unwrap();
        assert_eq!(granted.names, ["User.Read", "openid", "profile"]);
        assert_eq!(
            granted.answer,
            "https://graph.microsoft.com/User.Read openid profile"
        );
        assert_eq!(parse("mcp").unwrap_err().code(), 650_053);
    }

    #[test]
    fn unknown_resources_and_scopes_are_told_apart() {
        assert_eq!(parse("api://nothing/x").unwrap_err().code(), 500_011);
        let unknown = format!("{CLIENT_ID}/other");
        assert_eq!(parse(&unknown).unwrap_err().code(), 650_053);
        assert_eq!(parse(" ").unwrap_err().code(), 70011);
    }

    #[test]
    fn default_stands_alone() {
        let mixed = "https://graph.microsoft.com/.default https://graph.microsoft.com/User.Read";
        assert_eq!(parse(mixed).unwrap_err().code(), 70011);
        let granted = grant("https://ai.azure.com/.default").unwrap();
        assert_eq!(granted.names, ["user_impersonation"]);
        assert_eq!(
            granted.answer,
            "https://ai.azure.com/user_impersonation https://ai.azure.com/.default"
        );
    }

    #[test]
    fn what_nobody_consented_to_is_not_granted() {
        assert_eq!(grant("Mail.Read").unwrap_err().code(), 65001);
        assert_eq!(
            grant("api://contoso.example/reports/.default")
                .unwrap_err()
                .code(),
            65001
        );
        let people = People::default();
        let missing = parse("User.Read Mail.Read").unwrap().missing(
            &people,
            persona("reader").unwrap(),
            client(),
        );
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].1.name, "Mail.Read");
    }

    #[test]
    fn a_resource_of_another_tenant_is_unknown() {
        let reports = directory::application(REPORTS_CLIENT_ID).unwrap();
        let request =
            ScopeRequest::parse("api://contoso.example/reports/Reports.Read", reports).unwrap();
        let people = People::default();
        let refused = request.grant(&people, persona("guest").unwrap(), reports);
        assert_eq!(refused.unwrap_err().code(), 500_011);
    }

    #[test]
    fn an_application_may_name_itself_by_its_id_alone() {
        let own = format!("{API_IDENTIFIER_URI}/access_as_user");
        let request = parse(&own).unwrap();
        assert_eq!(request.refuse_own_uri(client()).unwrap_err().code(), 90009);
        let other = directory::application(PUBLIC_CLIENT_ID).unwrap();
        let request = ScopeRequest::parse(&own, other).unwrap();
        assert!(request.refuse_own_uri(other).is_ok());
        let request = parse(&format!("{CLIENT_ID}/access_as_user")).unwrap();
        assert!(request.refuse_own_uri(client()).is_ok());
    }

    #[test]
    fn a_token_is_for_one_resource() {
        let text = "User.Read https://ai.azure.com/user_impersonation";
        let refused = parse(text).unwrap().refuse_several_resources(text);
        assert_eq!(refused.unwrap_err().code(), 28000);
    }
}
