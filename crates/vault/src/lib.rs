//! Azure Key Vault: secrets by name, read and written.
//!
//! A request is tried at most four times within 8 s and ends after 15 s, not
//! counting the time in which a token is fetched: that is not the vault's, and
//! ends as its source says. A token goes to the vault alone: the vault's challenge must name a resource
//! that the vault's host is part of (Microsoft, "Guidance: Azure Key Vault
//! challenge resource verification"). That check is left out for a vault on
//! this machine, which is no vault of Azure's.

mod error;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_security_keyvault_secrets::models::SetSecretParameters;
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use entrada_managed_identity::Deadline;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

pub use error::VaultError;

/// Longest value of a secret, in bytes (Microsoft Learn, "About Azure Key
/// Vault secrets": 25k).
pub const LONGEST_VALUE: usize = 25_000;

/// Longest time that one request takes, retries included, tokens not.
const LIMIT: Duration = Duration::from_secs(15);

/// One vault.
pub struct Vault {
    url: Url,
    client: SecretClient,
    deadline: Deadline,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Vault")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// The vault at `url` (`https://{name}.vault.azure.net/`), by tokens of
    /// `credential`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`VaultError::Address`] when `url` cannot be a vault's.
    pub fn new(
        url: &Url,
        credential: Arc<dyn TokenCredential>,
        http: reqwest::Client,
    ) -> Result<Self, VaultError> {
        let plain = url.scheme() == "https" && url.query().is_none() && url.path() == "/";
        if !plain {
            return Err(VaultError::Address);
        }
        let options = SecretClientOptions {
            client_options: ClientOptions {
                transport: Some(Transport::new(Arc::new(http))),
                retry: RetryOptions::exponential(ExponentialRetryOptions {
                    initial_delay: azure_core::time::Duration::milliseconds(200),
                    max_retries: 3,
                    max_total_elapsed: azure_core::time::Duration::seconds(8),
                    max_delay: azure_core::time::Duration::seconds(4),
                }),
                ..ClientOptions::default()
            },
            verify_challenge_resource: Some(!is_this_machine(url)),
            ..SecretClientOptions::default()
        };
        let deadline = Deadline::new(LIMIT);
        let credential = deadline.not_counting(credential);
        let client = SecretClient::new(url.as_str(), credential, Some(options))
            .map_err(|_| VaultError::Address)?;
        Ok(Self {
            url: url.clone(),
            client,
            deadline,
        })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The newest value of the secret `name`; `None` when there is none.
    ///
    /// # Errors
    /// When the vault does not answer, or refuses.
    pub async fn read(&self, name: &str) -> Result<Option<SecretString>, VaultError> {
        let read = async {
            let answer = self.client.get_secret(name, None).await?;
            answer.into_model()
        };
        match self.in_time(read).await {
            Ok(secret) => secret
                .value
                .map(|value| Some(SecretString::from(value)))
                .ok_or(VaultError::NoValue),
            Err(VaultError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes `value` the newest version of the secret `name`. Versions before
    /// it stay in the vault.
    ///
    /// # Errors
    /// [`VaultError::TooLong`] without a request; when the vault does not
    /// answer, or refuses: [`VaultError::Deleted`] when a deleted secret holds
    /// the name.
    pub async fn write(
        &self,
        name: &str,
        value: &SecretString,
        content_type: &str,
    ) -> Result<(), VaultError> {
        let bytes = value.expose_secret().len();
        if bytes > LONGEST_VALUE {
            return Err(VaultError::TooLong { bytes });
        }
        let parameters = SetSecretParameters {
            content_type: Some(content_type.to_owned()),
            value: Some(value.expose_secret().to_owned()),
            ..SetSecretParameters::default()
        };
        let written = self.in_time(async {
            let body = parameters.try_into()?;
            self.client.set_secret(name, body, None).await
        });
        written.await.map(|_| ())
    }

    /// What comes of `request`, in time.
    async fn in_time<T>(
        &self,
        request: impl Future<Output = azure_core::Result<T>>,
    ) -> Result<T, VaultError> {
        match self.deadline.within(request).await {
            Some(answer) => answer.map_err(VaultError::from_azure),
            None => Err(VaultError::silent()),
        }
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
