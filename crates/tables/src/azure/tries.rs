use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request, StatusCode};

/// Counts, for one request, the tries that ended without telling whether the
/// service has done what was asked.
#[derive(Debug, Default)]
pub(super) struct DoubtfulTries(AtomicU32);

impl DoubtfulTries {
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// Watches each try, so that the answer to a retried write can be read right:
/// "already exists" may mean one's own first try.
#[derive(Debug)]
pub(super) struct WatchTries;

#[async_trait]
impl Policy for WatchTries {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let result = forward(context, request, next).await;
        let doubtful = match &result {
            Ok(response) => in_doubt(response.status()),
            // A connection that was never made has carried nothing.
            Err(error) => !matches!(error.kind(), ErrorKind::Connection),
        };
        if doubtful && let Some(tries) = context.value::<DoubtfulTries>() {
            tries.0.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}

/// Whether an answer leaves open what the service has done.
fn in_doubt(status: StatusCode) -> bool {
    status == StatusCode::RequestTimeout || status.is_server_error()
}

/// Hands the request to the next policy.
pub(super) async fn forward(
    context: &Context<'_>,
    request: &mut Request,
    next: &[Arc<dyn Policy>],
) -> PolicyResult {
    match next.split_first() {
        Some((first, rest)) => first.send(context, request, rest).await,
        None => Err(Error::with_message(
            ErrorKind::Other,
            "the pipeline has no transport",
        )),
    }
}
