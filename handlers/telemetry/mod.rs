//! OpenTelemetry traces, metrics and logs to Application Insights, where its
//! connection string is set.
//!
//! What is sent is what our own spans and events hold, and nothing of other
//! crates': requests by method and route, tools by name, upstream services by
//! host; never tokens, codes, secrets, bodies, paths or queries. Queues are bounded
//! and drop when ingestion is away; no request ever waits.

mod connection;
mod identifiers;
mod metrics;
mod paths;
mod providers;
mod request;
mod transport;

use std::sync::atomic::{AtomicBool, Ordering};

pub use connection::ConnectionString;
pub use metrics::{request_answered, tool_called};
pub use providers::{Telemetry, TelemetryError};
pub use request::{IncomingTrace, begin, finish, tool_span};
pub use transport::Bearer;

/// Whether telemetry is collected in this process. There is one subscriber,
/// so there is one answer.
static ON: AtomicBool = AtomicBool::new(false);

fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}
