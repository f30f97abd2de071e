//! The policy: which role sees what. Deny by default; one predicate for
//! listing and calling, for tools and agents.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;
use uuid::Uuid;

use crate::identity::Principal;

/// The role that belongs to the home tenant alone, whatever a policy says.
pub const ADMIN_ROLE: &str = "MCPServer.Admin";

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
}

/// The policy file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// App role to the classes of tools that it sees.
    #[serde(default)]
    pub tools: BTreeMap<String, BTreeSet<ToolClass>>,
    /// Agent id to the app roles that may use it.
    #[serde(default)]
    pub agents: BTreeMap<String, BTreeSet<String>>,
    /// Tenant id, or `default` for every tenant but home, to what it may
    /// have.
    #[serde(default)]
    pub tenants: BTreeMap<String, TenantPolicy>,
}

/// What another tenant than home may have. Its own administrator hands out
/// the app roles there, so this is the only limit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPolicy {
    /// The roles that count for people of that tenant.
    pub roles_allowed: BTreeSet<String>,
}

/// Why a policy file cannot be used.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// Not the documented JSON; serde says where.
    #[error("the policy is not the documented JSON: {0}")]
    Format(#[from] serde_json::Error),
    /// A key of `tenants` that is neither a GUID nor `default`.
    #[error("`tenants` has the key `{0}`; it must be a tenant's GUID or `default`")]
    Tenant(String),
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

impl Policy {
    /// Reads and checks a policy. `home` is the home tenant.
    ///
    /// # Errors
    /// When it is not sound; nothing is guessed.
    pub fn parse(json: &str, home: Uuid) -> Result<Self, PolicyError> {
        let file: PolicyFile = serde_json::from_str(json)?;
        let mut other_tenants = BTreeSet::new();
        let mut tenants = BTreeMap::new();
        for (key, tenant) in file.tenants {
            if key == "default" {
                other_tenants = tenant.roles_allowed;
                continue;
            }
            let id = Uuid::try_parse(&key).map_err(|_| PolicyError::Tenant(key))?;
            tenants.insert(id, tenant.roles_allowed);
        }
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
        roles
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn roles(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_default_policy_gives_each_role_its_classes() {
        use ToolClass::{Admin, Delete, Read, Write};
        let policy = Policy::parse(DEFAULT, HOME).unwrap();
        for (role, classes) in [
            ("Task.Read", &[Read][..]),
            ("Task.Write", &[Read, Write]),
            ("Task.Delete", &[Read, Delete]),
            ("Task.All", &[Read, Write, Delete]),
            ("MCPServer.Admin", &[Admin]),
            ("task.read", &[]),
        ] {
            for class in [Read, Write, Delete, Admin] {
                assert_eq!(
                    policy.roles_allow_tool(&roles(&[role]), class),
                    classes.contains(&class),
                    "{role} {class:?}"
                );
            }
        }
        assert!(!policy.roles_allow_tool(&[], Read));
    }

    #[test]
    fn another_tenant_gets_no_more_than_the_policy_lets_it_have() {
        let policy = Policy::parse(DEFAULT, HOME).unwrap();
        let given = roles(&["Task.Read", "Task.All", ADMIN_ROLE]);
        assert_eq!(policy.effective_roles(HOME, &given), given);
        assert_eq!(policy.effective_roles(OTHER, &given), roles(&["Task.Read"]));
        let generous = r#"{"tenants": {"default": {"roles_allowed": ["MCPServer.Admin"]}}}"#;
        let policy = Policy::parse(generous, HOME).unwrap();
        assert!(policy.effective_roles(OTHER, &given).is_empty());
    }

    #[test]
    fn a_bad_policy_is_refused_with_the_place() {
        for text in [
            r#"{"tools": {"Task.Read": ["raed"]}}"#,
            r#"{"tool": {}}"#,
            r#"{"tenants": {"contoso": {"roles_allowed": []}}}"#,
            "",
        ] {
            assert!(Policy::parse(text, HOME).is_err(), "{text}");
        }
    }
}
