//! One credential for each resource.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};

type Made = azure_core::Result<Arc<dyn TokenCredential>>;

/// Has a credential of its own for each resource. One of `azure_identity`
/// alone lets everybody wait while it fetches a token, even those whose token
/// for another resource it has in hand (its `TokenCache` holds its lock as long
/// as that takes): one that is silent would stop all.
pub(crate) struct EachResource {
    make: Box<dyn Fn() -> Made + Send + Sync>,
    /// By what is asked for; this program asks for a handful of resources.
    made: Mutex<HashMap<String, Arc<dyn TokenCredential>>>,
}

impl EachResource {
    /// Credentials as `make` makes them.
    ///
    /// # Errors
    /// When it cannot make one, which is tried at once.
    pub(crate) fn new(make: impl Fn() -> Made + Send + Sync + 'static) -> azure_core::Result<Self> {
        make()?;
        Ok(Self {
            make: Box::new(make),
            made: Mutex::default(),
        })
    }

    fn credential(&self, scopes: &[&str]) -> Made {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let resource = scopes.join(" ");
        if let Some(credential) = made.get(&resource) {
            return Ok(credential.clone());
        }
        let credential = (self.make)()?;
        made.insert(resource, credential.clone());
        Ok(credential)
    }
}

impl fmt::Debug for EachResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EachResource")
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenCredential for EachResource {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.credential(scopes)?.get_token(scopes, options).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azure_core::time::OffsetDateTime;
    use tokio::time::timeout;

    use super::*;

    const SILENT: &str = "https://silent.example/.default";
    const OTHER: &str = "https://other.example/.default";

    /// Serves one after the other, and nobody any more who asks for `SILENT`.
    #[derive(Debug, Default)]
    struct OneByOne(tokio::sync::Mutex<u32>);

    #[async_trait]
    impl TokenCredential for OneByOne {
        async fn get_token(
            &self,
            scopes: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let mut served = self.0.lock().await;
            if scopes == [SILENT] {
                std::future::pending::<()>().await;
            }
            *served += 1;
            let token = served.to_string();
            Ok(AccessToken::new(token, OffsetDateTime::UNIX_EPOCH))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_without_an_answer_keeps_nobody_else_waiting() {
        let identity = EachResource::new(|| Ok(Arc::new(OneByOne::default()))).unwrap();
        let limit = Duration::from_secs(1);
        let mut silent = std::pin::pin!(identity.get_token(&[SILENT], None));
        assert!(timeout(limit, silent.as_mut()).await.is_err());
        for count in ["1", "2"] {
            let token = timeout(limit, identity.get_token(&[OTHER], None)).await;
            let token = token.expect("it does not wait").unwrap();
            assert_eq!(token.token.secret(), count, "of the same credential");
        }
    }
}
