//! What one line of the log says.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::redact;
use crate::identity::Principal;

/// Most characters of a name that a caller chose.
const NAME: usize = 200;

/// What was decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was let through.
    Allowed,
    /// It was not.
    Refused,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Succeeded,
    /// It was tried.
    Failed,
    /// It was not tried.
    Refused,
    /// The caller went away before it ended; it may have been done.
    Abandoned,
}

/// One line of the log: who, what, the decision and what came of it. It never
/// holds a secret, a token or the text of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When it ended, RFC 3339 UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    pub time: OffsetDateTime,
    /// The caller's tenant; none when the caller is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Uuid>,
    /// The caller's object id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Uuid>,
    /// The client that called in the caller's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The sign-in that the caller's token came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Uuid>,
    /// What was asked: `tools/call`, `chat.turn`, `sign_in`, `grant.refreshed`
    /// and so on.
    pub method: Cow<'static, str>,
    /// The tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The arguments, without secrets and text of messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// What was decided.
    pub decision: Decision,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// Identifies the request in answers and logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// How many requests the line stands for, when more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Entry {
    /// A line about something that was allowed and done, of nobody yet.
    #[must_use]
    pub fn new(method: &'static str) -> Self {
        Self {
            time: OffsetDateTime::UNIX_EPOCH,
            tenant: None,
            user: None,
            client: None,
            grant: None,
            method: Cow::Borrowed(method),
            tool: None,
            agent: None,
            arguments: None,
            decision: Decision::Allowed,
            outcome: Outcome::Succeeded,
            reason: None,
            duration_ms: 0,
            correlation_id: crate::context::current_correlation_id(),
            count: None,
        }
    }

    /// A line about what `caller` did.
    #[must_use]
    pub fn of(caller: &Principal, method: &'static str) -> Self {
        let mut entry = Self::new(method)
            .by(caller.tenant_id(), caller.object_id())
            .through(caller.client_id().as_deref());
        entry.grant = caller.grant_id();
        entry
    }

    /// Whose doing it is: tenant and object id.
    #[must_use]
    pub fn by(mut self, tenant: Uuid, user: Uuid) -> Self {
        self.tenant = Some(tenant);
        self.user = Some(user);
        self
    }

    /// The client that called.
    #[must_use]
    pub fn through(mut self, client: Option<&str>) -> Self {
        self.client = client.map(|client| redact::name(client, NAME));
        self
    }

    /// The sign-in that it is about.
    #[must_use]
    pub fn grant(mut self, grant: Uuid) -> Self {
        self.grant = Some(grant);
        self
    }

    /// The tool and its arguments, which are redacted here.
    #[must_use]
    pub fn tool(mut self, name: &str, arguments: Option<&Map<String, Value>>) -> Self {
        self.tool = Some(redact::name(name, NAME));
        self.arguments = arguments
            .filter(|arguments| !arguments.is_empty())
            .map(redact::arguments);
        self
    }

    /// The agent.
    #[must_use]
    pub fn agent(mut self, id: &str) -> Self {
        self.agent = Some(redact::name(id, NAME));
        self
    }

    /// Identifies the request.
    #[must_use]
    pub fn correlation(mut self, id: Option<Uuid>) -> Self {
        self.correlation_id = id.or(self.correlation_id);
        self
    }

    /// That it was refused, and why.
    #[must_use]
    pub fn refused(mut self, reason: &'static str) -> Self {
        self.decision = Decision::Refused;
        self.outcome = Outcome::Refused;
        self.reason = Some(Cow::Borrowed(reason));
        self
    }
}
