//! The policy file, and what can be wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use thiserror::Error;
use uuid::Uuid;

use super::{ADMIN_ROLE, ROLES, ToolClass};

/// The key of `tenants` that stands for every other tenant than home.
const EVERY_OTHER: &str = "default";

/// Longest value of an app role, in characters (Microsoft: "Add app roles to
/// your application and receive them in the token").
const LONGEST_ROLE: usize = 120;

/// The policy file. It takes the place of the built-in policy as a whole: what
/// it leaves out nobody has.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Where the schema of this file is; for editors.
    #[serde(default, rename = "$schema")]
    pub schema: Option<String>,
    /// App roles of your own, beside `Task.Read`, `Task.Write`,
    /// `Task.Delete`, `Task.All` and `MCPServer.Admin`. A role that is named
    /// elsewhere in the file and not here is a fault: it would be a typing
    /// error that silently gives nobody anything.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// App role to the classes of tools that it sees. Left out: nobody sees
    /// any.
    #[serde(default, deserialize_with = "each_key_once")]
    pub tools: BTreeMap<String, BTreeSet<ToolClass>>,
    /// Agent id to the app roles that may use it. Left out: nobody sees any.
    #[serde(default, deserialize_with = "each_key_once")]
    pub agents: BTreeMap<String, BTreeSet<String>>,
    /// Tenant id, or `default` for every tenant but home, to what it may
    /// have. Left out: people of other tenants have nothing.
    #[serde(default, deserialize_with = "each_key_once")]
    pub tenants: BTreeMap<String, TenantPolicy>,
}

/// What another tenant than home may have. Its own administrator hands out
/// the app roles there, so this is the only limit.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPolicy {
    /// The roles that count for people of that tenant.
    pub roles_allowed: BTreeSet<String>,
}

/// Why a policy file cannot be used, every fault at once.
#[derive(Debug, Error)]
#[error("{}", .0.join("; "))]
pub struct PolicyFaults(Vec<String>);

/// The tenants that have limits of their own, and the roles of all others.
type Limits = (BTreeMap<Uuid, BTreeSet<String>>, BTreeSet<String>);

impl PolicyFile {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not the documented JSON; with line and column.
    pub fn parse(json: &str) -> Result<Self, PolicyFaults> {
        serde_json::from_str(json).map_err(|error| {
            PolicyFaults(vec![format!(
                "the policy is not the documented JSON: {error}"
            )])
        })
    }

    /// Checks every name, and gives the limits of other tenants than `home`.
    pub(super) fn check(&self, home: Uuid) -> Result<Limits, PolicyFaults> {
        let mut faults = self.role_faults();
        let mut other_tenants = BTreeSet::new();
        let mut tenants = BTreeMap::new();
        for (key, tenant) in &self.tenants {
            if tenant.roles_allowed.contains(ADMIN_ROLE) {
                faults.push(format!(
                    "`tenants.{key}` allows `{ADMIN_ROLE}`, which counts for the home tenant alone"
                ));
            }
            let roles = tenant.roles_allowed.clone();
            if key == EVERY_OTHER {
                other_tenants = roles;
                continue;
            }
            let fault = match Uuid::try_parse(key) {
                Ok(id) if id == home => "is the home tenant, which has no limits",
                Ok(id) => match tenants.insert(id, roles) {
                    None => continue,
                    Some(_) => "is there in two spellings",
                },
                Err(_) => "must be a tenant's GUID or `default`",
            };
            faults.push(format!("`tenants` has the key `{key}`, which {fault}"));
        }
        if faults.is_empty() {
            Ok((tenants, other_tenants))
        } else {
            Err(PolicyFaults(faults))
        }
    }

    fn role_faults(&self) -> Vec<String> {
        let malformed = self.roles.iter().filter(|role| !is_role(role)).map(|role| {
            format!(
                "`roles` has `{role}`, which no app role can be called: 1 to {LONGEST_ROLE} \
                     characters without spaces"
            )
        });
        let unknown = self
            .named_roles()
            .filter(|(_, role)| !ROLES.contains(role) && !self.roles.contains(*role))
            .map(|(place, role)| {
                format!(
                    "`{place}` has the role `{role}`, which is none of {} and is not declared in \
                     `roles`",
                    ROLES.join(", ")
                )
            });
        malformed.chain(unknown).collect()
    }

    /// Every role that the file names, with its place.
    fn named_roles(&self) -> impl Iterator<Item = (String, &str)> {
        let tools = self
            .tools
            .keys()
            .map(|role| ("tools".to_owned(), role.as_str()));
        let agents = self.agents.iter().flat_map(|(agent, roles)| {
            roles
                .iter()
                .map(move |role| (format!("agents.{agent}"), role.as_str()))
        });
        let tenants = self.tenants.iter().flat_map(|(key, tenant)| {
            tenant
                .roles_allowed
                .iter()
                .map(move |role| (format!("tenants.{key}"), role.as_str()))
        });
        tools.chain(agents).chain(tenants)
    }
}

fn is_role(text: &str) -> bool {
    let characters = text.chars().count();
    (1..=LONGEST_ROLE).contains(&characters)
        && !text.contains(|character: char| character.is_whitespace() || character.is_control())
}

/// A map in which no key stands twice. serde takes the last of them, so that
/// a forgotten line would quietly outdo the one that was read and approved.
fn each_key_once<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct EachOnce<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for EachOnce<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = access.next_entry::<String, V>()? {
                if map.insert(key.clone(), value).is_some() {
                    return Err(A::Error::custom(format!("`{key}` is there twice")));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(EachOnce(PhantomData))
}
