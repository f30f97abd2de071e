use std::path::{Path, PathBuf};
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use entrada_functions_host::{
    HandlerError, Host, HostError, LogLevel, LogLine, LogStream, TriggerSummary, start,
};
use serde_json::{Value, json};

use crate::http::{Connection, direct, get, request};
use crate::package::{HANDLER, Package};

/// Far longer than anything takes on a machine that is merely busy.
pub(crate) const LONGEST: Duration = Duration::from_mins(1);

async fn environment(host: &Host) -> Value {
    let answer = direct(host, "GET", "/control/environment").await;
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) async fn process(host: &Host) -> PathBuf {
    let id = environment(host).await["process"].as_u64().unwrap();
    PathBuf::from(format!("/proc/{id}"))
}

/// Waits until a process is no more (a dead one that nobody has awaited yet
/// counts as gone).
pub(crate) async fn gone(process: &Path) {
    let gone = async {
        loop {
            match std::fs::read_to_string(process.join("stat")) {
                Ok(stat) if !stat.contains(") Z ") => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                _ => return,
            }
        }
    };
    tokio::time::timeout(LONGEST, gone)
        .await
        .expect("the process is still there");
}

/// Waits until the host's next handler answers. The host gives a request up
/// after two seconds, in which a slow machine starts none.
async fn answers_again(host: &Host) {
    let answers = async {
        while get(host, "/a").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONGEST, answers)
        .await
        .expect("no handler answers");
}

/// Ends the handler with an exit code, past the host.
pub(crate) async fn exit(host: &Host, code: i32) {
    let mut connection = Connection::to(host.handler_port()).await;
    let head = format!("POST /exit/{code} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    connection.send(head).await;
    // A handler drops the requests of clients that do not wait.
    connection.closed().await;
}

#[tokio::test]
async fn the_handler_gets_the_hosts_environment() {
    let package = Package::new().web().host(
        "/customHandler/description",
        json!({"defaultExecutablePath": HANDLER, "arguments": ["--greeting", "%GREETING%"]}),
    );
    let host = package
        .start_with(package.options().setting("GREETING", "hello"))
        .await;
    let environment = environment(&host).await;
    let values = &environment["values"];
    let port = host.handler_port().to_string();
    assert_eq!(values["FUNCTIONS_HTTPWORKER_PORT"], port);
    assert_eq!(values["FUNCTIONS_CUSTOMHANDLER_PORT"], port);
    assert_eq!(
        values["FUNCTIONS_HTTPWORKER_ID"],
        values["FUNCTIONS_CUSTOMHANDLER_WORKER_ID"]
    );
    assert_eq!(
        values["FUNCTIONS_HTTPWORKER_ID"].as_str().unwrap().len(),
        36
    );
    let root = package.path().canonicalize().unwrap();
    assert_eq!(values["FUNCTIONS_APP_ROOT_PATH"], root.to_str().unwrap());
    assert_eq!(environment["directory"], root.to_str().unwrap());
    assert_eq!(environment["arguments"], json!(["--greeting", "hello"]));
    assert_eq!(values["GREETING"], "hello");
    assert!(values["PATH"].is_string());
}

#[tokio::test]
async fn the_environment_need_not_be_inherited() {
    let package = Package::new().web();
    let mut options = package.options();
    options.inherit_environment = false;
    let host = package.start_with(options).await;
    assert_eq!(environment(&host).await["values"]["PATH"], Value::Null);
}

#[tokio::test]
async fn the_executable_and_the_working_directory_are_relative_to_the_package() {
    let package = Package::new().web().file("work/here", "").host(
        "/customHandler/description",
        json!({"defaultExecutablePath": "bin/handler", "workingDirectory": "work"}),
    );
    std::fs::create_dir(package.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(HANDLER, package.path().join("bin/handler")).unwrap();
    let host = package.start().await;
    let directory = environment(&host).await["directory"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(directory.ends_with("/work"));
}

#[tokio::test]
async fn the_handlers_lines_are_kept() {
    let package = Package::new().web();
    let host = start(
        package
            .options()
            .setting("RECORDING_STDERR", "it went wrong"),
    )
    .await
    .unwrap();
    // The streams are read beside each other, and beside the answers.
    let first = async |stream: LogStream| {
        let line = async {
            loop {
                let of_stream = |line: &LogLine| line.stream == stream;
                if let Some(line) = host.logs().into_iter().find(of_stream) {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONGEST, line).await.unwrap()
    };
    let line = first(LogStream::Stdout).await;
    assert_eq!(line.text, "recording handler: hello");
    let error = first(LogStream::Stderr).await;
    assert_eq!(
        (error.text.as_str(), error.level),
        ("it went wrong", LogLevel::Error)
    );
}

#[tokio::test]
async fn a_missing_executable_is_an_error() {
    let package = Package::new().web().host(
        "/customHandler/description/defaultExecutablePath",
        json!("./nothing-here"),
    );
    assert!(matches!(
        package.refusal().await,
        HostError::Handler(HandlerError::Spawn { .. })
    ));
}

#[tokio::test]
async fn a_handler_that_never_answers_is_killed() {
    let package = Package::new()
        .web()
        .host("/customHandler/initializationTimeout", json!("00:00:00.3"));
    let outcome = start(package.options().setting("RECORDING_NEVER_LISTEN", "1")).await;
    let error = outcome.unwrap_err();
    assert!(matches!(
        error,
        HostError::Handler(HandlerError::InitializationTimedOut { .. })
    ));
    assert!(
        error
            .to_string()
            .starts_with("Initializing HttpWorker timed out.")
    );
}

#[tokio::test]
async fn a_handler_that_fails_at_its_start_is_tried_three_times() {
    let package = Package::new().web();
    let options = package
        .options()
        .setting("RECORDING_EXIT", "3")
        .setting("RECORDING_STDERR", "settings are wrong");
    let error = start(options).await.unwrap_err().to_string();
    assert!(
        error.starts_with("Exceeded http worker restart retry count. Shutting down Functions Host")
    );
    assert!(error.contains("exit status: 3"), "{error}");
}

#[tokio::test]
async fn a_handler_that_exits_with_0_at_its_start_is_an_error() {
    let package = Package::new().web();
    let error = start(package.options().setting("RECORDING_EXIT", "0"))
        .await
        .unwrap_err();
    assert!(matches!(error, HostError::Handler(HandlerError::Left)));
}

#[tokio::test]
async fn a_configured_port_is_used() {
    // Beneath those that Linux gives away by itself and those of handlers, so
    // that nobody is given it before the handler binds it.
    let listen = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).ok();
    let free = (8000..9000).find_map(listen).unwrap();
    let port = free.local_addr().unwrap().port();
    let package = Package::new()
        .web()
        .host("/customHandler/port", json!(port.to_string()));
    let refusal = package.refusal().await.to_string();
    assert!(refusal.contains("specified in configuration"), "{refusal}");
    drop(free);
    assert_eq!(package.start().await.handler_port(), port);
}

#[tokio::test]
async fn killing_and_restarting_keeps_both_ports() {
    let mut host = Package::new().web().start().await;
    let (url, port) = (host.url(), host.handler_port());
    let first = process(&host).await;
    host.kill().await;
    gone(&first).await;
    // A request that comes meanwhile waits for the next handler.
    let mut waiting = Connection::open(&host).await;
    waiting
        .send("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    host.restart().await.unwrap();
    assert_eq!((host.url(), host.handler_port()), (url, port));
    assert_eq!(waiting.answer(false).await.status, 200);
    let second = process(&host).await;
    assert_ne!(first, second);
    host.restart().await.unwrap();
    gone(&second).await;
}

#[tokio::test]
async fn a_request_in_flight_breaks_when_the_handler_is_killed() {
    let mut host = Package::new().web().start().await;
    let mut client = Connection::open(&host).await;
    client
        .send("POST /sse HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        .await;
    client.head().await;
    assert_eq!(client.chunk().await, "data: 0\n\n");
    host.kill().await;
    let rest = tokio::spawn(async move { client.chunk().await });
    assert!(rest.await.is_err(), "the stream must break, not end");
}

#[tokio::test]
async fn dropping_the_host_kills_the_handler() {
    let host = Package::new().web().start().await;
    let url = host.url();
    let process = process(&host).await;
    drop(host);
    gone(&process).await;
    let refused = tokio::net::TcpStream::connect(("127.0.0.1", url.port().unwrap())).await;
    assert!(refused.is_err());
}

#[test]
fn a_test_that_panics_leaves_no_handler_behind() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let host = Package::new().web().start().await;
                sender.send(process(&host).await).unwrap();
                panic!("as a failed assertion would");
            });
    });
    assert!(panicked.join().is_err());
    let process = receiver.recv().unwrap();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(gone(&process));
}

#[tokio::test]
async fn a_handler_that_fails_is_started_again_until_the_third_time() {
    let host = Package::new().web().start().await;
    for _ in 0..2 {
        let before = process(&host).await;
        exit(&host, 1).await;
        gone(&before).await;
        answers_again(&host).await;
    }
    exit(&host, 1).await;
    let error = host.stopped().await;
    assert!(matches!(error, HandlerError::KeepsFailing { .. }));
}

#[tokio::test]
async fn a_restart_that_the_handler_asks_for_is_no_failure() {
    let host = Package::new().web().start().await;
    for _ in 0..4 {
        let before = process(&host).await;
        exit(&host, 200).await;
        gone(&before).await;
        answers_again(&host).await;
    }
}

#[tokio::test]
async fn a_request_without_a_body_that_ends_the_handler_ends_the_host() {
    // The host sends it again to each new handler.
    let host = Package::new().web().start().await;
    loop {
        let clock = SystemClock::new();
        let asked = async {
            let mut connection = Connection::open(&host).await;
            let head = "GET /exit/1 HTTP/1.1\r\nHost: a\r\n\r\n";
            connection.send(head).await;
            connection.head().await.0
        };
        assert_eq!(asked.await, 502);
        // Ten tries, with pauses between them: a slow machine may have started
        // fewer than three handlers meanwhile.
        let was_late = clock.monotonic() >= Duration::from_millis(1_800);
        let stopped = tokio::time::timeout(Duration::from_secs(5), host.stopped()).await;
        if let Ok(error) = stopped {
            assert!(matches!(error, HandlerError::KeepsFailing { .. }));
            return;
        }
        assert!(was_late, "it was not sent again");
    }
}

#[tokio::test]
async fn a_request_with_a_body_is_not_sent_twice() {
    let host = Package::new().web().start().await;
    let answer = request(&host, "POST /exit/1", &[], "x").await;
    assert_eq!(answer.status, 502);
    answers_again(&host).await;
}

#[tokio::test]
async fn a_restart_after_the_host_gave_up_begins_anew() {
    let mut host = Package::new().web().timer("sweep").start().await;
    for _ in 0..3 {
        let before = process(&host).await;
        exit(&host, 1).await;
        gone(&before).await;
        if get_unless_stopped(&host).await.is_none() {
            break;
        }
    }
    host.stopped().await;
    host.restart().await.unwrap();
    assert_eq!(get(&host, "/a").await.status, 200);
    assert!(
        host.functions()
            .iter()
            .any(|function| matches!(function.trigger, TriggerSummary::Timer { .. }))
    );
}

async fn get_unless_stopped(host: &Host) -> Option<u16> {
    tokio::select! {
        biased;
        _ = host.stopped() => None,
        answer = get(host, "/a") => Some(answer.status),
    }
}
