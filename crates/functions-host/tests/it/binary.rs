use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::http::{Connection, exchange};
use crate::lifecycle::{LONGEST, gone};
use crate::package::Package;

fn functions_host() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_functions-host"));
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

#[tokio::test]
async fn it_lists_the_functions_streams_the_log_and_ends_with_its_handler() {
    let package = Package::new().web().tool("search").timer("sweep").file(
        "local.settings.json",
        r#"{"IsEncrypted":false,"Values":{"RECORDING_STDERR":"from a file"}}"#,
    );
    drop(package.options());
    let mut child = functions_host()
        .arg(package.path())
        .args(["--port", "0", "--setting", "GREETING=a=b"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut printed = String::new();
    let mut port: Option<u16> = None;
    let expected = [
        "recording handler: hello",
        "from a file",
        "\tsearch: mcpToolTrigger search",
        "\tsweep: timerTrigger 0 */5 * * * *",
        "\tweb: [GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS] http://127.0.0.1:",
        "MCP server endpoint: http://127.0.0.1:",
    ];
    // What the handler writes may come after what the host says.
    while port.is_none() || !expected.iter().all(|text| printed.contains(text)) {
        let line = tokio::time::timeout(LONGEST, lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("no more than {printed}"));
        let line = line.unwrap().expect("it ended early");
        if let Some(named) = line.strip_prefix("Handler on http://127.0.0.1:") {
            port = Some(named.parse().unwrap());
        }
        printed = format!("{printed}{line}\n");
    }
    let mut handler = Connection::to(port.unwrap()).await;
    let answer = exchange(&mut handler, "GET /control/environment", &[], b"").await;
    let environment: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(environment["values"]["GREETING"], "a=b");
    let process = PathBuf::from(format!("/proc/{}", environment["process"]));

    let terminated = Command::new("kill")
        .arg(child.id().unwrap().to_string())
        .status()
        .await;
    assert!(terminated.unwrap().success());
    let status = tokio::time::timeout(LONGEST, child.wait()).await;
    assert!(status.unwrap().unwrap().success());
    gone(&process).await;
}

#[tokio::test]
async fn a_package_that_does_not_start_says_why() {
    let package = Package::new().http("fun", "admin/x", &["get"]);
    drop(package.options());
    let output = functions_host()
        .arg(package.path())
        .args(["--port", "0"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        message.trim(),
        "The 'fun' function is in error: The specified route conflicts with one or more built in routes."
    );
}

#[tokio::test]
async fn help_tells_what_it_does() {
    let output = functions_host().arg("--help").output().await.unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "Runs a package folder",
        "--setting <NAME=VALUE>",
        "--port <PORT>",
        "local.settings.json",
    ] {
        assert!(help.contains(expected), "{expected}");
    }
}
