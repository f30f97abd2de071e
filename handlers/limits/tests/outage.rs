//! Storage is away.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use super::*;
use crate::limits::{AddressLimit, AddressesStatus, LimitsStatus, TABLE};

thread_local! {
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What this thread logs, which is all that a test does. The subscriber is
/// the process's: one of a thread alone may never see what another thread
/// logged first, since tracing remembers that nobody listened there.
struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| tracing_subscriber::fmt().with_writer(|| Self).init());
        WRITTEN.take();
    }

    fn lines(text: &str) -> usize {
        WRITTEN.with_borrow(|written| {
            let written = String::from_utf8_lossy(written);
            written.lines().filter(|line| line.contains(text)).count()
        })
    }
}

const AWAY: &str = "storage is away";
const BACK: &str = "storage answers again";

#[tokio::test]
async fn the_instance_limits_by_itself_says_so_once_and_comes_back() {
    Log::listen();
    let world = World::new(user_alone(100)).await;
    let instance = world.instance();
    assert_eq!(instance.charge_caller(&user(1)).await, Ok(()));
    assert_eq!(instance.status(), LimitsStatus::Operational);

    world.tables.lose(TABLE);
    let through = at_once(&instance, user(2), 300).await;
    assert_within_a_tenth(through, 200.0);
    assert_eq!(instance.status(), LimitsStatus::Local);
    world.tables.trips();
    for _ in 0..50 {
        // Others are limited by themselves, without asking storage each.
        assert_within_a_tenth(at_once(&instance, user(3), 10).await, 10.0);
        world.advance(6_000);
    }
    world.settle().await;
    assert!(world.tables.trips() <= 50, "one question at a time");
    assert_eq!((Log::lines(AWAY), Log::lines(BACK)), (1, 0));

    world.tables.recover();
    world.advance(10_000);
    assert_eq!(instance.charge_caller(&user(4)).await, Ok(()));
    world.settle().await;
    assert_eq!(instance.status(), LimitsStatus::Operational);
    assert_eq!((Log::lines(AWAY), Log::lines(BACK)), (1, 1));
    assert_within_a_tenth(at_once(&instance, user(4), 300).await, 200.0);
}

#[tokio::test]
async fn a_lease_in_hand_is_used_while_storage_is_away() {
    let world = World::new(user_alone(1_000)).await;
    let instance = world.instance();
    instance.charge_caller(&user(1)).await.unwrap();
    world.settle().await;
    world.tables.lose(TABLE);
    assert_eq!(at_once(&instance, user(1), 20).await, 20);
    assert_eq!(instance.status(), LimitsStatus::Operational);
}

#[tokio::test]
async fn an_outage_that_comes_and_goes_gives_no_second_capacity() {
    let world = World::new(user_alone(60)).await;
    let instance = world.instance();
    let mut through = 0;
    for _ in 0..10 {
        world.tables.lose(TABLE);
        world.advance(6_000);
        through += at_once(&instance, user(1), 200).await;
        world.tables.recover();
        world.advance(6_000);
        through += at_once(&instance, user(1), 200).await;
        world.settle().await;
    }
    // Two buckets, the shared and the local one: two capacities, and two
    // minutes of refill from each.
    assert!(through <= 2 * (120 + 120) + 4, "{through}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_no_open_door() {
    let world = World::new(user_alone(60)).await;
    let instance = world.instance();
    at_once(&instance, user(1), 10).await;
    world.spoil_rows().await;
    let other = world.instance();
    assert!(at_once(&other, user(1), 20).await <= 2);
    world.advance(30_000);
    assert!((28..=32).contains(&at_once(&other, user(1), 100).await));
}

#[tokio::test]
async fn where_the_table_is_missing_it_is_made() {
    let world = World::new(user_alone(60)).await;
    let clock = world.clock.clone();
    let tables = Arc::new(EmbeddedTables::in_memory(clock.clone()).unwrap());
    let instance = Arc::new(Limits::new(user_alone(60), tables.clone(), clock));
    assert_within_a_tenth(at_once(&instance, user(1), 200).await, 120.0);
    assert_eq!(instance.status(), LimitsStatus::Operational);
}

#[tokio::test]
async fn without_an_address_one_bucket_of_global_size_counts_apart() {
    Log::listen();
    let figures = Figures {
        global: NonZeroU32::new(10),
        ..from_one(10)
    };
    let world = World::new(figures).await;
    let instance = world.instance();
    assert_eq!(instance.addresses(), AddressesStatus::Unseen);
    let mut through = 0;
    for limit in [AddressLimit::SignIn, AddressLimit::RefusedToken] {
        for _ in 0..20 {
            through += u32::from(instance.charge_address(limit, None).await.is_ok());
        }
    }
    assert_eq!(through, 20);
    assert_eq!(instance.addresses(), AddressesStatus::Missing);
    assert_eq!(Log::lines("without its caller's address"), 1);
    assert_eq!(instance.charge_caller(&user(1)).await, Ok(()));
    world.advance(601_000);
    assert_eq!(instance.addresses(), AddressesStatus::Unseen);
    let known = Some(IpAddr::from([192, 0, 2, 1]));
    let charged = instance.charge_address(AddressLimit::SignIn, known).await;
    assert_eq!(charged, Ok(()));
    assert_eq!(instance.addresses(), AddressesStatus::Known);
}

#[tokio::test]
async fn without_an_address_and_a_global_limit_the_limit_itself_holds() {
    let figures = Figures {
        sign_in: NonZeroU32::new(1),
        refused_token: NonZeroU32::new(1),
        ..Figures::NONE
    };
    let instance = World::new(figures).await.instance();
    for limit in [AddressLimit::SignIn, AddressLimit::RefusedToken] {
        for _ in 0..2 {
            assert_eq!(instance.charge_address(limit, None).await, Ok(()));
        }
        assert!(instance.charge_address(limit, None).await.is_err());
    }
    let registration = AddressLimit::Registration;
    for _ in 0..10 {
        assert_eq!(instance.charge_address(registration, None).await, Ok(()));
    }
}

#[tokio::test]
async fn nothing_is_limited_when_limits_are_off() {
    let world = World::new(Figures::NONE).await;
    let instance = world.instance();
    assert_eq!(instance.status(), LimitsStatus::Off);
    for _ in 0..1_000 {
        instance.charge_caller(&user(1)).await.unwrap();
        instance
            .charge_address(AddressLimit::SignIn, None)
            .await
            .unwrap();
    }
    assert_eq!(world.tables.trips(), 0);
}
