//! What limits cost storage.

use super::*;
use crate::limits::AddressLimit;

#[tokio::test]
async fn with_a_lease_in_hand_no_call_goes_to_storage() {
    let world = World::new(from_one(1_000)).await;
    let instance = world.instance();
    instance.charge_caller(&user(1)).await.unwrap();
    world.settle().await;
    world.tables.trips();
    for _ in 0..20 {
        instance.charge_caller(&user(1)).await.unwrap();
    }
    world.settle().await;
    assert_eq!(world.tables.trips(), 0);
}

#[tokio::test]
async fn the_first_call_of_a_known_caller_does_not_wait_for_storage() {
    let world = World::new(user_alone(100)).await;
    let instance = world.instance();
    let caller = user(1);
    let mut first = std::pin::pin!(instance.charge_caller(&caller));
    let answer = futures::poll!(first.as_mut());
    assert_eq!(answer, std::task::Poll::Ready(Ok(())));
    let stranger = instance.charge_address(AddressLimit::SignIn, Some(address("192.0.2.1")));
    assert_eq!(stranger.await, Ok(()));
}

#[tokio::test]
async fn a_hundred_calls_at_once_share_each_question_to_storage() {
    let world = World::new(user_alone(1_000)).await;
    let instance = world.instance();
    assert_eq!(at_once(&instance, user(1), 100).await, 100);
    // 40 and 80 calls: two questions. The first reads, writes and sweeps.
    assert!(world.tables.trips() <= 6);
}

#[tokio::test]
async fn a_flood_of_bad_tokens_from_one_address_costs_few_writes() {
    let world = World::new(from_one(100)).await;
    let instance = world.instance();
    let mut through = 0;
    // 2,000 a second for half a minute.
    for _ in 0..300 {
        for _ in 0..200 {
            let charged =
                instance.charge_address(AddressLimit::RefusedToken, Some(address("192.0.2.1")));
            through += u32::from(charged.await.is_ok());
        }
        world.advance(100);
    }
    // 40 at once and ten in half a minute.
    assert_within_a_tenth(through, 50.0);
    let trips = world.tables.trips();
    assert!(trips <= 100, "{trips} round trips for 60,000 requests");
}

#[tokio::test]
async fn ever_new_addresses_leave_no_rows_behind() {
    let world = World::new(from_one(100)).await;
    let instance = world.instance();
    for minute in 0..4_u8 {
        for host in 0..=255_u8 {
            let limit = AddressLimit::RefusedToken;
            let charged =
                instance.charge_address(limit, Some(address(&format!("10.0.{minute}.{host}"))));
            charged.await.unwrap();
        }
        world.settle().await;
        world.advance(200_000);
    }
    let now = world.clock.unix();
    let ended = world
        .tables
        .expired(super::super::TABLE, now, 1_000, None)
        .await
        .unwrap();
    assert!(ended.rows.len() < 512, "{} of 1,024", ended.rows.len());
}
