//! Several instances together let through what one would.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::task::JoinSet;

use super::*;
use crate::limits::AddressLimit;

/// Calls at every instance, every 100 ms for a minute: as many as
/// `calls(instance)` says.
async fn minute(
    world: &World,
    instances: &[Arc<Limits>],
    caller: CallerKey,
    calls: impl Fn(usize) -> u32,
) -> u32 {
    let mut through = 0;
    for _ in 0..600 {
        for (index, instance) in instances.iter().enumerate() {
            for _ in 0..calls(index) {
                through += u32::from(instance.charge_caller(&caller).await.is_ok());
            }
        }
        world.advance(100);
    }
    through
}

#[tokio::test]
async fn four_instances_let_through_capacity_and_refill() {
    let world = World::new(user_alone(100)).await;
    let instances = world.instances(4);
    let through = minute(&world, &instances, user(1), |_| 3).await;
    assert_within_a_tenth(through, 300.0);
    let through = minute(&world, &instances, user(1), |_| 3).await;
    assert_within_a_tenth(through, 100.0);
}

#[tokio::test]
async fn four_instances_share_the_large_global_limit() {
    let figures = Figures {
        global: NonZeroU32::new(10_000),
        ..Figures::NONE
    };
    let world = World::new(figures).await;
    let instances = world.instances(4);
    let through = minute(&world, &instances, user(1), |_| 20).await;
    assert_within_a_tenth(through, 30_000.0);
}

#[tokio::test]
async fn one_busy_instance_among_idle_ones_gets_nearly_everything() {
    let world = World::new(user_alone(100)).await;
    let instances = world.instances(4);
    let through = minute(
        &world,
        &instances,
        user(1),
        |index| if index == 0 { 9 } else { 1 },
    )
    .await;
    assert_within_a_tenth(through, 300.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_at_all_instances_at_once_gets_the_capacity() {
    let world = World::new(user_alone(100)).await;
    let mut bursts = JoinSet::new();
    for instance in world.instances(4) {
        bursts.spawn(async move { at_once(&instance, user(1), 250).await });
    }
    let through = bursts.join_all().await.into_iter().sum();
    assert_within_a_tenth(through, 200.0);
}

#[tokio::test]
async fn who_stays_below_the_limit_is_never_refused_wherever_the_calls_go() {
    let world = World::new(user_alone(100)).await;
    let instances = world.instances(4);
    // 80 a minute for ten minutes, in turn at each instance.
    for call in 0..800 {
        let instance = &instances[call % 4];
        assert_eq!(
            instance.charge_caller(&user(1)).await,
            Ok(()),
            "call {call}"
        );
        world.settle().await;
        world.advance(750);
    }
}

#[tokio::test]
async fn a_new_instance_finds_the_bucket_as_the_others_left_it() {
    let world = World::new(user_alone(100)).await;
    let first = world.instance();
    assert_within_a_tenth(at_once(&first, user(1), 300).await, 200.0);
    let second = world.instance();
    assert!(at_once(&second, user(1), 100).await <= 4);
    assert_within_a_tenth(at_once(&second, user(2), 300).await, 200.0);
}

#[tokio::test]
async fn the_refusal_says_when_there_is_a_call_again() {
    let world = World::new(user_alone(6)).await;
    let instance = world.instance();
    // Twelve at once, and at most two on credit.
    let through = at_once(&instance, user(1), 20).await;
    assert!((12..=14).contains(&through), "{through}");
    let refusal = instance.charge_caller(&user(1)).await.unwrap_err();
    assert_eq!(refusal.seconds(), 10);
    world.advance(9_000);
    assert_eq!(
        instance
            .charge_caller(&user(1))
            .await
            .unwrap_err()
            .seconds(),
        1
    );
    world.advance(1_000);
    // One call has flowed in; one instance owes two at most.
    let more = at_once(&instance, user(1), 20).await;
    assert!(
        (13..=15).contains(&(through + more)),
        "{through} and {more}"
    );
}

#[tokio::test]
async fn the_tenant_and_everybody_are_limited_too_and_administrators_have_more() {
    let world = World::new(from_one(10)).await;
    let instance = world.instance();
    // User 10 a minute: 20 at once. Tenant 100: 200 at once.
    let mut through = 0;
    for number in 0..20 {
        let own = at_once(&instance, user(number), 40).await;
        assert!(own <= 22, "{own}");
        through += own;
    }
    assert_within_a_tenth(through, 200.0);
    let elsewhere = CallerKey {
        tenant_id: Uuid::from_u128(2),
        ..user(1)
    };
    assert_within_a_tenth(at_once(&instance, elsewhere, 40).await, 20.0);
    let admin = CallerKey {
        tenant_id: Uuid::from_u128(3),
        admin: true,
        ..user(1)
    };
    assert_within_a_tenth(at_once(&instance, admin, 400).await, 200.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_people_behind_one_address_sign_in_at_once() {
    let world = World::new(from_one(100)).await;
    let instances = world.instances(4);
    let mut people = JoinSet::new();
    for person in 0..100 {
        let instances = instances.clone();
        people.spawn(async move {
            // Whichever instance answers; eight requests each.
            for request in 0..8 {
                let instance = &instances[(person + request) % 4];
                instance
                    .charge_address(AddressLimit::SignIn, Some(address("192.0.2.1")))
                    .await
                    .unwrap();
            }
        });
    }
    people.join_all().await;
}

/// Random times, random instances: never more than capacity, refill and the
/// credit of each instance; and of calls that are asked for often enough,
/// nearly as much.
#[test]
fn at_random_times_the_total_is_bounded_by_capacity_and_refill() {
    let steps = prop::collection::vec((0_u64..4_000, 0_usize..4, 1_u32..30), 20..80);
    let mut runner = TestRunner::new(Config::with_cases(24));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let run = |(per_minute, steps): (u32, Vec<(u64, usize, u32)>)| {
        let (through, seconds) = runtime.block_on(async {
            let world = World::new(user_alone(per_minute)).await;
            let instances = world.instances(4);
            let mut through = 0;
            for (pause, instance, calls) in steps {
                world.advance(pause);
                through += at_once(&instances[instance], user(1), calls).await;
            }
            (through, world.seconds())
        });
        let most = 2.0 * f64::from(per_minute) + f64::from(per_minute) * seconds / 60.0 + 8.0;
        prop_assert!(f64::from(through) <= most, "{through} of {most}");
        Ok(())
    };
    runner.run(&(5_u32..200, steps), run).unwrap();
}
