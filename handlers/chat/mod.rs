//! Chat with Foundry agents, as the signed-in person.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_entra::EntraClient;
use entrada_foundry::Foundry;
use entrada_tables::Tables;

use crate::grants::Grants;
use crate::identity::KeyRings;
use crate::policy::Policy;

/// What chat works with.
#[derive(Debug)]
pub struct Chat {
    /// Storage.
    pub tables: Arc<dyn Tables>,
    /// The agents' service; none when it is not configured.
    pub foundry: Option<Foundry>,
    /// For On-Behalf-Of tokens.
    pub entra: Arc<EntraClient>,
    /// For the assertion behind our own tokens.
    pub grants: Arc<Grants>,
    /// Who may use which agent.
    pub policy: Arc<Policy>,
    /// For what is stored encrypted.
    pub rings: Arc<KeyRings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}
