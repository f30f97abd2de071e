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

/// rmcp writes whole requests and answers at its lower levels, and at WARN the
/// id of a request and what was wrong with it, both in the caller's words
/// (`rmcp::service`).
fn holds_no_content(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("rmcp") || *metadata.level() <= Level::ERROR
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_callers_say_to_rmcp_is_not_in_the_log_whatever_is_asked_for() {
        for directives in ["info", "trace", "rmcp=trace"] {
            let written = Written::default();
            let to = written.clone();
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(move || to.clone())
                .with_filter(LogFilter::parse(directives).unwrap().filter());
            let subscriber = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(subscriber, || {
                tracing::debug!(target: "rmcp::service", "a request");
                tracing::warn!(target: "rmcp::service", "an error with a name in it");
                tracing::error!(target: "rmcp::service", "trouble of its own");
            });
            let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert_eq!(written.lines().count(), 1, "{directives}: {written}");
            assert!(written.contains("trouble of its own"), "{written}");
        }
    }
}
