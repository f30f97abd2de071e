//! The registry: one door to clients of every origin.

use std::net::IpAddr;
use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{TableError, Tables};

use super::redirect::RedirectRules;
use super::{Client, ClientError, RegistrationError, RegistrationRequest, RegistrationResponse};

/// The table of registered clients.
pub const TABLE: &str = "entradaclients";

/// Clients of every origin.
#[derive(Debug)]
pub struct Clients {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    rules: RedirectRules,
}

impl Clients {
    /// The client of this id.
    ///
    /// # Errors
    /// [`ClientError::Unknown`] when there is none, [`ClientError::Refused`]
    /// when its metadata document cannot be accepted,
    /// [`ClientError::Unavailable`] when storage or the document's server
    /// fails.
    pub async fn find(&self, client_id: &str) -> Result<Client, ClientError> {
        let _ = client_id;
        Err(ClientError::Unknown)
    }

    /// The client of this id by a fresh look: for an assertion that none of
    /// its keys signed, since it may have changed them. A metadata document
    /// is fetched again if the last fetch was at least 30 seconds ago.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn find_again(&self, client_id: &str) -> Result<Client, ClientError> {
        self.find(client_id).await
    }

    /// Registers a client for anybody who asks from `address`.
    ///
    /// # Errors
    /// With what is wrong with the request, or that there were too many, or
    /// that storage failed.
    pub async fn register(
        &self,
        request: RegistrationRequest,
        address: Option<IpAddr>,
    ) -> Result<RegistrationResponse, RegistrationError> {
        let _ = (request, address);
        Err(RegistrationError::SoftwareStatement)
    }

    /// Notes that a person granted this client something, or that it used
    /// what was granted: from then on a registered client is never evicted
    /// and lives 90 days from its last use. To be called when consent is
    /// given and whenever the client redeems a code or a refresh token; it
    /// writes once a day at most. Clients of other origins are kept
    /// elsewhere: nothing happens.
    ///
    /// # Errors
    /// [`TableError::NotFound`] when the client is gone, or that storage
    /// failed.
    pub async fn mark_granted(&self, client_id: &str) -> Result<(), TableError> {
        let _ = client_id;
        Ok(())
    }
}
