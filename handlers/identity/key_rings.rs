//! Holds the key ring in use, so that it can be replaced while serving.

use std::sync::{Arc, PoisonError, RwLock};

use thiserror::Error;

use super::KeyRing;

/// No key ring has been loaded yet.
#[derive(Debug, Error)]
#[error("the key ring has not been loaded yet")]
pub struct NoKeyRing;

/// The key ring in use, if there is one.
#[derive(Debug, Default)]
pub struct KeyRings {
    current: RwLock<Option<Arc<KeyRing>>>,
}

impl KeyRings {
    /// Starts with `ring`.
    #[must_use]
    pub fn new(ring: Option<KeyRing>) -> Self {
        Self {
            current: RwLock::new(ring.map(Arc::new)),
        }
    }

    /// The ring in use.
    ///
    /// # Errors
    /// While none has been loaded; answers that need one are 503 then.
    pub fn current(&self) -> Result<Arc<KeyRing>, NoKeyRing> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(NoKeyRing)
    }

    /// Puts `ring` in the place of the one in use.
    pub fn replace(&self, ring: KeyRing) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(ring));
    }
}
