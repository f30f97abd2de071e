//! How long refusals take: not a way to find out what is hidden.

use std::time::Duration;

use entrada_ambient::{Clock as _, Random as _, SystemClock, SystemRandom};

use super::unknown::{Way, asked};
use crate::rig::Rig;

/// Calls of each kind.
const CALLS: usize = 600;

/// A tool that is hidden from readers, one that is misspelt and one that is
/// made up, of one length.
const NAMES: [&str; 3] = ["save_record", "safe_record", "qwertyuiopa"];

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The share of pairs in which a time of `a` is the longer one: a half when
/// nothing tells the two apart (Mann and Whitney's U, as a share).
fn longer(a: &[Duration], b: &[Duration]) -> f64 {
    let pairs = a.len() * b.len();
    let wins = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
    let wins: f64 = wins
        .map(|(a, b)| match a.cmp(b) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand pairs")]
    let share = wins / pairs as f64;
    share
}

#[tokio::test]
#[ignore = "a measurement, which other work disturbs: `cargo xtask verify` runs it"]
async fn time_does_not_tell_a_hidden_tool_from_one_that_does_not_exist() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let clock = SystemClock::new();
    let mut times: [Vec<Duration>; 3] = Default::default();
    let warm = 20;
    for round in 0..CALLS + warm {
        // The order changes by chance, so that no kind always follows another.
        let mut byte = [0];
        SystemRandom.fill(&mut byte);
        for step in 0..NAMES.len() {
            let kind = (usize::from(byte[0]) + step) % NAMES.len();
            let request = asked(&rig, &reader, NAMES[kind], Way::Initialized);
            let began = clock.monotonic();
            let status = request.send().await.unwrap().status();
            let took = clock.monotonic().saturating_sub(began);
            assert_eq!(status, 200);
            if round >= warm {
                times[kind].push(took);
            }
        }
    }
    let medians: Vec<_> = times.iter_mut().map(|times| median(times)).collect();
    println!("medians of hidden, misspelt and unknown: {medians:?}");
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let share = longer(&times[a], &times[b]);
        println!("{} longer than {}: {share:.3}", NAMES[a], NAMES[b]);
        // By chance alone a share of 600 calls strays from 0.5 by 0.017 (one
        // standard deviation); this is four of them.
        assert!((share - 0.5).abs() < 0.067, "{share}: {medians:?}");
    }
}
