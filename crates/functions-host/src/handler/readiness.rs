use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Between two polls, as in the Functions host.
const INTERVAL: Duration = Duration::from_millis(25);

/// Waits until the handler answers `GET /` with anything that is, or is meant
/// to be, HTTP: only a refused connection means "not yet"
/// (azure-functions-host, `DefaultHttpWorkerService.IsWorkerReady`).
pub(super) async fn answers(port: u16) {
    while !answers_now(port).await {
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn answers_now(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return false;
    };
    let request = Request::get("/")
        .header(header::HOST, format!("127.0.0.1:{port}"))
        .body(Empty::<Bytes>::new());
    let Ok(request) = request else {
        return false;
    };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        return true;
    };
    tokio::select! {
        _ = connection => true,
        _ = sender.send_request(request) => true,
    }
}
