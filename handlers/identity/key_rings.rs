//! Holds the key ring in use, and replaces it while serving.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use entrada_ambient::Clock;
use thiserror::Error;
use tokio::sync::Mutex;

use super::KeyRing;
use crate::first_load::FirstLoad;

/// How often, at most, a key id that is not in the ring makes us look again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Why there is no key ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysMissing {
    /// Nobody has answered yet.
    NotLoaded,
    /// The vault does not answer.
    VaultUnreachable,
    /// No token for the vault can be had.
    NoToken,
    /// The vault does not take our token: it is of another tenant.
    TokenRefused,
    /// The vault refuses us.
    VaultForbidden,
    /// The vault refuses the network that we come from.
    VaultBlocked,
    /// The vault holds no ring.
    NotInVault,
    /// The vault holds a ring, as a secret that is disabled.
    Disabled,
    /// What the vault holds is no ring that this version reads.
    Unusable,
}

impl KeysMissing {
    /// The reason as a code, `UPPER_SNAKE`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotLoaded => "KEY_RING_NOT_LOADED",
            Self::VaultUnreachable => "KEY_VAULT_UNREACHABLE",
            Self::NoToken => "MANAGED_IDENTITY_UNAVAILABLE",
            Self::TokenRefused => "KEY_VAULT_TOKEN_REFUSED",
            Self::VaultForbidden => "KEY_VAULT_FORBIDDEN",
            Self::VaultBlocked => "KEY_VAULT_BLOCKED",
            Self::NotInVault => "KEY_RING_MISSING",
            Self::Disabled => "KEY_RING_DISABLED",
            Self::Unusable => "KEY_RING_UNUSABLE",
        }
    }

    /// The reason in words, for anybody.
    #[must_use]
    pub fn detail(self) -> &'static str {
        match self {
            Self::NotLoaded => "the key ring has not been loaded yet",
            Self::VaultUnreachable => "the key vault, which holds the key ring, does not answer",
            Self::NoToken => {
                "the key vault holds the key ring, and the managed identity gets no token for it"
            }
            Self::TokenRefused => {
                "the key vault does not take the token of this server's identity: mostly the vault \
                 is of another tenant"
            }
            Self::VaultForbidden => {
                "the key vault refuses this server: its role assignment is missing or does not \
                 count yet"
            }
            Self::VaultBlocked => {
                "the key vault refuses the network that this server comes from: its firewall does \
                 not let it in, or private endpoints alone are let in"
            }
            Self::NotInVault => "the key vault holds no key ring yet: `entrada keys init` makes it",
            Self::Disabled => "the key ring in the key vault is a disabled secret",
            Self::Unusable => "the key ring in the key vault cannot be read by this version",
        }
    }
}

/// There is no key ring, so that nothing can be signed, encrypted or decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", .0.detail())]
pub struct NoKeyRing(pub KeysMissing);

/// Where a key ring comes from when it is not among the settings.
#[async_trait]
pub trait RingSource: fmt::Debug + Send + Sync {
    /// The ring as it stands there now.
    ///
    /// # Errors
    /// With the reason, which the source has logged with all that is known.
    async fn load(&self) -> Result<KeyRing, KeysMissing>;
}

/// The key ring in use, if there is one.
#[derive(Debug)]
pub struct KeyRings {
    current: RwLock<Result<Arc<KeyRing>, KeysMissing>>,
    /// Why the last look at the source failed. The ring in use stays.
    trouble: RwLock<Option<KeysMissing>>,
    source: Option<Arc<dyn RingSource>>,
    /// The first look at the source.
    first: FirstLoad,
    /// When the source was asked last because of an unknown key id.
    looked: Mutex<Option<Duration>>,
}

impl Default for KeyRings {
    fn default() -> Self {
        Self::new(None)
    }
}

impl KeyRings {
    /// Starts with `ring`, and keeps it.
    #[must_use]
    pub fn new(ring: Option<KeyRing>) -> Self {
        Self {
            current: RwLock::new(ring.map(Arc::new).ok_or(KeysMissing::NotLoaded)),
            trouble: RwLock::default(),
            source: None,
            first: FirstLoad::none(),
            looked: Mutex::default(),
        }
    }

    /// Starts with none: the ring has yet to be loaded from `source`.
    #[must_use]
    pub fn from_source(source: Arc<dyn RingSource>) -> Self {
        Self {
            source: Some(source),
            first: FirstLoad::default(),
            ..Self::new(None)
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
            .map_err(NoKeyRing)
    }

    /// The same, for those who can wait a moment for a server that has just
    /// started. With a ring in use this is [`KeyRings::current`].
    ///
    /// # Errors
    /// As for [`KeyRings::current`].
    pub async fn current_soon(&self) -> Result<Arc<KeyRing>, NoKeyRing> {
        match self.current() {
            Err(NoKeyRing(KeysMissing::NotLoaded)) => {
                self.first.settled().await;
                self.current()
            }
            known => known,
        }
    }

    /// Why the ring in use, if any, may not be the newest: the last look at
    /// its source failed.
    #[must_use]
    pub fn trouble(&self) -> Option<KeysMissing> {
        *self.trouble.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `ring` in the place of the one in use.
    pub fn replace(&self, ring: KeyRing) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Ok(Arc::new(ring));
    }

    /// Loads the ring from its source, if it has one. A ring that is in use
    /// stays in use when that fails.
    ///
    /// # Errors
    /// With the reason.
    pub async fn refresh(&self) -> Result<(), KeysMissing> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        let loaded = source.load().await;
        let taken = self.take(loaded);
        self.first.settle();
        taken
    }

    fn take(&self, loaded: Result<KeyRing, KeysMissing>) -> Result<(), KeysMissing> {
        let trouble = loaded.as_ref().err().copied();
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(ring) => *current = Ok(Arc::new(ring)),
            Err(missing) => {
                if current.is_err() {
                    *current = Err(missing);
                }
                return Err(missing);
            }
        }
        Ok(())
    }

    /// Looks again because of a key id that is not in the ring: another
    /// instance may know a newer one. At most every 30 s; callers at the same
    /// moment share one look.
    pub async fn look_again(&self, clock: &dyn Clock) {
        if self.source.is_none() {
            return;
        }
        let mut looked = self.looked.lock().await;
        let now = clock.monotonic();
        if looked.is_some_and(|last| now.saturating_sub(last) < LOOK_AGAIN) {
            return;
        }
        *looked = Some(now);
        // The source has logged why, and the ring in use stays.
        let _ = self.refresh().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use entrada_ambient::{ManualClock, SystemClock, SystemRandom};
    use futures::FutureExt as _;
    use time::OffsetDateTime;

    use super::*;

    /// Fails as it is told, else gives a new ring each time.
    #[derive(Debug, Default)]
    struct Source {
        asked: AtomicUsize,
        fails: RwLock<Option<KeysMissing>>,
    }

    #[async_trait]
    impl RingSource for Source {
        async fn load(&self) -> Result<KeyRing, KeysMissing> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if let Some(missing) = *self.fails.read().unwrap() {
                return Err(missing);
            }
            let ring = KeyRing::generate(&SystemClock::new(), &SystemRandom).unwrap();
            Ok(KeyRing::parse(&ring).unwrap())
        }
    }

    fn kid(rings: &KeyRings) -> String {
        rings.current().unwrap().summary()[0].kid.clone()
    }

    #[tokio::test]
    async fn the_reason_is_named_until_a_ring_is_there() {
        let source = Arc::new(Source::default());
        let rings = KeyRings::from_source(source.clone());
        assert_eq!(rings.current().unwrap_err().0, KeysMissing::NotLoaded);
        *source.fails.write().unwrap() = Some(KeysMissing::VaultForbidden);
        assert_eq!(rings.refresh().await, Err(KeysMissing::VaultForbidden));
        assert_eq!(rings.current().unwrap_err().0, KeysMissing::VaultForbidden);
        *source.fails.write().unwrap() = None;
        rings.refresh().await.unwrap();
        assert!(rings.current().is_ok() && rings.trouble().is_none());
    }

    #[tokio::test]
    async fn the_first_look_is_waited_for_and_lets_everybody_go_when_it_fails() {
        let source = Arc::new(Source::default());
        let rings = KeyRings::from_source(source.clone());
        let mut waiting = Box::pin(rings.current_soon());
        assert!(waiting.as_mut().now_or_never().is_none());
        rings.refresh().await.unwrap();
        assert!(waiting.now_or_never().unwrap().is_ok());

        let rings = KeyRings::from_source(source.clone());
        let mut waiting = Box::pin(rings.current_soon());
        assert!(waiting.as_mut().now_or_never().is_none());
        *source.fails.write().unwrap() = Some(KeysMissing::VaultForbidden);
        rings.refresh().await.unwrap_err();
        for waited in [waiting.now_or_never(), rings.current_soon().now_or_never()] {
            assert_eq!(waited.unwrap().unwrap_err().0, KeysMissing::VaultForbidden);
        }
        // Who has no source has nothing to wait for.
        let none = KeyRings::new(None);
        let missing = none.current_soon().now_or_never().unwrap();
        assert_eq!(missing.unwrap_err().0, KeysMissing::NotLoaded);
    }

    #[tokio::test]
    async fn a_ring_in_use_stays_while_its_source_is_away() {
        let source = Arc::new(Source::default());
        let rings = KeyRings::from_source(source.clone());
        rings.refresh().await.unwrap();
        let before = kid(&rings);
        for missing in [KeysMissing::VaultUnreachable, KeysMissing::NotInVault] {
            *source.fails.write().unwrap() = Some(missing);
            assert_eq!(rings.refresh().await, Err(missing));
            assert_eq!(kid(&rings), before);
            assert_eq!(rings.trouble(), Some(missing));
        }
    }

    #[tokio::test]
    async fn unknown_key_ids_make_us_look_every_30_seconds_at_most() {
        let source = Arc::new(Source::default());
        let rings = KeyRings::from_source(source.clone());
        let clock = ManualClock::at(OffsetDateTime::UNIX_EPOCH);
        let looks = [
            rings.look_again(&clock),
            rings.look_again(&clock),
            rings.look_again(&clock),
        ];
        futures::future::join_all(looks).await;
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
        clock.advance(Duration::from_secs(29));
        rings.look_again(&clock).await;
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
        clock.advance(Duration::from_secs(1));
        rings.look_again(&clock).await;
        assert_eq!(source.asked.load(Ordering::Relaxed), 2);
    }
}
