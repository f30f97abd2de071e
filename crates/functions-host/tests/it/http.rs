use entrada_functions_host::Host;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An HTTP answer, headers as they were sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// A connection on which every byte is the test's own.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) async fn to(port: u16) -> Self {
        Self {
            stream: TcpStream::connect(("127.0.0.1", port)).await.unwrap(),
            unread: Vec::new(),
        }
    }

    pub(crate) async fn open(host: &Host) -> Self {
        Self::to(host.url().port().unwrap()).await
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads more; false at the end.
    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.unread).await.unwrap_or(0) > 0
    }

    /// Waits until something arrives.
    pub(crate) async fn arrival(&mut self) {
        assert!(self.more().await, "the connection ended early");
    }

    /// Waits until the other side closes.
    pub(crate) async fn closed(&mut self) {
        while self.more().await {}
    }

    /// Reads up to and with `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let end = end.as_bytes();
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|part| part == end) {
                let read: Vec<u8> = self.unread.drain(..at + end.len()).collect();
                return String::from_utf8(read).unwrap();
            }
            assert!(self.more().await, "the connection ended early");
        }
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(self.more().await, "the connection ended early");
        }
        self.unread.drain(..length).collect()
    }

    /// The status line's code and the headers.
    pub(crate) async fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let head = self.until("\r\n\r\n").await;
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": ").or_else(|| line.split_once(':')))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        (status.parse().unwrap(), headers)
    }

    /// Reads one chunk of a chunked body; empty at the end.
    pub(crate) async fn chunk(&mut self) -> String {
        let size = self.until("\r\n").await;
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = self.exactly(size + 2).await;
        chunk.truncate(size);
        String::from_utf8(chunk).unwrap()
    }

    /// Reads a whole answer; `bodyless` when it answers a HEAD.
    pub(crate) async fn answer(&mut self, bodyless: bool) -> Answer {
        let (status, headers) = self.head().await;
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if bodyless || status == 204 {
            return answer;
        }
        if answer.header("transfer-encoding").is_some() {
            loop {
                let chunk = self.chunk().await;
                if chunk.is_empty() {
                    break;
                }
                answer.body.extend_from_slice(chunk.as_bytes());
            }
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().unwrap();
            answer.body = self.exactly(length).await;
        }
        answer
    }
}

/// Sends a request with exactly these headers, `Host` and `Content-Length`
/// (for a body, unless it is to go in chunks) added where they are missing.
pub(crate) async fn request(
    host: &Host,
    line: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Answer {
    let mut connection = Connection::open(host).await;
    exchange(&mut connection, line, headers, body.as_ref()).await
}

pub(crate) async fn exchange(
    connection: &mut Connection,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    connection.send(written(line, &headers, body)).await;
    if headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("expect"))
    {
        let (status, _) = connection.head().await;
        assert_eq!(status, 100);
    }
    connection.answer(line.starts_with("HEAD ")).await
}

/// A request as it is sent.
pub(crate) fn written(line: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
    let has = |name: &str| {
        headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let mut message = format!("{line} HTTP/1.1\r\n").into_bytes();
    if !has("host") {
        message.extend_from_slice(b"Host: app.example\r\n");
    }
    for (name, value) in headers {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            message.extend_from_slice(part);
        }
    }
    if has("transfer-encoding") {
        message.extend_from_slice(format!("\r\n{:x}\r\n", body.len()).as_bytes());
        message.extend_from_slice(body);
        message.extend_from_slice(b"\r\n0\r\n\r\n");
        return message;
    }
    if !body.is_empty() && !has("content-length") {
        message.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(body);
    message
}

/// A GET of `path`.
pub(crate) async fn get(host: &Host, path: &str) -> Answer {
    request(host, &format!("GET {path}"), &[], "").await
}

/// A request to the handler itself, past the host.
pub(crate) async fn direct(host: &Host, method: &str, path: &str) -> Answer {
    let mut connection = Connection::to(host.handler_port()).await;
    exchange(&mut connection, &format!("{method} {path}"), &[], b"").await
}
