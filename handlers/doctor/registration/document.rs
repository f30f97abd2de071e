//! Graph's resources, as far as they are looked at (Microsoft Learn,
//! "application resource type", "servicePrincipal resource type",
//! "oAuth2PermissionGrant resource type", "federatedIdentityCredential
//! resource type"). What Graph leaves out or sets to null is empty here.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) unique_name: Option<String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) display_name: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) sign_in_audience: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) identifier_uris: Vec<String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) api: Api,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) app_roles: Vec<AppRole>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) optional_claims: OptionalClaims,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) required_resource_access: Vec<RequiredAccess>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) web: Web,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) spa: RedirectUris,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) public_client: RedirectUris,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) password_credentials: Vec<Credential>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) key_credentials: Vec<Credential>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Api {
    pub(super) requested_access_token_version: Option<u8>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) oauth2_permission_scopes: Vec<Scope>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) pre_authorized_applications: Vec<PreAuthorized>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scope {
    pub(super) id: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) value: String,
    #[serde(rename = "type", default, deserialize_with = "or_empty")]
    pub(super) consent: String,
    #[serde(default)]
    pub(super) is_enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PreAuthorized {
    pub(super) app_id: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) delegated_permission_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppRole {
    pub(super) id: Uuid,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) value: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) allowed_member_types: Vec<String>,
    #[serde(default)]
    pub(super) is_enabled: bool,
}

/// Kept as they are, to be written back with one more.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OptionalClaims {
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) access_token: Vec<OptionalClaim>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OptionalClaim {
    pub(super) name: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl OptionalClaim {
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            others: Map::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequiredAccess {
    pub(super) resource_app_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Web {
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) redirect_uris: Vec<String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) implicit_grant_settings: ImplicitGrant,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImplicitGrant {
    #[serde(default)]
    pub(super) enable_access_token_issuance: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedirectUris {
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) redirect_uris: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credential {
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(super) end_date_time: Option<time::OffsetDateTime>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FederatedCredential {
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) subject: String,
    #[serde(default)]
    pub(super) audiences: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServicePrincipal {
    pub(super) id: String,
    #[serde(default)]
    pub(super) account_enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PermissionGrant {
    pub(super) consent_type: String,
    pub(super) resource_id: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub(super) scope: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleAssignment {
    pub(super) app_role_id: Uuid,
}
