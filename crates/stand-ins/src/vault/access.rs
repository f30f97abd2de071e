use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory::{self, MANAGED_IDENTITY_OBJECT_ID};
use crate::encoding::lock;

/// A role of the vault's data plane (Microsoft Learn, "Provide access to Key
/// Vault keys, certificates, and secrets with Azure role-based access
/// control").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// No role: every request is 403.
    None,
    /// Key Vault Secrets User: reads secrets.
    SecretsUser,
    /// Key Vault Secrets Officer: does everything with secrets.
    SecretsOfficer,
}

impl Role {
    pub(super) const fn allows(self, action: Action) -> bool {
        match self {
            Self::None => false,
            Self::SecretsUser => matches!(action, Action::GetSecret | Action::ReadMetadata),
            Self::SecretsOfficer => true,
        }
    }
}

/// A role assignment, the body of `POST /stand-in/vault-access`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultAccess {
    /// `managed-identity`, or the name of a persona.
    #[serde(default = "managed_identity")]
    pub principal: String,
    /// Its role from now on.
    pub role: Role,
}

const MANAGED_IDENTITY: &str = "managed-identity";

fn managed_identity() -> String {
    MANAGED_IDENTITY.to_owned()
}

/// What a request does, by the names of Azure's data actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    GetSecret,
    ReadMetadata,
    SetSecret,
    UpdateSecret,
    DeleteSecret,
    RecoverSecret,
    PurgeSecret,
}

impl Action {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::GetSecret => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Self::ReadMetadata => "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            Self::SetSecret => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Self::UpdateSecret => "Microsoft.KeyVault/vaults/secrets/update/action",
            Self::DeleteSecret => "Microsoft.KeyVault/vaults/secrets/delete",
            Self::RecoverSecret => "Microsoft.KeyVault/vaults/secrets/recover/action",
            Self::PurgeSecret => "Microsoft.KeyVault/vaults/secrets/purge/action",
        }
    }
}

/// Who has which role: by object id. At first the managed identity is a
/// Secrets User, and the personas `admin` and `daemon` are Secrets Officers.
#[derive(Debug)]
pub(crate) struct Assignments(Mutex<BTreeMap<Uuid, Role>>);

impl Default for Assignments {
    fn default() -> Self {
        Self(Mutex::new(initial()))
    }
}

fn initial() -> BTreeMap<Uuid, Role> {
    let officers = ["admin", "daemon"]
        .into_iter()
        .filter_map(directory::persona)
        .map(|persona| (persona.object_id, Role::SecretsOfficer));
    std::iter::once((MANAGED_IDENTITY_OBJECT_ID, Role::SecretsUser))
        .chain(officers)
        .collect()
}

impl Assignments {
    pub(super) fn of(&self, object_id: Uuid) -> Role {
        lock(&self.0).get(&object_id).copied().unwrap_or(Role::None)
    }

    /// Changes a role; `None` when there is no such principal.
    pub(crate) fn change(&self, access: &VaultAccess) -> Option<()> {
        let object_id = if access.principal == MANAGED_IDENTITY {
            MANAGED_IDENTITY_OBJECT_ID
        } else {
            directory::persona(&access.principal)?.object_id
        };
        lock(&self.0).insert(object_id, access.role);
        Some(())
    }

    pub(super) fn reset(&self) {
        *lock(&self.0) = initial();
    }
}
