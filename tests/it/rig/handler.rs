//! The server as a process: direct, or run by the host stand-in.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entrada::app::{Ambient, App};
use entrada::config::Settings;
use entrada_ambient::{Clock as _, FixedEnvironment, SystemClock, SystemRandom};
use entrada_functions_host::{Host, HostOptions};
use entrada_tables::Tables;
use futures::FutureExt as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::{AbortHandle, JoinHandle};

use super::{setting, through_host, until};

type Lines = Arc<Mutex<Vec<String>>>;

enum Running {
    Direct {
        child: Child,
        lines: Lines,
        /// Reads what it writes, to the end.
        reading: JoinHandle<()>,
    },
    Host(Box<Host>),
    /// A task of this process.
    Inside(AbortHandle),
}

/// A running server.
pub(crate) struct Handler {
    running: Running,
    environment: Vec<(String, String)>,
    /// The public base URL.
    pub(crate) base: String,
    /// Where it really listens.
    address: String,
    port: u16,
}

/// How long a server may take until it answers: far longer than it needs on a
/// machine that is merely busy.
const LONGEST: Duration = Duration::from_mins(2);

/// A port that nothing listens on, for a program that binds it later. Until
/// then nobody else is given it: it is beneath those that Linux gives away by
/// itself (32768 and up) and those of the host's handlers (20000 and up), and
/// none is given twice in one process.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 10_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Other processes of tests begin elsewhere.
    let begin = std::process::id() % 50 * 200;
    loop {
        let place = (begin + GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Handler {
    /// Starts a server and waits until it lets people in.
    pub(crate) async fn start(environment: Vec<(String, String)>) -> Self {
        let handler = Self::start_unready(environment).await;
        handler.wait().await;
        handler
    }

    /// Starts a server and waits until it answers `/`.
    pub(crate) async fn start_unready(mut environment: Vec<(String, String)>) -> Self {
        let port = free_port();
        let address = format!("http://localhost:{port}");
        let named = environment
            .iter()
            .find(|(name, _)| name == "ENTRADA_BASE_URL");
        let base = named.map_or_else(|| address.clone(), |(_, value)| value.clone());
        if named.is_none() {
            environment.push(("ENTRADA_BASE_URL".to_owned(), base.clone()));
        }
        let running = run(&environment, port).await;
        let handler = Self {
            running,
            environment,
            base,
            address,
            port,
        };
        handler.wait_for_root().await;
        handler
    }

    /// Starts a server in this process, on these tables. It may not let people
    /// in yet.
    pub(super) async fn start_inside(
        mut environment: Vec<(String, String)>,
        ambient: Ambient,
        tables: Arc<dyn Tables>,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = format!("http://localhost:{port}");
        environment.push(("ENTRADA_BASE_URL".to_owned(), address.clone()));
        environment.push(("ENTRADA_PORT".to_owned(), port.to_string()));
        let routes = assemble(&environment, &ambient, tables).start();
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await });
        Self {
            running: Running::Inside(task.abort_handle()),
            environment,
            base: address.clone(),
            address,
            port,
        }
    }

    /// The settings that it runs with.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Where the Functions host sends what it wraps: past its own door.
    pub(crate) fn wrapped_url(&self, function: &str) -> String {
        match &self.running {
            Running::Direct { .. } | Running::Inside(_) => self.url(&format!("/{function}")),
            Running::Host(host) => {
                format!("http://127.0.0.1:{}/{function}", host.handler_port())
            }
        }
    }

    /// The host that runs the server, if one does.
    pub(crate) fn host(&self) -> Option<&Host> {
        match &self.running {
            Running::Direct { .. } | Running::Inside(_) => None,
            Running::Host(host) => Some(host),
        }
    }

    /// SIGKILL, as the Functions host ends handlers.
    pub(crate) async fn kill(&mut self) {
        match &mut self.running {
            Running::Direct { child, .. } => child.kill().await.unwrap(),
            Running::Host(host) => host.kill().await,
            Running::Inside(task) => task.abort(),
        }
    }

    /// SIGKILL, and a new process on the same port and storage.
    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        match &mut self.running {
            Running::Direct { .. } => self.running = run(&self.environment, self.port).await,
            Running::Host(host) => host.restart().await.unwrap(),
            Running::Inside(_) => panic!("a server in this process is not restarted"),
        }
        self.wait().await;
    }

    /// Everything that it wrote to standard output.
    pub(crate) fn log(&self) -> String {
        match &self.running {
            Running::Direct { lines, .. } => lines.lock().unwrap().join("\n"),
            Running::Host(host) => {
                let lines: Vec<_> = host.logs().into_iter().map(|line| line.text).collect();
                lines.join("\n")
            }
            Running::Inside(_) => String::new(),
        }
    }

    /// Waits until this is in [`log`](Self::log): what a server writes before
    /// it answers may be read after its answer.
    pub(crate) async fn logs(&self, text: &str) {
        let what = format!("the log says {text:?}");
        until(&what, async || self.log().contains(text)).await;
    }

    /// Waits until it lets people in.
    pub(crate) async fn wait(&self) {
        let url = format!("{}/api/health", self.address);
        let is_healthy = answers(&url, || self.has_ended()).await;
        assert!(
            is_healthy,
            "the server does not become healthy:\n{}",
            self.log()
        );
    }

    /// Waits until it answers `/`.
    async fn wait_for_root(&self) {
        let url = format!("{}/", self.address);
        let answered = answers(&url, || self.has_ended()).await;
        assert!(answered, "the server does not answer:\n{}", self.log());
    }

    /// Whether it has ended, so that there is nothing to wait for.
    fn has_ended(&self) -> bool {
        match &self.running {
            Running::Direct { reading, .. } => reading.is_finished(),
            Running::Host(host) => host.stopped().now_or_never().is_some(),
            Running::Inside(task) => task.is_finished(),
        }
    }
}

/// Whether the server at `address` lets people in within two minutes.
pub(crate) async fn becomes_healthy(address: &str) -> bool {
    answers(&format!("{address}/api/health"), || false).await
}

/// Whether there is a good answer at `url` within two minutes. It is asked one
/// last time once they are over, or `has_ended` says that nobody is there any
/// more.
async fn answers(url: &str, has_ended: impl Fn() -> bool) -> bool {
    let client = entrada_ambient::http_client(&entrada_ambient::NetworkOptions::default());
    let client = client.unwrap();
    let clock = SystemClock::new();
    let began = clock.monotonic();
    loop {
        let is_last = has_ended() || clock.monotonic().saturating_sub(began) >= LONGEST;
        let answer = client.get(url).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return true;
        }
        if is_last {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A server in this process that is not started.
pub(super) fn assemble(
    environment: &[(String, String)],
    ambient: &Ambient,
    tables: Arc<dyn Tables>,
) -> App {
    let fixed = FixedEnvironment::new(environment.to_vec());
    let (settings, _) = Settings::load(&fixed, true).unwrap();
    App::assemble_on(tables, &settings, ambient).unwrap()
}

async fn run(environment: &[(String, String)], port: u16) -> Running {
    if through_host() {
        let package = setting("ENTRADA_TEST_PACKAGE").expect("the package's folder");
        let options = HostOptions {
            root: PathBuf::from(package),
            port,
            app_settings: environment.iter().cloned().collect::<BTreeMap<_, _>>(),
            inherit_environment: false,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        };
        let host = entrada_functions_host::start(options).await.unwrap();
        return Running::Host(Box::new(host));
    }
    let port = port.to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_entrada"))
        .env_clear()
        // As the Functions host names it. A test takes it away with an empty value.
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
        .envs(environment.iter().cloned())
        .env("ENTRADA_PORT", &port)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let lines = Lines::default();
    let output = child.stdout.take().unwrap();
    let written = lines.clone();
    let reading = tokio::spawn(async move {
        let mut reader = BufReader::new(output).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            written.lock().unwrap().push(line);
        }
    });
    Running::Direct {
        child,
        lines,
        reading,
    }
}
