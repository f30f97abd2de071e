//! What a tool is.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entrada_tables::TableError;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Progress;
use crate::auth::step_up::StepUpLink;
use crate::error::chain;
use crate::identity::Principal;
use crate::policy::ToolClass;

/// What a call does to the world, as hints for clients (MCP
/// `ToolAnnotations`).
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "these are MCP's four hints")]
pub struct Effects {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy something.
    pub destructive: bool,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Reaches beyond this server.
    pub open_world: bool,
}

impl Effects {
    /// Reads what this server holds.
    pub const READS: Self = Self {
        read_only: true,
        destructive: false,
        idempotent: true,
        open_world: false,
    };

    /// Makes or changes something that this server holds.
    pub const WRITES: Self = Self {
        read_only: false,
        destructive: false,
        idempotent: false,
        open_world: false,
    };

    /// Deletes something that this server holds.
    pub const DELETES: Self = Self {
        read_only: false,
        destructive: true,
        idempotent: true,
        open_world: false,
    };
}

/// A tool: one type in one file. Name, class and schemas are part of the
/// type, so that listing, authorisation and documentation cannot disagree.
pub trait Tool: Send + Sync + 'static {
    /// The name that clients call, `snake_case`.
    const NAME: &'static str;
    /// The name that people read.
    const TITLE: &'static str;
    /// What it does and when to use it, for the model.
    const DESCRIPTION: &'static str;
    /// Who sees it. Never [`ToolClass::Public`]: that is [`PublicTool`].
    const CLASS: ToolClass;
    /// What a call does.
    const EFFECTS: Effects;

    /// What it takes. The schema is derived, and every call is checked
    /// against it in full: put ranges and lengths there.
    type Arguments: DeserializeOwned + JsonSchema + Send;
    /// What it gives, as structured content.
    type Output: Serialize + JsonSchema + Send;

    /// Arguments of a typical call.
    fn example() -> Value;

    /// Does the work for a caller who may call it.
    fn call(
        &self,
        caller: &Principal,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;

    /// Does the work and tells on the way how far it is: for tools that take
    /// long. When the client goes away this is dropped, so it must leave
    /// nothing half done that matters.
    fn call_telling(
        &self,
        caller: &Principal,
        arguments: Self::Arguments,
        _progress: &Progress,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send {
        self.call(caller, arguments)
    }
}

/// A tool that answers anybody, without a token too, and so is never told who
/// asks. It may only read what everybody may know.
pub trait PublicTool: Send + Sync + 'static {
    /// The name that clients call, `snake_case`.
    const NAME: &'static str;
    /// The name that people read.
    const TITLE: &'static str;
    /// What it does and when to use it, for the model.
    const DESCRIPTION: &'static str;

    /// What it takes, as for [`Tool`].
    type Arguments: DeserializeOwned + JsonSchema + Send;
    /// What it gives, as structured content.
    type Output: Serialize + JsonSchema + Send;

    /// Arguments of a typical call.
    fn example() -> Value;

    /// Answers.
    fn call(
        &self,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

/// Why a tool did not do its work. The message is for the model and the
/// person; the rest for the log.
pub struct ToolError {
    message: Cow<'static, str>,
    log: Option<String>,
    challenge: Option<ToolChallenge>,
    step_up: Option<StepUpLink>,
}

/// What the caller's client must get at Entra before the call can work. Over
/// HTTP the answer is 401 then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChallenge {
    /// A new sign-in.
    SignInEnded,
    /// A token that meets these claims: the decoded JSON of a claims request.
    Claims(String),
}

impl fmt::Debug for ToolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ToolError")
            .field("message", &self.message)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl ToolError {
    /// Something that the caller can mend.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            log: None,
            challenge: None,
            step_up: None,
        }
    }

    /// Something that is away right now.
    pub fn unavailable(message: impl Into<Cow<'static, str>>, log: impl fmt::Display) -> Self {
        Self {
            message: message.into(),
            log: Some(log.to_string()),
            challenge: None,
            step_up: None,
        }
    }

    /// Adds the link where the person can do what Entra asks for first.
    #[must_use]
    pub fn with_step_up(mut self, link: StepUpLink) -> Self {
        self.step_up = Some(link);
        self
    }

    /// The link where the person can do what Entra asks for first, if that is
    /// why: for clients that can be asked to open one (MCP elicitation, URL
    /// mode). [`Self::text`] has it in words.
    #[must_use]
    pub fn step_up(&self) -> Option<&StepUpLink> {
        self.step_up.as_ref()
    }

    /// Adds what the client must get first.
    #[must_use]
    pub fn with_challenge(mut self, challenge: ToolChallenge) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// What the client must get first, if that is why.
    #[must_use]
    pub fn challenge(&self) -> Option<&ToolChallenge> {
        self.challenge.as_ref()
    }

    /// What the caller is told, but for the link and the claims.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the caller is told, with the link, or with the claims: not every
    /// answer can carry them in a header.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        let message = &self.message;
        match (&self.step_up, &self.challenge) {
            (Some(link), _) => Cow::Owned(format!(
                "{message} Open {} in a browser within ten minutes, then try again.",
                link.expose()
            )),
            (None, Some(ToolChallenge::Claims(claims))) => Cow::Owned(format!(
                "{message} The claims to ask Microsoft Entra ID for, in base64: {}",
                STANDARD.encode(claims)
            )),
            (None, Some(ToolChallenge::SignInEnded) | None) => Cow::Borrowed(message),
        }
    }

    /// What the log is told.
    #[must_use]
    pub fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }
}

impl From<TableError> for ToolError {
    fn from(error: TableError) -> Self {
        Self::unavailable(
            "Storage did not do what the tool needs. Try again shortly.",
            chain(&error),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_told_in_words_too() {
        let error = ToolError::new("Do more.");
        assert_eq!(error.text(), "Do more.");
        let error = error.with_challenge(ToolChallenge::Claims("{}".to_owned()));
        assert!(error.text().starts_with("Do more. ") && error.text().ends_with(": e30="));
    }
}
