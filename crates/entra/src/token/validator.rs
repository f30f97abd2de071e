use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;

use super::{AccessToken, AccessTokenError};
use crate::{Discovery, EntraSettings};

/// Decides whether a bearer token is an Entra access token for our app.
#[derive(Debug)]
pub struct AccessTokenValidator {
    settings: Arc<EntraSettings>,
    discovery: Arc<Discovery>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

/// How fresh Entra's signing keys are, for health.
#[derive(Debug, Clone)]
pub struct KeysStatus {
    /// Signing keys in hand.
    pub keys: usize,
    /// Time since they were last fetched; `None`: never.
    pub age: Option<Duration>,
    /// What the last fetch failed with; `None` after a good one.
    pub last_error: Option<crate::FetchError>,
}

impl AccessTokenValidator {
    /// Keys are fetched when the first token comes.
    #[must_use]
    pub fn new(
        settings: Arc<EntraSettings>,
        discovery: Arc<Discovery>,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            settings,
            discovery,
            http,
            clock,
        }
    }

    /// The verdict on a token that was accepted before and still holds.
    #[must_use]
    pub fn cached(&self, _token: &str) -> Option<Arc<AccessToken>> {
        None
    }

    /// Decides on `token`.
    ///
    /// # Errors
    /// The first check that failed.
    pub async fn validate(&self, _token: &str) -> Result<Arc<AccessToken>, AccessTokenError> {
        Err(AccessTokenError::Malformed)
    }

    /// How fresh Entra's signing keys are.
    #[must_use]
    pub fn keys_status(&self) -> KeysStatus {
        KeysStatus {
            keys: 0,
            age: None,
            last_error: None,
        }
    }
}
