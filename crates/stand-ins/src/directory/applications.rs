use uuid::{Uuid, uuid};

use super::CONTOSO;
use crate::TokenVersion;

/// Client id of the registered application: the handler itself, both as
/// client and as resource.
pub const CLIENT_ID: Uuid = uuid!("e17ada00-0000-4000-8000-000000000001");

/// Its client secret.
pub const CLIENT_SECRET: &str = "stand-in-client-secret";

/// Its application ID URI, `api://{CLIENT_ID}`.
pub const API_IDENTIFIER_URI: &str = "api://e17ada00-0000-4000-8000-000000000001";

/// A public client (no secret, loopback redirect on any port) that may ask
/// for the registered application's scope.
pub const PUBLIC_CLIENT_ID: Uuid = uuid!("e17ada00-0000-4000-8000-000000000002");

/// Another confidential application of Contoso with an API of its own, to
/// which nobody has consented.
pub const REPORTS_CLIENT_ID: Uuid = uuid!("e17ada00-0000-4000-8000-000000000003");

/// Secret of the reports application.
pub const REPORTS_CLIENT_SECRET: &str = "stand-in-reports-secret";

/// Application whose service principal is the persona `daemon`.
pub const DAEMON_CLIENT_ID: Uuid = uuid!("e17ada00-0000-4000-8000-000000000004");

/// Secret of the daemon.
pub const DAEMON_CLIENT_SECRET: &str = "stand-in-daemon-secret";

/// Client id of the user-assigned managed identity that the registered
/// application trusts as a federated credential.
pub const MANAGED_IDENTITY_CLIENT_ID: Uuid = uuid!("e17ada00-0000-4000-8000-000000000005");

/// Object (principal) id of that managed identity, the `sub` of its tokens.
pub const MANAGED_IDENTITY_OBJECT_ID: Uuid = uuid!("0b1ec700-0000-4000-8000-000000000041");

/// What the managed identity endpoint wants in `x-identity-header`: the value
/// of `IDENTITY_HEADER`.
pub const IDENTITY_HEADER: &str = "stand-in-identity-header";

/// Microsoft Graph's application id, the same in every tenant.
pub const GRAPH_RESOURCE_ID: Uuid = uuid!("00000003-0000-0000-c000-000000000000");

/// Microsoft Graph's identifier.
pub const GRAPH_RESOURCE: &str = "https://graph.microsoft.com";

/// Application id of Azure AI Foundry's data plane ("Azure Machine Learning
/// Services").
pub const FOUNDRY_RESOURCE_ID: Uuid = uuid!("18a66f5f-dbdf-4c17-9dd7-1634712a9cbe");

/// Azure AI Foundry's identifier.
pub const FOUNDRY_RESOURCE: &str = "https://ai.azure.com";

/// Application id of Azure Monitor's ingestion, made up.
pub const MONITOR_RESOURCE_ID: Uuid = uuid!("e17ada00-0000-4000-8000-000000000006");

/// Audience of a managed identity's token that is used as a federated
/// credential (Microsoft Learn, "Configure an application to trust a managed
/// identity").
pub const TOKEN_EXCHANGE_RESOURCE: &str = "api://AzureADTokenExchange";

/// Application id behind [`TOKEN_EXCHANGE_RESOURCE`].
pub const TOKEN_EXCHANGE_ID: Uuid = uuid!("fb60f99c-7a34-4190-8149-302f77469936");

/// A delegated permission that a resource exposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Value: `access_as_user`.
    pub name: &'static str,
    /// Only an administrator may consent to it.
    pub administrator_consent: bool,
    /// What the consent page tells people.
    pub description: &'static str,
}

/// An application registration, with what has been consented to for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Application {
    /// Application (client) id.
    pub client_id: Uuid,
    /// Name for people.
    pub name: &'static str,
    /// Tenant of the registration.
    pub tenant: Uuid,
    /// Usable from every organisation's tenant.
    pub multi_tenant: bool,
    /// Client secret; `None` for a public client and for a bare resource.
    pub secret: Option<&'static str>,
    /// Application ID URI; `None` when it exposes no API.
    pub identifier_uri: Option<&'static str>,
    /// Format of the access tokens issued *for* it
    /// (`requestedAccessTokenVersion`).
    pub token_version: TokenVersion,
    /// Delegated permissions that it exposes.
    pub scopes: &'static [Scope],
    /// Redirect URIs beyond those given at start.
    pub redirect_uris: &'static [&'static str],
    /// Delegated permissions of others (and its own) that an administrator
    /// consented to for everyone: resource and scope names.
    pub consented: &'static [(Uuid, &'static [&'static str])],
    /// Subject of managed identity tokens that it trusts as its credential.
    pub federated_subject: Option<Uuid>,
    /// It is a Microsoft service, present in every tenant.
    pub first_party: bool,
}

impl Application {
    const fn registration(client_id: Uuid, name: &'static str) -> Self {
        Self {
            client_id,
            name,
            tenant: CONTOSO,
            multi_tenant: false,
            secret: None,
            identifier_uri: None,
            token_version: TokenVersion::V2,
            scopes: &[],
            redirect_uris: &[],
            consented: &[],
            federated_subject: None,
            first_party: false,
        }
    }

    /// A Microsoft service: its tokens have the version 1 format (Microsoft
    /// Learn, "On-Behalf-Of flow", on Microsoft Graph).
    const fn service(client_id: Uuid, name: &'static str, uri: &'static str) -> Self {
        Self {
            identifier_uri: Some(uri),
            token_version: TokenVersion::V1,
            multi_tenant: true,
            first_party: true,
            ..Self::registration(client_id, name)
        }
    }

    /// Whether the application can be used in this tenant.
    #[must_use]
    pub fn exists_in(&self, tenant: Uuid) -> bool {
        self.multi_tenant || self.tenant == tenant
    }

    /// Whether it can keep a credential.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    /// The delegated permission with this name, whatever its case.
    #[must_use]
    pub fn scope(&self, name: &str) -> Option<&'static Scope> {
        self.scopes
            .iter()
            .find(|scope| scope.name.eq_ignore_ascii_case(name))
    }
}

const fn scope(name: &'static str, description: &'static str) -> Scope {
    Scope {
        name,
        administrator_consent: false,
        description,
    }
}

const fn administrator_scope(name: &'static str, description: &'static str) -> Scope {
    Scope {
        name,
        administrator_consent: true,
        description,
    }
}

const APPLICATIONS: &[Application] = &[
    Application {
        multi_tenant: true,
        secret: Some(CLIENT_SECRET),
        identifier_uri: Some(API_IDENTIFIER_URI),
        scopes: &[administrator_scope(
            "access_as_user",
            "Use Entrada's tools and agents as you",
        )],
        consented: &[
            (CLIENT_ID, &["access_as_user"]),
            (GRAPH_RESOURCE_ID, &["User.Read"]),
            (FOUNDRY_RESOURCE_ID, &["user_impersonation"]),
        ],
        federated_subject: Some(MANAGED_IDENTITY_OBJECT_ID),
        ..Application::registration(CLIENT_ID, "Entrada (local)")
    },
    Application {
        multi_tenant: true,
        redirect_uris: &["http://localhost", "http://localhost/callback"],
        consented: &[(CLIENT_ID, &["access_as_user"])],
        ..Application::registration(PUBLIC_CLIENT_ID, "Desktop client (local)")
    },
    Application {
        secret: Some(REPORTS_CLIENT_SECRET),
        identifier_uri: Some("api://contoso.example/reports"),
        scopes: &[
            scope("Reports.Read", "Read your reports"),
            administrator_scope("Reports.ReadWrite.All", "Read and change all reports"),
        ],
        redirect_uris: &["http://localhost/reports/callback"],
        consented: &[(GRAPH_RESOURCE_ID, &["User.Read"])],
        ..Application::registration(REPORTS_CLIENT_ID, "Reports (local)")
    },
    Application {
        secret: Some(DAEMON_CLIENT_SECRET),
        ..Application::registration(DAEMON_CLIENT_ID, "Daemon (local)")
    },
    Application {
        scopes: &[
            scope("User.Read", "Sign you in and read your profile"),
            scope("Mail.Read", "Read your mail"),
            administrator_scope("Directory.Read.All", "Read directory data"),
        ],
        ..Application::service(GRAPH_RESOURCE_ID, "Microsoft Graph", GRAPH_RESOURCE)
    },
    Application {
        scopes: &[scope("user_impersonation", "Use Azure AI Foundry as you")],
        ..Application::service(
            FOUNDRY_RESOURCE_ID,
            "Azure Machine Learning Services",
            FOUNDRY_RESOURCE,
        )
    },
    Application::service(
        uuid!("cfa8b339-82a2-471a-a3c9-0fc0be7a4093"),
        "Azure Key Vault",
        "https://vault.azure.net",
    ),
    Application::service(
        uuid!("e406a681-f3d4-42a8-90b6-c2b029497af1"),
        "Azure Storage",
        "https://storage.azure.com",
    ),
    Application::service(
        MONITOR_RESOURCE_ID,
        "Azure Monitor (local)",
        "https://monitor.azure.com",
    ),
    Application {
        token_version: TokenVersion::V2,
        ..Application::service(
            TOKEN_EXCHANGE_ID,
            "Token exchange for federated credentials",
            TOKEN_EXCHANGE_RESOURCE,
        )
    },
    Application {
        first_party: true,
        ..Application::registration(MANAGED_IDENTITY_CLIENT_ID, "Managed identity (local)")
    },
];

/// Every application registration, Microsoft's services included.
#[must_use]
pub fn applications() -> &'static [Application] {
    APPLICATIONS
}

/// The application with this client id.
#[must_use]
pub fn application(client_id: Uuid) -> Option<&'static Application> {
    APPLICATIONS
        .iter()
        .find(|application| application.client_id == client_id)
}

/// The application that `name` means as a resource: its client id or its
/// application ID URI, with or without a slash at the end (services answer to
/// both; `https://ai.azure.com//.default` is asked for by some SDKs).
#[must_use]
pub fn resource_named(name: &str) -> Option<&'static Application> {
    if let Ok(client_id) = Uuid::try_parse(name) {
        return application(client_id);
    }
    let name = name.strip_suffix('/').unwrap_or(name);
    APPLICATIONS.iter().find(|application| {
        application
            .identifier_uri
            .is_some_and(|uri| uri.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_answer_to_their_id_and_their_uri() {
        let by_uri = resource_named(API_IDENTIFIER_URI).map(|a| a.client_id);
        assert_eq!(by_uri, Some(CLIENT_ID));
        assert_eq!(
            resource_named(&CLIENT_ID.to_string()),
            application(CLIENT_ID)
        );
        assert_eq!(
            resource_named("https://graph.microsoft.com/").map(|a| a.client_id),
            Some(GRAPH_RESOURCE_ID)
        );
        assert_eq!(resource_named("api://unknown"), None);
    }

    #[test]
    fn the_identifier_uri_is_made_of_the_client_id() {
        assert_eq!(API_IDENTIFIER_URI, format!("api://{CLIENT_ID}"));
    }

    #[test]
    fn consents_name_permissions_that_exist() {
        for client in applications() {
            for (resource, names) in client.consented {
                let resource = application(*resource).unwrap();
                assert!(names.iter().all(|name| resource.scope(name).is_some()));
            }
        }
    }
}
