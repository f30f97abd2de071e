//! Wrapped invocations: every trigger but plain HTTP reaches the handler as
//! `POST /{function}` (azure-functions-host, `DefaultHttpWorkerService`).

mod invoker;
mod payload;
mod result;
mod timer;

pub(crate) use invoker::Invoker;
pub(crate) use payload::{Payload, Sys};
pub use result::InvocationResult;
pub(crate) use timer::TimerHistory;
