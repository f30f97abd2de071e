//! Calls of tools: decided, confirmed, done and entered into the audit log.

use rmcp::model::{ErrorData, InputRequiredResult, JsonObject};

use super::confirmation::{Confirmation, Round};
use super::{McpServer, Outcome, Progress, ToolError};
use crate::audit::{self, AuditError, Entry, Pending};
use crate::context::CorrelationId;
use crate::error::{ApiError, chain};
use crate::identity::Principal;
use crate::policy::ToolClass;

/// A call as a client makes it.
pub(super) struct ToolCall<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Option<JsonObject>,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) progress: Progress,
    pub(super) round: Round,
}

/// What comes of a call for now.
pub(super) enum Answered {
    /// It has ended.
    Outcome(Outcome),
    /// The client has to ask the person first.
    Asked(Box<InputRequiredResult>),
}

/// Why a call was not made, or not answered.
#[derive(Debug)]
pub(super) enum CallError {
    /// It could not be entered, and nothing was done.
    NotAudited(AuditError),
    /// Anything else.
    Other(ErrorData),
}

impl From<AuditError> for CallError {
    fn from(error: AuditError) -> Self {
        tracing::error!(error = chain(&error), "a request was refused");
        Self::NotAudited(error)
    }
}

impl From<CallError> for ErrorData {
    fn from(error: CallError) -> Self {
        match error {
            // Where there is no status to say it with, the words name what is
            // missing.
            CallError::NotAudited(error) => {
                Self::internal_error(ApiError::from(error).detail().to_owned(), None)
            }
            CallError::Other(error) => error,
        }
    }
}

impl McpServer {
    /// Calls a tool for a caller, entered into the audit log whatever comes of
    /// it; refusals and calls that change something before this returns. The
    /// caller cannot be asked anything on the way.
    ///
    /// # Errors
    /// When the call cannot be made, or cannot be entered.
    pub async fn call(
        &self,
        caller: &Principal,
        name: &str,
        arguments: Option<JsonObject>,
        correlation: Option<CorrelationId>,
    ) -> Result<Outcome, ErrorData> {
        let call = ToolCall {
            name,
            arguments,
            correlation,
            progress: Progress::untold(),
            round: Round::default(),
        };
        match self.call_in_rounds(caller, call).await? {
            Answered::Outcome(outcome) => Ok(outcome),
            // A default round asks nothing.
            Answered::Asked(_) => Ok(Outcome::Failed(not_confirmed())),
        }
    }

    /// As [`McpServer::call`], for a client that can be told how far the call
    /// is, and may be able to ask the person whether it is meant.
    pub(super) async fn call_in_rounds(
        &self,
        caller: &Principal,
        call: ToolCall<'_>,
    ) -> Result<Answered, CallError> {
        let name = call.name;
        let entry = Entry::of(caller, "tools/call")
            .tool(name, call.arguments.as_ref())
            .correlation(call.correlation.map(|id| id.0));
        let pending = self.audit.begin(entry).await?;
        let Some(class) = self.registry.class_for(caller, name) else {
            refuse(pending, "hidden_or_unknown_tool").await?;
            return Ok(Answered::Outcome(Outcome::Unknown));
        };
        let reads = matches!(class, ToolClass::Read | ToolClass::Public);
        if !reads {
            self.audit.ready().await?;
        }
        if let Err(error) = self.confirmed(caller, class).await {
            refuse(pending, "grant_not_confirmed").await?;
            return Err(CallError::Other(error));
        }
        match self.meant(caller, &call) {
            Ok(Confirmation::Given) => {}
            Ok(Confirmation::Declined) => {
                refuse(pending, "declined_by_the_person").await?;
                return Ok(Answered::Outcome(Outcome::Failed(not_confirmed())));
            }
            Ok(Confirmation::Asked(question)) => {
                refuse(pending, "confirmation_asked_for").await?;
                return Ok(Answered::Asked(question));
            }
            Err(error) => {
                refuse(pending, "not_confirmed").await?;
                return Err(CallError::Other(error));
            }
        }
        let outcome = self
            .registry
            .call(caller, name, call.arguments, &call.progress)
            .await;
        let (came_of_it, reason) = in_the_log(&outcome);
        if reads {
            pending.finish(came_of_it, reason);
        } else {
            let entered = pending.finish_durably(came_of_it, reason);
            entered
                .await
                .map_err(|error| CallError::Other(not_entered(error)))?;
        }
        Ok(Answered::Outcome(outcome))
    }

    /// Enters that somebody was shown the tools, and tells the log when there
    /// are none but public ones.
    ///
    /// # Errors
    /// [`AuditError::Full`] when there was no place for it; then nothing is
    /// shown.
    pub async fn enter_list(
        &self,
        caller: &Principal,
        correlation: Option<CorrelationId>,
        is_empty: bool,
    ) -> Result<(), AuditError> {
        let entry = Entry::of(caller, "tools/list").correlation(correlation.map(|id| id.0));
        let pending = self.audit.begin(entry).await?;
        pending.finish(audit::Outcome::Succeeded, None);
        if is_empty {
            tracing::info!(
                roles = ?caller.roles(),
                tenant = %caller.tenant_id(),
                "the tool list is empty but for public tools: no role of the caller sees a tool"
            );
        }
        Ok(())
    }

    /// As [`McpServer::call`], of a public tool, for somebody without a token.
    ///
    /// # Errors
    /// When the call cannot be entered.
    pub async fn call_public(
        &self,
        name: &str,
        arguments: Option<JsonObject>,
        correlation: Option<CorrelationId>,
    ) -> Result<Outcome, ErrorData> {
        let call = ToolCall {
            name,
            arguments,
            correlation,
            progress: Progress::untold(),
            round: Round::default(),
        };
        Ok(self.call_anonymously(call).await?)
    }

    /// Calls a public tool for somebody without a token.
    pub(super) async fn call_anonymously(&self, call: ToolCall<'_>) -> Result<Outcome, CallError> {
        let entry = Entry::new("tools/call")
            .tool(call.name, call.arguments.as_ref())
            .correlation(call.correlation.map(|id| id.0));
        let pending = self.audit.begin(entry).await?;
        let outcome = self
            .registry
            .call_anonymously(call.name, call.arguments)
            .await;
        let (came_of_it, reason) = in_the_log(&outcome);
        pending.finish(came_of_it, reason);
        Ok(outcome)
    }

    /// Whether a call that changes something may go on: the grant's row is
    /// read, so that a revocation counts at once and not within seconds.
    async fn confirmed(&self, caller: &Principal, class: ToolClass) -> Result<(), ErrorData> {
        if matches!(class, ToolClass::Read | ToolClass::Public) {
            return Ok(());
        }
        match self.grants.confirm(caller).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ErrorData::invalid_request(
                "The sign-in was ended; sign in again.",
                None,
            )),
            Err(error) => {
                tracing::warn!(error = chain(&error), "a grant could not be confirmed");
                Err(ErrorData::internal_error(
                    "Storage does not answer, so the call was not made. Try again shortly.",
                    None,
                ))
            }
        }
    }

    /// Whether the person means a call that destroys something. Nobody is
    /// asked about a call that its arguments stop anyway.
    fn meant(&self, caller: &Principal, call: &ToolCall<'_>) -> Result<Confirmation, ErrorData> {
        let arguments = call.arguments.as_ref();
        let destructive = self.registry.destructive_call(caller, call.name, arguments);
        match destructive {
            Some(tool) => call
                .round
                .confirmation(&self.states, caller, tool, arguments),
            None => Ok(Confirmation::Given),
        }
    }
}

async fn refuse(pending: Pending, reason: &'static str) -> Result<(), AuditError> {
    pending
        .finish_durably(audit::Outcome::Refused, Some(reason))
        .await
}

fn not_confirmed() -> ToolError {
    ToolError::new("The person did not confirm the call, so nothing was done.")
}

/// What the audit log says of an outcome.
fn in_the_log(outcome: &Outcome) -> (audit::Outcome, Option<&'static str>) {
    match outcome {
        Outcome::Done(_) => (audit::Outcome::Succeeded, None),
        Outcome::Failed(_) => (audit::Outcome::Failed, Some("tool_error")),
        Outcome::Unknown => (audit::Outcome::Refused, Some("hidden_or_unknown_tool")),
    }
}

fn not_entered(error: AuditError) -> ErrorData {
    tracing::error!(
        error = chain(&error),
        "a call that was made is not yet entered"
    );
    ErrorData::internal_error(
        "The call was made, but the audit log could not be written in time. Look before you \
         repeat it.",
        None,
    )
}
