//! How often an address may register clients.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use entrada_ambient::Clock;
use moka::sync::Cache;

/// Says whether one more registration may be made.
#[async_trait]
pub trait RegistrationLimiter: fmt::Debug + Send + Sync {
    /// Takes one registration from the allowance of `address`; `None` when
    /// nobody knows it.
    ///
    /// # Errors
    /// With how long to wait when there is nothing left.
    async fn admit(&self, address: Option<IpAddr>) -> Result<(), Duration>;
}

/// Registrations that one address may make at once. People share addresses,
/// and a hosted client registers for all of its people from a few.
const CAPACITY: f64 = 60.0;
/// Registrations that one address gets back in a second.
const REFILL: f64 = 0.5;
/// What callers without an address share, as a multiple of one's allowance.
const NAMELESS: f64 = 10.0;
/// Addresses remembered at most.
const MOST: u64 = 10_000;

/// Whose allowance it is: an IPv4 address, the /64 that one subscriber of
/// IPv6 has at least, or everybody without an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Caller {
    V4(u32),
    V6(u64),
    Nameless,
}

impl Caller {
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => {
                Self::V6(u64::try_from(address.to_bits() >> 64).unwrap_or_default())
            }
            None => Self::Nameless,
        }
    }

    fn scale(self) -> f64 {
        match self {
            Self::Nameless => NAMELESS,
            Self::V4(_) | Self::V6(_) => 1.0,
        }
    }
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Duration,
}

/// A token bucket for each address, in the memory of this instance.
#[derive(Debug)]
pub struct LocalRegistrationLimiter {
    clock: Arc<dyn Clock>,
    buckets: Cache<Caller, Arc<Mutex<Bucket>>>,
}

impl LocalRegistrationLimiter {
    /// Full buckets for everybody.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            buckets: Cache::new(MOST),
        }
    }
}

#[async_trait]
impl RegistrationLimiter for LocalRegistrationLimiter {
    async fn admit(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let caller = Caller::of(address);
        let now = self.clock.monotonic();
        let (capacity, refill) = (CAPACITY * caller.scale(), REFILL * caller.scale());
        let bucket = self.buckets.get_with(caller, || {
            Arc::new(Mutex::new(Bucket {
                tokens: capacity,
                filled_at: now,
            }))
        });
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_sub(bucket.filled_at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * refill).min(capacity);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            let wait = (1.0 - bucket.tokens) / refill;
            return Err(Duration::from_secs_f64(wait.ceil().max(1.0)));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::ManualClock;
    use time::OffsetDateTime;

    use super::*;

    fn limiter() -> (LocalRegistrationLimiter, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(OffsetDateTime::UNIX_EPOCH));
        (LocalRegistrationLimiter::new(clock.clone()), clock)
    }

    async fn admitted(limiter: &LocalRegistrationLimiter, address: Option<IpAddr>) -> usize {
        let mut count = 0;
        while count < 1000 && limiter.admit(address).await.is_ok() {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn an_address_is_admitted_so_often_and_told_when_to_come_back() {
        let (limiter, clock) = limiter();
        let address = Some("8.8.8.8".parse().unwrap());
        assert_eq!(admitted(&limiter, address).await, 60);
        assert_eq!(limiter.admit(address).await, Err(Duration::from_secs(2)));
        clock.advance(Duration::from_secs(2));
        assert_eq!(admitted(&limiter, address).await, 1);
        clock.advance(Duration::from_hours(1));
        assert_eq!(admitted(&limiter, address).await, 60);
    }

    #[tokio::test]
    async fn others_are_not_held_up() {
        let (limiter, _) = limiter();
        assert_eq!(
            admitted(&limiter, Some("8.8.8.8".parse().unwrap())).await,
            60
        );
        assert_eq!(
            admitted(&limiter, Some("8.8.4.4".parse().unwrap())).await,
            60
        );
        assert_eq!(admitted(&limiter, None).await, 600);
    }

    #[tokio::test]
    async fn a_subscriber_of_ipv6_has_one_allowance_for_all_its_addresses() {
        let (limiter, _) = limiter();
        assert_eq!(
            admitted(&limiter, Some("2a00::1".parse().unwrap())).await,
            60
        );
        assert_eq!(
            admitted(&limiter, Some("2a00::2".parse().unwrap())).await,
            0
        );
        assert_eq!(
            admitted(&limiter, Some("::ffff:8.8.8.8".parse().unwrap())).await,
            60
        );
        assert_eq!(
            admitted(&limiter, Some("8.8.8.8".parse().unwrap())).await,
            0
        );
    }
}
