//! `whoami`: who the server takes the caller for.

use entrada_entra::SubjectKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Services;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;

/// Who the caller is here.
pub(super) struct Whoami;

impl Whoami {
    /// It asks nobody: the token says it all.
    pub(super) fn new(_services: &Services) -> Self {
        Self
    }
}

/// It takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Me {
    /// The tenant's id.
    tenant_id: Uuid,
    /// The object id of the person or application.
    object_id: Uuid,
    /// `user` or `application`.
    kind: String,
    /// For display.
    name: Option<String>,
    /// For display.
    email: Option<String>,
    /// The app roles that count here.
    roles: Vec<String>,
    /// The token's scopes.
    scopes: Vec<String>,
    /// The client that the token was issued to.
    client_id: Option<String>,
}

impl Tool for Whoami {
    const NAME: &'static str = "whoami";
    const TITLE: &'static str = "Who am I";
    const DESCRIPTION: &'static str =
        "Who you are signed in as, and which app roles count for you here.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = Me;

    fn example() -> Value {
        json!({})
    }

    async fn call(&self, caller: &Principal, _arguments: Arguments) -> Result<Me, ToolError> {
        Ok(Me {
            tenant_id: caller.tenant_id(),
            object_id: caller.object_id(),
            kind: match caller.kind() {
                SubjectKind::User => "user",
                SubjectKind::Application => "application",
            }
            .to_owned(),
            name: caller.name().map(str::to_owned),
            email: caller.email().map(str::to_owned),
            roles: caller.roles().to_vec(),
            scopes: caller.scopes().to_vec(),
            client_id: caller.client_id(),
        })
    }
}
