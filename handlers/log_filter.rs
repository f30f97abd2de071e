//! What gets into the log, whatever is asked for.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, ParseError, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

/// The filter of `ENTRADA_LOG`, in the form of [`EnvFilter`], but for what
/// holds messages of people, results of tools and links that one person alone
/// should have.
///
/// # Errors
/// When it is not in that form.
pub(crate) fn log_filter<S>(directives: &str) -> Result<impl Filter<S> + use<S>, ParseError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    Ok(EnvFilter::try_new(directives)?.and(filter_fn(holds_no_content)))
}

/// rmcp writes whole requests and answers at its lower levels
/// (`rmcp::service`).
fn holds_no_content(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("rmcp") || *metadata.level() <= Level::WARN
}
