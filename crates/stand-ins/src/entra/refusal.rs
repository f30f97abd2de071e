//! The refusals that more than one endpoint gives, in Entra's words.
//!
//! The codes and their meaning are those of Microsoft Learn, "Microsoft Entra
//! authentication and authorization error codes"; where the page gives no
//! `error` value for a code, it is the one seen in public reports.

use super::authority::Authority;
use super::error::{EntraError, OAuthError};
use crate::directory::{Application, Persona};

pub(crate) fn missing_parameter(name: &str) -> EntraError {
    EntraError::new(
        900_144,
        OAuthError::InvalidRequest,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

/// Inferred: RFC 6749 section 3.1 forbids repeated parameters; which code
/// Entra has for it is not documented.
pub(crate) fn invalid_request(why: &str) -> EntraError {
    EntraError::new(90023, OAuthError::InvalidRequest, why)
}

pub(crate) fn unknown_client(client_id: &str, authority: Authority) -> EntraError {
    EntraError::new(
        700_016,
        OAuthError::UnauthorizedClient,
        format!(
            "Application with identifier '{client_id}' was not found in the directory '{}'. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant. You may have sent your \
             authentication request to the wrong tenant.",
            authority.name()
        ),
    )
}

pub(crate) fn not_multi_tenant(client: &Application) -> EntraError {
    EntraError::new(
        50194,
        OAuthError::InvalidRequest,
        format!(
            "Application '{}'({}) is not configured as a multi-tenant application. Usage of the \
             /common endpoint is not supported for such apps created after '10/15/2018'. Use a \
             tenant-specific endpoint or configure the application to be multi-tenant.",
            client.client_id, client.name
        ),
    )
}

pub(crate) fn no_personal_accounts(client: &Application) -> EntraError {
    EntraError::new(
        9_002_332,
        OAuthError::InvalidRequest,
        format!(
            "Application '{}'({}) is configured for use by Microsoft Entra users only. Please do \
             not use the /consumers endpoint to serve this request.",
            client.client_id, client.name
        ),
    )
}

pub(crate) fn foreign_account(
    code: u32,
    persona: &Persona,
    client: &Application,
    authority: Authority,
) -> EntraError {
    EntraError::new(
        code,
        OAuthError::InvalidGrant,
        format!(
            "User account '{}' from identity provider 'https://sts.windows.net/{}/' does not exist \
             in tenant '{}' and cannot access the application '{}'({}) in that tenant. The account \
             needs to be added as an external user in the tenant first. Sign out and sign in again \
             with a different Azure Active Directory user account.",
            persona.user_principal_name,
            persona.tenant,
            authority.name(),
            client.client_id,
            client.name
        ),
    )
}

pub(crate) fn disabled_account() -> EntraError {
    EntraError::new(
        50057,
        OAuthError::InvalidGrant,
        "The user account is disabled.",
    )
}

pub(crate) fn consent_required(client: &Application) -> EntraError {
    EntraError::new(
        65001,
        OAuthError::InvalidGrant,
        format!(
            "The user or administrator has not consented to use the application with ID '{}' named \
             '{}'. Send an interactive authorization request for this user and resource.",
            client.client_id, client.name
        ),
    )
    .with_suberror("consent_required")
}

/// Inferred from public reports: sign-in with the URI form passes at Entra and
/// the refresh an hour later fails. Here both fail, so that development meets
/// the fault at once.
pub(crate) fn token_for_itself(client: &Application) -> EntraError {
    EntraError::new(
        90009,
        OAuthError::InvalidRequest,
        format!(
            "Application '{}'({}) is requesting a token for itself. This scenario is supported \
             only if resource is specified using the GUID based App Identifier.",
            client.client_id,
            client.identifier_uri.unwrap_or(client.name)
        ),
    )
}

pub(crate) fn invalid_scope(scope: &str) -> EntraError {
    EntraError::new(
        70011,
        OAuthError::InvalidScope,
        format!(
            "The provided request must include a 'scope' input parameter. The provided value for \
             the input parameter 'scope' is not valid. The scope {scope} is not valid."
        ),
    )
}

pub(crate) fn unknown_resource(name: &str, tenant: &str) -> EntraError {
    EntraError::new(
        500_011,
        OAuthError::InvalidResource,
        format!(
            "The resource principal named {name} was not found in the tenant named {tenant}. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant. You might have sent your \
             authentication request to the wrong tenant."
        ),
    )
}

pub(crate) fn unknown_scope(
    client: &Application,
    name: &str,
    resource: &Application,
) -> EntraError {
    EntraError::new(
        650_053,
        OAuthError::InvalidClient,
        format!(
            "The application '{}' asked for scope '{name}' that doesn't exist on the resource \
             '{}'. Contact the app vendor.",
            client.name, resource.client_id
        ),
    )
}

/// The `resource` parameter belongs to the version 1 endpoints. Since 2026 it
/// is let through when it is, byte for byte, the application ID URI that owns
/// the scopes; otherwise it is 9010010, and 901002 when there are no scopes to
/// compare it with. Inferred from public reports of MCP clients.
pub(crate) fn resource_parameter(scopes_name_a_resource: bool) -> EntraError {
    if scopes_name_a_resource {
        EntraError::new(
            9_010_010,
            OAuthError::InvalidTarget,
            "The resource parameter provided in the request doesn't match with the requested \
             scopes.",
        )
    } else {
        EntraError::new(
            901_002,
            OAuthError::InvalidRequest,
            "The 'resource' request parameter isn't supported.",
        )
    }
}

pub(crate) fn missing_credential() -> EntraError {
    EntraError::new(
        7_000_218,
        OAuthError::InvalidClient,
        "The request body must contain the following parameter: 'client_assertion' or \
         'client_secret'.",
    )
}

/// The service itself failed.
pub(crate) fn issuance_failed() -> EntraError {
    EntraError::new(
        50000,
        OAuthError::ServerError,
        "There was an error issuing a token.",
    )
}
