//! The time that a service may take for its answer.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use tokio::sync::watch;

/// Ends requests that a service leaves without an answer. The time in which a
/// token is fetched is not the service's.
#[derive(Debug)]
pub struct Deadline {
    limit: Duration,
    /// How many tokens are being fetched.
    fetching: watch::Sender<usize>,
}

impl Deadline {
    /// Gives the service this long.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            fetching: watch::Sender::default(),
        }
    }

    /// The same credential; the time in which it fetches a token is no
    /// request's.
    #[must_use]
    pub fn not_counting(&self, credential: Arc<dyn TokenCredential>) -> Arc<dyn TokenCredential> {
        Arc::new(NotCounted {
            credential,
            fetching: self.fetching.clone(),
        })
    }

    /// What comes of `request`; `None` when it does not come in time.
    pub async fn within<F: Future>(&self, request: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            answer = request => Some(answer),
            () = self.over() => None,
        }
    }

    /// Ends when the service has had its time since a token was last fetched.
    async fn over(&self) {
        let mut fetching = self.fetching.subscribe();
        loop {
            // The sender is held here, so there is no end to wait for.
            let _ = fetching.wait_for(|count| *count == 0).await;
            tokio::select! {
                biased;
                _ = fetching.changed() => {}
                () = tokio::time::sleep(self.limit) => return,
            }
        }
    }
}

/// A credential that tells when it fetches.
struct NotCounted {
    credential: Arc<dyn TokenCredential>,
    fetching: watch::Sender<usize>,
}

impl fmt::Debug for NotCounted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NotCounted").finish_non_exhaustive()
    }
}

/// A token that is being fetched, until it is dropped.
struct Fetch<'a>(&'a watch::Sender<usize>);

impl<'a> Fetch<'a> {
    fn begin(fetching: &'a watch::Sender<usize>) -> Self {
        fetching.send_modify(|count| *count += 1);
        Self(fetching)
    }
}

impl Drop for Fetch<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[async_trait]
impl TokenCredential for NotCounted {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let _fetch = Fetch::begin(&self.fetching);
        self.credential.get_token(scopes, options).await
    }
}

#[cfg(test)]
mod tests {
    use azure_core::time::OffsetDateTime;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(15);

    /// Takes its time for a token.
    #[derive(Debug)]
    struct Slow(Duration);

    #[async_trait]
    impl TokenCredential for Slow {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            tokio::time::sleep(self.0).await;
            Ok(AccessToken::new("token", OffsetDateTime::UNIX_EPOCH))
        }
    }

    /// A request that needs a token, and whose answer takes this long then.
    async fn request(answer: Duration) -> Option<()> {
        let deadline = Deadline::new(LIMIT);
        let credential = deadline.not_counting(Arc::new(Slow(LIMIT * 2)));
        let request = async {
            let token = credential.get_token(&["x/.default"], None).await;
            assert!(token.is_ok());
            tokio::time::sleep(answer).await;
        };
        deadline.within(request).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_token_takes_is_not_the_services() {
        assert_eq!(request(LIMIT.mul_f64(0.9)).await, Some(()));
        assert_eq!(request(LIMIT * 2).await, None);
    }
}
