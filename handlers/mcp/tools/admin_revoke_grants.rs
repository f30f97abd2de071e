//! `admin_revoke_grants`: cuts somebody off.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Services;
use crate::error::chain;
use crate::grants::{CutOff, Grants};
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;

/// Within how many seconds every instance knows, while storage answers: they
/// load the list every five.
const USUALLY: u32 = 10;
/// After how many seconds an instance that cannot load the list lets nobody
/// in.
const AT_WORST: u32 = 60;

/// Ends the sign-ins of a person, a client or a tenant.
pub(super) struct AdminRevokeGrants {
    grants: Arc<Grants>,
}

impl AdminRevokeGrants {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            grants: services.grants.clone(),
        }
    }
}

/// What it takes: `user` (with the person's `tenant`, if it is another one
/// than yours), or `client`, or `tenant` alone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Cut this person off: an object id.
    #[serde(default)]
    user: Option<Uuid>,
    /// Cut this client off, for everybody: a client id.
    #[serde(default)]
    #[schemars(length(min = 1, max = 2048))]
    client: Option<String>,
    /// With `user`, the person's tenant, yours by default. Alone: cut
    /// everybody of this tenant off.
    #[serde(default)]
    tenant: Option<Uuid>,
    /// Also keep out whoever signs in from now on. The same call without it
    /// lets new sign-ins in again.
    #[serde(default)]
    block: bool,
}

/// What was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// A person.
    User,
    /// A client.
    Client,
    /// A tenant.
    Tenant,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct RevocationReport {
    /// What was cut off.
    revoked: Kind,
    /// What was signed in until then is refused, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    not_before: OffsetDateTime,
    /// Whether new sign-ins are kept out as well.
    blocked: bool,
    /// Sign-ins of the person that were ended. Null for a client or a tenant,
    /// whose sign-ins are refused all the same.
    grants_ended: Option<usize>,
    /// Every instance refuses within so many seconds, while storage answers.
    effective_within_seconds: u32,
    /// Or after so many, when storage does not answer.
    effective_at_worst_after_seconds: u32,
}

impl Tool for AdminRevokeGrants {
    const NAME: &'static str = "admin_revoke_grants";
    const TITLE: &'static str = "Cut off";
    const DESCRIPTION: &'static str = "Ends every sign-in of a person, of a client or of a whole \
         tenant, and refuses the tokens that were issued until now, Microsoft Entra's included. \
         Effective everywhere within 10 seconds, at worst 60. People can sign in again unless \
         `block` is set or Microsoft Entra keeps them out.";
    const CLASS: ToolClass = ToolClass::Admin;
    const EFFECTS: Effects = Effects::DELETES;
    type Arguments = Arguments;
    type Output = RevocationReport;

    fn example() -> Value {
        json!({"user": "00000000-0000-0000-0000-00000000000a"})
    }

    async fn call(
        &self,
        caller: &Principal,
        arguments: Arguments,
    ) -> Result<RevocationReport, ToolError> {
        let block = arguments.block;
        let (revoked, whom) = whom(caller, arguments)?;
        let severed = self.grants.cut_off(&whom, block).await.map_err(|error| {
            ToolError::unavailable(
                "Storage did not take all of it. Call again with the same arguments.",
                chain(&error),
            )
        })?;
        let not_before = OffsetDateTime::from_unix_timestamp(severed.not_before);
        Ok(RevocationReport {
            revoked,
            not_before: not_before
                .map_err(|error| ToolError::unavailable("The time is not one.", error))?,
            blocked: block,
            grants_ended: severed.grants_ended,
            effective_within_seconds: USUALLY,
            effective_at_worst_after_seconds: AT_WORST,
        })
    }
}

fn whom(caller: &Principal, arguments: Arguments) -> Result<(Kind, CutOff), ToolError> {
    let own_tenant = caller.tenant_id();
    let (kind, whom, own) = match (arguments.user, arguments.client, arguments.tenant) {
        (Some(object_id), None, tenant) => {
            let tenant_id = tenant.unwrap_or(own_tenant);
            let own = (tenant_id, object_id) == (own_tenant, caller.object_id());
            let user = CutOff::User {
                tenant_id,
                object_id,
            };
            (Kind::User, user, own)
        }
        (None, Some(id), None) => {
            let own = caller.client_id().as_ref() == Some(&id);
            (Kind::Client, CutOff::Client(id), own)
        }
        (None, None, Some(id)) => (Kind::Tenant, CutOff::Tenant(id), id == own_tenant),
        _ => {
            return Err(ToolError::new(
                "Name one: `user` (and the person's `tenant`), `client`, or `tenant` alone.",
            ));
        }
    };
    if own && arguments.block {
        return Err(ToolError::new(
            "This would lock yourself out, and with you who could take it back. Leave `block` \
             out to end the sign-ins there are.",
        ));
    }
    Ok((kind, whom))
}
