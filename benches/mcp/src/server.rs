use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use entrada_ambient::Clock;
use tokio::process::{Child, Command};

use crate::connection::{Call, Connection, result};
use crate::error::Error;

/// How long a server may take to begin.
const START: Duration = Duration::from_secs(30);

/// What is measured: a program, how it is started, and what it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Name in the table.
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) tools_call: Call,
    pub(crate) tools_list: Call,
}

/// How long a start took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// Until something was answered, whatever it was.
    pub(crate) first_answer: Duration,
    /// Until a tool did its work (for a caller with a token, where one is needed).
    pub(crate) first_call: Duration,
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Port on 127.0.0.1.
    pub(crate) port: u16,
}

impl Server {
    /// Starts `subject`, waits until it answers anything, and calls a tool at
    /// once, as the Functions host would: that call has to succeed.
    pub(crate) async fn start(
        subject: &Subject,
        clock: &dyn Clock,
    ) -> Result<(Self, Start), Error> {
        let port = free_port()?;
        let begun = clock.monotonic();
        let child = Command::new(&subject.program)
            .env_clear()
            .envs(subject.environment.iter().cloned())
            .env("ENTRADA_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io("starting a server"))?;
        let server = Self { child, port };
        let since = || clock.monotonic().saturating_sub(begun);
        let first_answer = loop {
            if let Ok(mut connection) = Connection::open(port).await
                && connection.make(&Call::root()).await.is_ok()
            {
                break since();
            }
            wait(subject, since()).await?;
        };
        let mut connection = Connection::open(port).await?;
        let (status, body) = connection.make(&subject.tools_call).await?;
        if result(status, &body).is_none() {
            return Err(Error::Answer {
                server: subject.name,
                status: status.as_u16(),
                body: String::from_utf8_lossy(&body).into_owned(),
            });
        }
        let start = Start {
            first_answer,
            first_call: since(),
        };
        Ok((server, start))
    }

    /// Ends the server, as the Functions host does: at once.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        self.child
            .kill()
            .await
            .map_err(Error::io("stopping a server"))
    }

    /// Memory that is in use now, in bytes (Linux: `VmRSS`).
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = self.read_proc("status")?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Processor time that was used so far, by user and kernel (Linux; it
    /// counts in steps of 10 ms).
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let stat = self.read_proc("stat")?;
        // The second field is the program's name, which may contain spaces.
        let fields = stat.rsplit_once(") ")?.1;
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Some(Duration::from_millis(ticks * 10))
    }

    fn read_proc(&self, file: &str) -> Option<String> {
        let id = self.child.id()?;
        std::fs::read_to_string(format!("/proc/{id}/{file}")).ok()
    }
}

/// Waits for the next try.
async fn wait(subject: &Subject, so_far: Duration) -> Result<(), Error> {
    if so_far > START {
        return Err(Error::Silent(subject.name));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}

fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Error::io("looking for a free port"))
}
