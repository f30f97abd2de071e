//! The registry: one door to clients of every origin.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{TableError, Tables};

use super::address_policy::AddressPolicy;
use super::configured::ConfiguredClients;
use super::documents::Documents;
use super::fetch::{Errand, Fetcher};
use super::limiter::RegistrationLimiter;
use super::redirect::RedirectRules;
use super::registrations::{self, Registrations};
use super::resolver::NameLookup;
use super::{
    Client, ClientError, RegistrationError, RegistrationRequest, RegistrationResponse, document,
};
use crate::config::BaseUrl;

/// What the registry is made of.
#[derive(Debug)]
pub struct ClientSources {
    /// Clients that an administrator configured.
    pub configured: ConfiguredClients,
    /// Which redirect URIs others may have.
    pub redirects: RedirectRules,
    /// Where metadata documents may be fetched from.
    pub addresses: AddressPolicy,
    /// Looks up the hosts of metadata documents.
    pub lookup: Arc<dyn NameLookup>,
    /// The server's own base URL: nothing is fetched from there.
    pub base: BaseUrl,
    /// Says how often an address may register.
    pub limiter: Arc<dyn RegistrationLimiter>,
}

/// Clients of every origin.
pub struct Clients {
    configured: ConfiguredClients,
    registrations: Registrations,
    documents: Documents,
    redirects: RedirectRules,
    limiter: Arc<dyn RegistrationLimiter>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Clients")
            .field("redirects", &self.redirects)
            .field("limiter", &self.limiter)
            .finish_non_exhaustive()
    }
}

impl Clients {
    /// The registry over `tables`. Nothing is asked of anybody yet.
    #[must_use]
    pub fn new(
        sources: ClientSources,
        tables: Arc<dyn Tables>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let fetcher = Fetcher::new(sources.addresses, sources.base, sources.lookup);
        Self {
            configured: sources.configured,
            documents: Documents::new(fetcher, sources.redirects.clone(), clock.clone()),
            registrations: Registrations::new(tables, clock, random),
            redirects: sources.redirects,
            limiter: sources.limiter,
        }
    }

    /// The client of this id, for a page: a configured one from memory, a
    /// registered one by one read of storage, one with a metadata document
    /// from memory or by fetching it.
    ///
    /// # Errors
    /// [`ClientError::Unknown`] when there is none, [`ClientError::Refused`]
    /// when its metadata document cannot be accepted,
    /// [`ClientError::Unavailable`] when storage or the document's server
    /// fails.
    pub async fn find(&self, client_id: &str) -> Result<Client, ClientError> {
        self.find_for(Errand::Page, client_id).await
    }

    /// The same for a request of the client's own: its document is fetched
    /// even while a flood of strangers' documents is.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn find_itself(&self, client_id: &str) -> Result<Client, ClientError> {
        self.find_for(Errand::Token, client_id).await
    }

    async fn find_for(&self, errand: Errand, client_id: &str) -> Result<Client, ClientError> {
        if let Some(client) = self.configured.get(client_id) {
            return Ok(client.clone());
        }
        if let Some(id) = registrations::parse_id(client_id) {
            let registered = self.registrations.find(id).await?;
            return registered.ok_or(ClientError::Unknown);
        }
        if document::is_url(client_id) {
            let client = self.documents.find(client_id, errand).await?;
            return Ok(Arc::unwrap_or_clone(client));
        }
        Err(ClientError::Unknown)
    }

    /// The client of this id by a fresh look: for an assertion that none of
    /// its keys signed, since it may have changed them. A metadata document
    /// is fetched again if the last fetch was at least 30 seconds ago.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn find_again(&self, client_id: &str) -> Result<Client, ClientError> {
        if document::is_url(client_id) && self.configured.get(client_id).is_none() {
            let client = self.documents.find_again(client_id).await?;
            return Ok(Arc::unwrap_or_clone(client));
        }
        self.find_itself(client_id).await
    }

    /// Registers a client for anybody who asks from `address`: one query and
    /// one write. It lives for 24 hours, and may be evicted before when many
    /// register, until [`Self::mark_granted`].
    ///
    /// # Errors
    /// With what is wrong with the request, or that there were too many, or
    /// that storage failed.
    pub async fn register(
        &self,
        request: RegistrationRequest,
        address: Option<IpAddr>,
    ) -> Result<RegistrationResponse, RegistrationError> {
        self.limiter
            .admit(address)
            .await
            .map_err(|retry_after| RegistrationError::TooMany { retry_after })?;
        let metadata = request.accept(&self.redirects)?;
        Ok(self.registrations.add(metadata).await?)
    }

    /// Notes that a person granted this client something, or that it used
    /// what was granted: from then on a registered client is never evicted
    /// and lives 90 days from its last use. To be called when somebody who
    /// consented has signed in and whenever the client redeems a code or a
    /// refresh token; it writes once a day at most. Clients of other origins are kept
    /// elsewhere: nothing happens.
    ///
    /// # Errors
    /// [`TableError::NotFound`] when the client is gone, or that storage
    /// failed.
    pub async fn mark_granted(&self, client_id: &str) -> Result<(), TableError> {
        match registrations::parse_id(client_id) {
            Some(id) if self.configured.get(client_id).is_none() => {
                self.registrations.mark_granted(id).await
            }
            _ => Ok(()),
        }
    }
}
