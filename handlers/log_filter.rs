//! What gets into the log, whatever is asked for.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, ParseError, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

/// What is to get into the log, in the form of [`EnvFilter`].
#[derive(Debug, Clone)]
pub struct LogFilter(String);

impl LogFilter {
    /// Reads directives such as `warn,entrada=debug`.
    ///
    /// # Errors
    /// When they are none.
    pub fn parse(directives: &str) -> Result<Self, ParseError> {
        EnvFilter::try_new(directives)?;
        Ok(Self(directives.to_owned()))
    }

    /// The filter, which lets nothing in that holds messages of people, results
    /// of tools or links that one person alone should have.
    pub(crate) fn filter<S>(&self) -> impl Filter<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        EnvFilter::new(&self.0).and(filter_fn(holds_no_content))
    }
}

/// rmcp writes whole requests and answers at its lower levels
/// (`rmcp::service`).
fn holds_no_content(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("rmcp") || *metadata.level() <= Level::WARN
}
