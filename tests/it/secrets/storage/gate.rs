//! A gate in front of storage: closed, it refuses as storage does whose role
//! assignment does not count yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};

const REFUSAL: &str = "<Error><Code>AuthorizationPermissionMismatch</Code><Message>This request \
                       is not authorized to perform this operation using this permission.\
                       </Message></Error>";

/// A gate that is closed at first. It goes away with the test's runtime.
pub(super) struct Gate(Arc<AtomicBool>);

impl Gate {
    /// A gate before an account, and the account's connection string through
    /// it.
    pub(super) async fn before(connection: &str) -> (Self, String) {
        let (_, after) = connection.split_once("TableEndpoint=http://").unwrap();
        let (behind, _) = after.split_once('/').unwrap();
        let behind = behind.to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let through = connection.replace(&behind, &address);
        let is_open = Arc::new(AtomicBool::new(false));
        let gate = Self(is_open.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (is_open, behind) = (is_open.clone(), behind.clone());
                tokio::spawn(async move {
                    if is_open.load(Ordering::Relaxed) {
                        pass(stream, &behind).await
                    } else {
                        refuse(stream).await
                    }
                });
            }
        });
        (gate, through)
    }

    pub(super) fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn pass(mut stream: TcpStream, behind: &str) -> std::io::Result<()> {
    let mut storage = TcpStream::connect(behind).await?;
    copy_bidirectional(&mut stream, &mut storage).await?;
    Ok(())
}

/// Answers the first request, whatever it is, and closes the connection.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 4096]).await?;
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{REFUSAL}",
        REFUSAL.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closed before it is read to its end, the connection would break, and the
    // answer be lost.
    copy(&mut stream, &mut sink()).await?;
    Ok(())
}
