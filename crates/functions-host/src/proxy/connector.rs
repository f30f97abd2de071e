use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Pauses, TRIES};

/// Connects to the handler, whatever the address asked for: there is no other
/// place to which this host sends a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HandlerConnector {
    port: u16,
    tries: u32,
}

impl HandlerConnector {
    /// Tries ten times, with pauses that grow from 50 to 250 ms: 1.9 s in all.
    pub(crate) fn patient(port: u16) -> Self {
        Self { port, tries: TRIES }
    }

    /// Tries once.
    pub(crate) fn impatient(port: u16) -> Self {
        Self { port, tries: 1 }
    }

    async fn connect(self) -> io::Result<TokioIo<TcpStream>> {
        let mut pauses = Pauses::new();
        let mut tried = 0;
        loop {
            tried += 1;
            match TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(TokioIo::new(stream));
                }
                Err(error) if tried == self.tries => return Err(error),
                Err(_) => pauses.pause().await,
            }
        }
    }
}

impl tower::Service<Uri> for HandlerConnector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.connect())
    }
}
