use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::error::Error;

/// One request, made again and again.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: Method,
    path: &'static str,
    token: Option<String>,
    body: Bytes,
}

impl Call {
    /// `GET /`, which the Functions host sends until a handler answers.
    pub(crate) fn root() -> Self {
        Self {
            method: Method::GET,
            path: "/",
            token: None,
            body: Bytes::new(),
        }
    }

    /// A request to `/mcp`, as clients of MCP 2025-11-25 send it.
    pub(crate) fn mcp(method: &str, params: &Value, token: Option<&str>) -> Self {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        Self {
            method: Method::POST,
            path: "/mcp",
            token: token.map(str::to_owned),
            body: Bytes::from(body.to_string()),
        }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(self.path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.body(Full::new(self.body.clone()))
    }
}

/// A kept-alive HTTP/1.1 connection.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Connects to a port of this machine.
    pub(crate) async fn open(port: u16) -> Result<Self, Error> {
        let stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .map_err(Error::io("connecting"))?;
        stream.set_nodelay(true).map_err(Error::io("connecting"))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(Error::http("connecting"))?;
        // It ends with the sender; what breaks it shows in the next answer.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Makes the call and reads the whole answer.
    pub(crate) async fn make(&mut self, call: &Call) -> Result<(StatusCode, Bytes), Error> {
        self.0.ready().await.map_err(Error::http("sending"))?;
        let request = call.request().map_err(Error::preparing("a request"))?;
        let answer = self
            .0
            .send_request(request)
            .await
            .map_err(Error::http("asking"))?;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(Error::http("reading an answer"))?;
        Ok((status, body.to_bytes()))
    }
}

/// The JSON-RPC result, when the answer is one and the tool did its work.
pub(crate) fn result(status: StatusCode, body: &[u8]) -> Option<Value> {
    if status != StatusCode::OK {
        return None;
    }
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    let result = answer.get_mut("result")?.take();
    (result.get("isError") != Some(&Value::Bool(true))).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_without_an_error_counts() {
        let ok = StatusCode::OK;
        let good = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}"#;
        assert!(result(ok, good).is_some());
        assert!(result(StatusCode::UNAUTHORIZED, good).is_none());
        let failed = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}"#;
        assert!(result(ok, failed).is_none());
        let unknown = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x"}}"#;
        assert!(result(ok, unknown).is_none());
        assert!(result(ok, b"{}").is_none());
        assert!(result(ok, b"").is_none());
    }
}
