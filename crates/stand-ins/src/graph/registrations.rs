//! The registered application as Microsoft Graph describes it, for whoever
//! looks after it. Tests damage it to see whether that is noticed.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::{
    API_IDENTIFIER_URI, CLIENT_ID, CONTOSO, GRAPH_RESOURCE_ID, MANAGED_IDENTITY_OBJECT_ID,
    TOKEN_EXCHANGE_RESOURCE,
};

/// Object id of the application, which differs from its client id.
const APPLICATION_OBJECT_ID: &str = "a991ca71-0000-4000-8000-000000000001";
/// Object id of its service principal.
const SERVICE_PRINCIPAL_ID: &str = "5e1f1ce0-0000-4000-8000-000000000001";
/// Id of the scope.
const SCOPE_ID: &str = "5c09e000-0000-4000-8000-000000000001";
/// Object id of Microsoft Graph's service principal.
const GRAPH_SERVICE_PRINCIPAL_ID: &str = "5e1f1ce0-0000-4000-8000-000000000002";
/// Visual Studio Code's client id.
const VISUAL_STUDIO_CODE: &str = "aebc6443-996d-45c2-90f0-388ff96faa56";

/// Everything about the registration that can be read, each by Graph's name.
#[derive(Debug)]
pub(crate) struct Registrations(Mutex<Value>);

impl Registrations {
    /// A registration as it should be, with the managed identity's trust
    /// issued by `issuer`.
    pub(crate) fn sound(issuer: &str) -> Self {
        let issuer = format!("{issuer}/{CONTOSO}/v2.0");
        Self(Mutex::new(json!({
            "application": application(),
            "federatedIdentityCredentials": [{
                "id": "fede0000-0000-4000-8000-000000000001",
                "name": "managed-identity",
                "issuer": issuer,
                "subject": MANAGED_IDENTITY_OBJECT_ID,
                "audiences": [TOKEN_EXCHANGE_RESOURCE],
            }],
            "servicePrincipal": {
                "id": SERVICE_PRINCIPAL_ID,
                "appId": CLIENT_ID,
                "accountEnabled": true,
                "appRoleAssignmentRequired": false,
            },
            "oauth2PermissionGrants": [
                grant(SERVICE_PRINCIPAL_ID, "access_as_user"),
                grant(GRAPH_SERVICE_PRINCIPAL_ID, "openid profile offline_access User.Read"),
            ],
            "appRoleAssignedTo": [{
                "id": "assignment-1",
                "appRoleId": role_id(0),
                "principalDisplayName": "Rita Reader",
                "principalType": "User",
                "resourceId": SERVICE_PRINCIPAL_ID,
            }],
        })))
    }

    /// Applies a JSON merge patch (RFC 7396) and gives what came of it.
    pub(crate) fn patch(&self, patch: &Value) -> Value {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        merge(&mut state, patch);
        state.clone()
    }

    /// One member; `None` when it was taken away.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.get(name).filter(|value| !value.is_null()).cloned()
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

fn role_id(index: usize) -> String {
    Uuid::from_u128(0x9090_0000_0000_4000_8000_0000_0000_0000 + index as u128).to_string()
}

fn grant(resource: &str, scope: &str) -> Value {
    json!({
        "clientId": SERVICE_PRINCIPAL_ID,
        "consentType": "AllPrincipals",
        "principalId": null,
        "resourceId": resource,
        "scope": scope,
    })
}

/// `application` (Microsoft Learn, "application resource type"), as far as it
/// matters to a web API.
fn application() -> Value {
    let roles = [
        "Task.Read",
        "Task.Write",
        "Task.Delete",
        "Task.All",
        "MCPServer.Admin",
    ];
    let roles: Vec<Value> = roles
        .iter()
        .enumerate()
        .map(|(index, role)| {
            json!({
                "id": role_id(index),
                "value": role,
                "displayName": role,
                "allowedMemberTypes": ["User", "Application"],
                "isEnabled": true,
            })
        })
        .collect();
    json!({
        "id": APPLICATION_OBJECT_ID,
        "appId": CLIENT_ID,
        "uniqueName": "entrada-local",
        "displayName": "Entrada (local)",
        "signInAudience": "AzureADMyOrg",
        "identifierUris": [API_IDENTIFIER_URI],
        "api": {
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": [{
                "id": SCOPE_ID,
                "value": "access_as_user",
                "type": "Admin",
                "isEnabled": true,
            }],
            "preAuthorizedApplications": [{
                "appId": VISUAL_STUDIO_CODE,
                "delegatedPermissionIds": [SCOPE_ID],
            }],
        },
        "appRoles": roles,
        "optionalClaims": {
            "accessToken": [{"name": "idtyp", "essential": false, "additionalProperties": []}],
            "idToken": [],
            "saml2Token": [],
        },
        "requiredResourceAccess": [{"resourceAppId": GRAPH_RESOURCE_ID, "resourceAccess": []}],
        "web": {
            "redirectUris": ["http://localhost:7071/auth/callback"],
            "implicitGrantSettings": {
                "enableAccessTokenIssuance": false,
                "enableIdTokenIssuance": false,
            },
        },
        "spa": {"redirectUris": []},
        "publicClient": {"redirectUris": []},
        "passwordCredentials": [],
        "keyCredentials": [],
    })
}
