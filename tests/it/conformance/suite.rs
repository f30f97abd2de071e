//! Running the suite, and reading what it found.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::rig::clients;

/// What a run found.
#[derive(Debug)]
pub(super) struct Findings {
    /// Checks that passed, and checks that failed.
    pub(super) totals: (u32, u32),
    /// Those that failed or warned: `server-scenario-time:check` and why.
    pub(super) not_passed: Vec<String>,
}

/// Runs the suite against `url` with these arguments. Its exit code says whether everything went as `expected` says, a file of
/// checks that fail: one that passes although it is listed fails the run too.
pub(super) async fn run(url: &str, arguments: &[&str], expected: Option<&str>) -> Findings {
    let modules = clients().join("node/node_modules");
    let results = tempfile::tempdir().unwrap();
    let mut command = Command::new(modules.join(".bin/node"));
    command
        .arg(modules.join("@modelcontextprotocol/conformance/dist/index.js"))
        .args(["server", "--url", url])
        .args(arguments)
        .arg("--output-dir")
        .arg(results.path());
    if let Some(file) = expected {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/conformance/expected");
        command
            .arg("--expected-failures")
            .arg(Path::new(folder).join(file));
    }
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_mins(5), output).await;
    let output = output.expect("the suite took too long");
    let output = output.expect("`cargo xtask test` installs the suite");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let not_passed = not_passed(results.path());
    let summary = text.split("=== SUMMARY ===").last().unwrap();
    assert!(
        output.status.success(),
        "{summary}\n{not_passed:#?}\n{errors}"
    );
    Findings {
        totals: totals(&text),
        not_passed,
    }
}

fn not_passed(results: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(results).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        let text = std::fs::read_to_string(folder.path().join("checks.json")).unwrap();
        let checks: Vec<Value> = serde_json::from_str(&text).unwrap();
        for check in checks {
            let (id, status) = (&check["id"], &check["status"]);
            if status == "FAILURE" || status == "WARNING" {
                let id = id.as_str().unwrap();
                found.push(format!("{name}:{id} {status}: {}", check["errorMessage"]));
            }
        }
    }
    found.sort();
    found
}

/// The line `Total: 152 passed, 0 failed`.
fn totals(text: &str) -> (u32, u32) {
    let line = text.lines().find_map(|line| line.strip_prefix("Total: "));
    let line = line.unwrap_or_else(|| panic!("the suite tells no total: {text}"));
    let number = |word: &str| {
        let before = line.split(word).next().unwrap().trim();
        let digits = before.rsplit([' ', ',']).next().unwrap();
        digits.parse().unwrap()
    };
    (number("passed"), number("failed"))
}
