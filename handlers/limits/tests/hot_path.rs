//! What a call costs that finds a lease in hand.

use std::sync::atomic::{AtomicU64, Ordering};

use entrada_ambient::SystemClock;

use super::*;
use crate::limits::AddressLimit;

/// Prints nanoseconds a check (`--nocapture`); debug builds are many times
/// slower than release builds. Fails only for what cannot be measured wrong:
/// a check that leaves the thread. The limits' clock stands still, or the lease
/// would end meanwhile on a busy machine.
#[tokio::test]
async fn a_check_with_a_lease_in_hand_takes_no_await() {
    const CHECKS: u32 = 200_000;
    let world = World::new(from_one(100_000_000)).await;
    let clock = SystemClock::new();
    let limits = world.instance();
    let caller = user(1);
    limits.charge_caller(&caller).await.unwrap();
    world.settle().await;
    let awaited = AtomicU64::new(0);
    let started = clock.monotonic();
    for _ in 0..CHECKS {
        let mut check = std::pin::pin!(limits.charge_caller(&caller));
        if futures::poll!(check.as_mut()).is_pending() {
            awaited.fetch_add(1, Ordering::Relaxed);
            check.await.unwrap();
        }
    }
    let time = clock.monotonic().saturating_sub(started);
    let started = clock.monotonic();
    for _ in 0..CHECKS {
        let one = limits.charge_address(AddressLimit::SignIn, Some(address("192.0.2.1")));
        one.await.unwrap();
    }
    let time_of_one = clock.monotonic().saturating_sub(started);
    println!(
        "limits: {} ns a check of an address",
        time_of_one.as_nanos() / u128::from(CHECKS)
    );
    println!(
        "limits: {} ns a check of user, tenant and global with leases in hand",
        time.as_nanos() / u128::from(CHECKS)
    );
    assert_eq!(awaited.into_inner(), 0);
    assert_eq!(limits.status(), crate::limits::LimitsStatus::Operational);
}
