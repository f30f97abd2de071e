//! The policy: which role sees what. Deny by default; one predicate for
//! listing and calling, for tools and agents.

mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

pub use file::{PolicyFaults, PolicyFile, TenantPolicy};

use crate::identity::Principal;

/// The role that belongs to the home tenant alone, whatever a policy says.
pub const ADMIN_ROLE: &str = "MCPServer.Admin";

/// The app roles that every deployment has (README, "Who sees what"). A
/// policy that uses others declares them.
pub const ROLES: [&str; 5] = [
    "Task.Read",
    "Task.Write",
    "Task.Delete",
    "Task.All",
    ADMIN_ROLE,
];

/// What a tool does, which decides who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolClass {
    /// Reads.
    Read,
    /// Makes or changes.
    Write,
    /// Deletes.
    Delete,
    /// Administers; for the home tenant alone.
    Admin,
    /// Tells anybody how to sign in. No policy gives it or takes it away.
    #[serde(skip)]
    Public,
}

/// A policy that was checked.
#[derive(Debug)]
pub struct Policy {
    home: Uuid,
    tools: BTreeMap<String, BTreeSet<ToolClass>>,
    agents: BTreeMap<String, BTreeSet<String>>,
    tenants: BTreeMap<Uuid, BTreeSet<String>>,
    other_tenants: BTreeSet<String>,
}

/// The policy of a server that was given none: the roles of the
/// documentation, and no agents.
pub const DEFAULT: &str = include_str!("default.json");

impl ToolClass {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Write,
        Self::Delete,
        Self::Admin,
        Self::Public,
    ];
}

impl Policy {
    /// Reads and checks a policy. `home` is the home tenant.
    ///
    /// # Errors
    /// With every fault, when it is not sound; nothing is guessed.
    pub fn parse(json: &str, home: Uuid) -> Result<Self, PolicyFaults> {
        let file = PolicyFile::parse(json)?;
        let (tenants, other_tenants) = file.check(home)?;
        Ok(Self {
            home,
            tools: file.tools,
            agents: file.agents,
            tenants,
            other_tenants,
        })
    }

    /// Whether a tenant is the home tenant.
    #[must_use]
    pub fn is_home(&self, tenant_id: Uuid) -> bool {
        tenant_id == self.home
    }

    /// The roles of a token that count for its tenant.
    #[must_use]
    pub fn effective_roles(&self, tenant_id: Uuid, roles: &[String]) -> Vec<String> {
        if self.is_home(tenant_id) {
            return roles.to_vec();
        }
        let allowed = self.tenants.get(&tenant_id).unwrap_or(&self.other_tenants);
        roles
            .iter()
            .filter(|role| allowed.contains(*role) && *role != ADMIN_ROLE)
            .cloned()
            .collect()
    }

    /// Whether the caller sees, and may call, tools of this class.
    #[must_use]
    pub fn allows_tool(&self, principal: &Principal, class: ToolClass) -> bool {
        if class == ToolClass::Admin && !principal.is_home() {
            return false;
        }
        self.roles_allow_tool(principal.roles(), class)
    }

    /// Whether any of these effective roles sees tools of this class.
    #[must_use]
    pub fn roles_allow_tool(&self, roles: &[String], class: ToolClass) -> bool {
        class == ToolClass::Public
            || roles
                .iter()
                .filter_map(|role| self.tools.get(role))
                .any(|classes| classes.contains(&class))
    }

    /// Whether the caller sees, and may use, an agent.
    #[must_use]
    pub fn allows_agent(&self, principal: &Principal, agent: &str) -> bool {
        self.agents
            .get(agent)
            .is_some_and(|roles| principal.roles().iter().any(|role| roles.contains(role)))
    }
}
