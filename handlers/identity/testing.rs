//! Key rings of tests.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use entrada_ambient::{SystemClock, SystemRandom};
use secrecy::SecretString;

use super::{KeyRing, KeysMissing, RingSource};

/// A source of one ring, which is away as it is told.
#[derive(Debug)]
pub(crate) struct TestVault {
    ring: SecretString,
    away: Mutex<Option<KeysMissing>>,
}

impl TestVault {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            ring: json(),
            away: Mutex::default(),
        })
    }

    /// Answers with this reason from now on, or with the ring again.
    pub(crate) fn be_away(&self, reason: Option<KeysMissing>) {
        *self.away.lock().unwrap() = reason;
    }
}

#[async_trait]
impl RingSource for TestVault {
    async fn load(&self) -> Result<KeyRing, KeysMissing> {
        match *self.away.lock().unwrap() {
            Some(reason) => Err(reason),
            None => Ok(KeyRing::parse(&self.ring).unwrap()),
        }
    }
}

/// A ring of keys that no other ring has.
pub(crate) fn new_ring() -> KeyRing {
    KeyRing::parse(&json()).unwrap()
}

fn json() -> SecretString {
    KeyRing::generate(&SystemClock::new(), &SystemRandom).unwrap()
}
