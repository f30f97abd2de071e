//! One run of the program to its end.

use std::process::Stdio;
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::rig::{Rig, until};

/// How long a server repeats what it said of its health.
const KEPT: Duration = Duration::from_secs(10);

/// What a run left behind.
pub(super) struct Run {
    pub(super) code: i32,
    pub(super) output: String,
    pub(super) errors: String,
}

impl Run {
    /// Standard output as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.output)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.output, self.errors))
    }
}

/// Runs the program with these settings alone.
pub(super) async fn entrada(
    environment: &[(String, String)],
    arguments: &[&str],
    input: &str,
) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_entrada"))
        .env_clear()
        .envs(environment.iter().cloned())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut standard_input = child.stdin.take().unwrap();
    // A program that does not read its input may have closed it.
    let _ = standard_input.write_all(input.as_bytes()).await;
    drop(standard_input);
    let output = tokio::time::timeout(Duration::from_secs(100), child.wait_with_output())
        .await
        .expect("every wait has a limit")
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        output: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A run of the doctor's in which the server said that all it stands on
/// answers. Its probes have two seconds: on a busy machine one may be late, and
/// is a finding then. Since each answer is kept for ten seconds, one before and
/// one after a shorter run are all that there were.
pub(super) async fn while_well(rig: &Rig, run: impl AsyncFn() -> Run) -> Run {
    let clock = SystemClock::new();
    for _ in 0..3 {
        until("what the server stands on answers", async || {
            is_well(rig).await
        })
        .await;
        let began = clock.monotonic();
        let made = run().await;
        let was_well = is_well(rig).await;
        if was_well && clock.monotonic().saturating_sub(began) < KEPT {
            return made;
        }
    }
    run().await
}

/// Whether the server says that whatever it probes answers.
async fn is_well(rig: &Rig) -> bool {
    let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
    ["storage", "azure_ad", "azure_foundry"]
        .iter()
        .all(|service| health["services"][service] != "unavailable")
}

/// The ids of what the doctor found.
pub(super) fn found(run: &Run) -> Vec<String> {
    let report = run.json();
    let areas = report["areas"].as_array().unwrap();
    let lines = areas.iter().flat_map(|area| area[1].as_array().unwrap());
    lines
        .filter(|line| line["result"] == "found")
        .map(|line| {
            // Whatever is named is explained and can be mended.
            assert!(line["why"].as_str().unwrap().len() > 20, "{line}");
            assert!(line["fix"]["what"].as_str().unwrap().len() > 6, "{line}");
            let copy = line["fix"]["copy"].as_array().expect("a line to copy");
            assert!(!copy.is_empty(), "{line}");
            line["id"].as_str().unwrap().to_owned()
        })
        .collect()
}
