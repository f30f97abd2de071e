//! Who this process is in Azure.
//!
//! On Azure Functions that is a managed identity, whose tokens the platform
//! hands out at the address in `IDENTITY_ENDPOINT` (Microsoft Learn, "Use
//! managed identities for App Service and Azure Functions"). On a developer's
//! machine it is the person who is signed in to the Azure CLI (`az login`) or
//! the Azure Developer CLI (`azd auth login`).

mod deadline;
mod each_resource;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::Error;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use uuid::Uuid;

pub use deadline::Deadline;
use each_resource::EachResource;

/// Longest time that one token takes, retries included.
const ENDPOINT_DEADLINE: Duration = Duration::from_secs(10);

/// The same for the command line tools, which start slowly.
const TOOLS_DEADLINE: Duration = Duration::from_secs(30);

/// The managed identity of this process: the user-assigned one with this
/// client id, or the system-assigned one. Tokens are kept until shortly before
/// they expire; a request for one is tried at most four times within 5 s, and
/// keeps nobody waiting who wants one for another resource.
///
/// # Errors
/// When the surroundings name an identity endpoint that cannot be one.
pub fn managed_identity(
    client_id: Option<Uuid>,
    http: reqwest::Client,
) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: client_id.map(|id| UserAssignedId::ClientId(id.to_string())),
        client_options: ClientOptions {
            transport: Some(Transport::new(Arc::new(http))),
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                initial_delay: azure_core::time::Duration::milliseconds(200),
                max_retries: 3,
                max_total_elapsed: azure_core::time::Duration::seconds(5),
                max_delay: azure_core::time::Duration::seconds(2),
            }),
            ..ClientOptions::default()
        },
    };
    let identity = EachResource::new(move || {
        let identity = ManagedIdentityCredential::new(Some(options.clone()))?;
        Ok(identity as Arc<dyn TokenCredential>)
    })?;
    Ok(Arc::new(Bounded {
        credential: Arc::new(identity),
        deadline: ENDPOINT_DEADLINE,
    }))
}

/// Who is signed in to the Azure CLI or, failing that, to the Azure Developer
/// CLI.
///
/// # Errors
/// When the tools cannot be called at all.
pub fn developer() -> azure_core::Result<Arc<dyn TokenCredential>> {
    Ok(Arc::new(Bounded {
        credential: DeveloperToolsCredential::new(None)?,
        deadline: TOOLS_DEADLINE,
    }))
}

/// A credential that answers in time or not at all.
struct Bounded {
    credential: Arc<dyn TokenCredential>,
    deadline: Duration,
}

impl fmt::Debug for Bounded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bounded").finish_non_exhaustive()
    }
}

#[async_trait]
impl TokenCredential for Bounded {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.credential.get_token(scopes, options);
        tokio::time::timeout(self.deadline, token)
            .await
            .map_err(|elapsed| {
                let message = "no token could be had in time";
                Error::with_error(ErrorKind::Credential, elapsed, message)
            })?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Silent;

    #[async_trait]
    impl TokenCredential for Silent {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_never_answers_is_an_error() {
        let bounded = Bounded {
            credential: Arc::new(Silent),
            deadline: ENDPOINT_DEADLINE,
        };
        let error = bounded.get_token(&["x/.default"], None).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Credential));
        assert!(error.to_string().contains("in time"));
    }
}
