//! Several processes on one storage.

use entrada_ambient::{Clock as _, SystemClock};
use futures::future::join_all;

use super::get;
use crate::rig::{Handler, Rig, on_azurite};

#[tokio::test]
async fn four_servers_together_let_through_what_one_would() {
    if !on_azurite() {
        // One file has one owner.
        return;
    }
    let rig = Rig::with(&[("ENTRADA_LIMIT_USER", "100")]).await;
    let (second, third, fourth) = (
        rig.second_handler().await,
        rig.second_handler().await,
        rig.second_handler().await,
    );
    let servers = [&rig.handler, &second, &third, &fourth];
    let token = rig.token("reader");
    let clock = SystemClock::new();
    let started = clock.monotonic();
    let burst = async |server: &Handler, calls: usize| {
        let answers = join_all((0..calls).map(|_| get(&rig, server, "/mcp/tools", &token)));
        let statuses = answers
            .await
            .into_iter()
            .map(|answer| answer.status().as_u16());
        statuses.filter(|status| *status == 200).count()
    };
    let mut through = 0;
    // A burst that uses up the capacity, then a quarter of a minute of asking
    // for more than flows in.
    through += join_all(servers.map(|server| burst(server, 120)))
        .await
        .iter()
        .sum::<usize>();
    while clock.monotonic().saturating_sub(started).as_secs() < 15 {
        through += join_all(servers.map(|server| burst(server, 4)))
            .await
            .iter()
            .sum::<usize>();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let seconds = clock.monotonic().saturating_sub(started).as_secs_f64();
    let expected = 200.0 + seconds * 100.0 / 60.0;
    let share = f64::from(u32::try_from(through).unwrap()) / expected;
    println!("limits: four servers let {through} through, capacity and refill are {expected:.0}");
    assert!(
        (0.9..=1.1).contains(&share),
        "{through} where {expected:.0} were expected"
    );
}
