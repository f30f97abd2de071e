use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::program::log_file;
use crate::stopwatch::Stopwatch;
use crate::workspace::Workspace;

/// The account and key that every storage emulator has, published by
/// Microsoft ("Use the Azurite emulator for local Azure Storage development").
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// How many further accounts it has, `rig0` and so on, with the same key: a
/// test takes one for itself, since table names are fixed.
const RIGS: usize = 1000;

/// Seconds that an idle connection stays open: longer than clients keep it.
/// A request into the end of one looks like an outage (5 s by itself).
const KEEP_ALIVE: &str = "120";

/// How long it may take to start.
const START: Duration = Duration::from_mins(1);

/// A running Azurite (the table service alone, in memory). It ends when this
/// value goes, and when this process dies.
#[derive(Debug)]
pub(crate) struct Azurite {
    child: Child,
    port: u16,
}

impl Azurite {
    /// Starts Azurite from the installed Node clients on a free port and
    /// waits until it answers.
    ///
    /// # Errors
    /// When it cannot start, or does not answer within a minute.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self, Error> {
        let modules = workspace.clients().join("node/node_modules");
        let log = workspace.logs().join("azurite.log");
        let port = free_port()?;
        let (out, err) = log_file(&log)?;
        let mut command = Command::new(modules.join(".bin/node"));
        command
            .arg(workspace.path("xtask/src/azurite.cjs"))
            .arg(modules.join("azurite/dist/src/table/main.js"))
            .args(["--tableHost", "127.0.0.1", "--tablePort"])
            .arg(port.to_string())
            .args(["--inMemoryPersistence", "--disableTelemetry", "--silent"])
            .args(["--tableKeepAliveTimeout", KEEP_ALIVE])
            .env("AZURITE_ACCOUNTS", accounts())
            .current_dir(workspace.root())
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err);
        let child = command.spawn().map_err(|source| Error::Start {
            program: "Azurite".into(),
            source,
        })?;
        let mut azurite = Self { child, port };
        azurite.wait_until_it_answers(&log)?;
        Ok(azurite)
    }

    /// What `ENTRADA_STORAGE` and the contract tests take.
    pub(crate) fn connection_string(&self) -> String {
        format!(
            "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};\
             TableEndpoint=http://127.0.0.1:{}/{ACCOUNT};",
            self.port
        )
    }

    fn wait_until_it_answers(&mut self, log: &Path) -> Result<(), Error> {
        let waiting = Stopwatch::start();
        while waiting.read() < START {
            if answers(self.port) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Failed {
                    command: "Azurite".into(),
                    status: status.to_string(),
                    log: log.to_path_buf(),
                });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(Error::TooLong {
            command: "Azurite".into(),
            seconds: START.as_secs(),
            log: log.to_path_buf(),
        })
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // Nothing of it is kept, so there is nothing to end gently.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// In the form of `AZURITE_ACCOUNTS`: `name:key;name:key`.
fn accounts() -> String {
    let rigs = (0..RIGS).map(|number| format!(";rig{number}:{KEY}"));
    format!("{ACCOUNT}:{KEY}") + &rigs.collect::<String>()
}

/// A port that nothing listens on. Beneath those that Linux gives away by
/// itself (32768 and up), so that nobody is given it before Azurite binds it,
/// and beneath those of the tests (10000 and up).
fn free_port() -> Result<u16, Error> {
    const COUNT: u16 = 1000;
    // Two runs at once begin at different ones.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    let ports = (0..COUNT).map(|further| 9000 + (begin + further) % COUNT);
    let mut refusal = std::io::ErrorKind::AddrInUse.into();
    for port in ports {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(source) => refusal = source,
        }
    }
    Err(Error::Start {
        program: "a server on 127.0.0.1".into(),
        source: refusal,
    })
}

/// Whether an HTTP server answers there, whatever it says.
fn answers(port: u16) -> bool {
    let limit = Duration::from_secs(1);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let exchange = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/")
    };
    exchange().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_counts_as_an_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-x\r\n"] {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 4]).unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        assert!(answers(port));
        assert!(!answers(port));
        server.join().unwrap();
        assert!(!answers(port), "nothing listens there any more");
    }
}
