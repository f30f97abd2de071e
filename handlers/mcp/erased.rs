//! Tools whose types are erased, so that one registry holds them all.

use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Progress, PublicTool, Tool, ToolError};
use crate::identity::Principal;

pub(super) type CallFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send + 'a>>;

/// A tool that is told who calls.
pub(super) trait AnyTool: Send + Sync {
    fn call<'a>(
        &'a self,
        caller: &'a Principal,
        arguments: Value,
        progress: &'a Progress,
    ) -> CallFuture<'a>;
}

/// A tool that answers anybody.
pub(super) trait AnyPublicTool: Send + Sync {
    fn call(&self, arguments: Value) -> CallFuture<'_>;
}

impl<T: Tool> AnyTool for T {
    fn call<'a>(
        &'a self,
        caller: &'a Principal,
        arguments: Value,
        progress: &'a Progress,
    ) -> CallFuture<'a> {
        Box::pin(async move {
            let arguments = typed(arguments)?;
            untyped(&self.call_telling(caller, arguments, progress).await?)
        })
    }
}

impl<T: PublicTool> AnyPublicTool for T {
    fn call(&self, arguments: Value) -> CallFuture<'_> {
        Box::pin(async move {
            let arguments = typed(arguments)?;
            untyped(&PublicTool::call(self, arguments).await?)
        })
    }
}

/// The schema was checked before; what is left is what serde knows and JSON
/// Schema cannot say.
fn typed<A: DeserializeOwned>(arguments: Value) -> Result<A, ToolError> {
    serde_json::from_value(arguments)
        .map_err(|error| ToolError::new(format!("Invalid arguments: {error}.")))
}

fn untyped(output: &impl Serialize) -> Result<Value, ToolError> {
    serde_json::to_value(output)
        .map_err(|error| ToolError::unavailable("The tool's answer is not JSON.", error))
}
