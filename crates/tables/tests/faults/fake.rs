//! A small, strict table service that can be told to fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entrada_ambient::{ManualClock, NetworkOptions, SystemRandom, http_client};
use entrada_tables::AzureTables;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use serde_json::{Value, json};
use time::macros::datetime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) const TABLE: &str = "entradaFaults";
const ACCOUNT: &str = "acc";
const KEY: &[u8] = b"a key that is only known here";

/// What becomes of one request. When the plan is empty, nothing goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// Done and answered.
    None,
    /// Done, but the connection is cut instead of an answer.
    DoneThenCut,
    /// Done, but answered by 500.
    DoneThen500,
    /// Not done, and the connection is cut.
    Cut,
    /// Not done, and answered with this status and body.
    Refuse(u16, &'static str),
    /// Not done; meanwhile somebody else writes the row `r`; answered by 503.
    SomebodyElse,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) date: String,
    pub(crate) authorization: String,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<String, (u64, Value)>,
    versions: u64,
    plan: VecDeque<Fault>,
    seen: Vec<Seen>,
}

/// Who may come in.
#[derive(Clone)]
pub(crate) enum Entrance {
    SharedKeyLite,
    Bearer(&'static str),
}

/// The service; clones are the same one.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
    entrance: Entrance,
    pub(crate) clock: Arc<ManualClock>,
}

impl Fake {
    pub(crate) fn new(entrance: Entrance) -> Self {
        Self {
            endpoint: String::new(),
            state: Arc::default(),
            entrance,
            clock: Arc::new(ManualClock::at(datetime!(2026-11-21 8:00 UTC))),
        }
    }

    /// The service with its faults to come, and a client of it.
    pub(crate) async fn start(plan: impl IntoIterator<Item = Fault>) -> (Self, AzureTables) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            ..Self::new(Entrance::SharedKeyLite)
        };
        fake.plan(plan);
        let serving = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = serving.clone();
                tokio::spawn(async move { fake.serve(stream).await });
            }
        });
        let tables = fake.client(&fake.endpoint);
        (fake, tables)
    }

    pub(crate) fn client(&self, endpoint: &str) -> AzureTables {
        self.client_with_key(endpoint, KEY)
    }

    pub(crate) fn client_with_key(&self, endpoint: &str, key: &[u8]) -> AzureTables {
        let key = STANDARD.encode(key);
        let text = format!("AccountName={ACCOUNT};AccountKey={key};TableEndpoint={endpoint}");
        AzureTables::from_connection_string(
            &SecretString::from(text),
            http_client(&NetworkOptions::default()).unwrap(),
            self.clock.clone(),
            Arc::new(SystemRandom),
        )
        .unwrap()
    }

    pub(crate) fn plan(&self, plan: impl IntoIterator<Item = Fault>) {
        self.lock().plan.extend(plan);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Answers one request and closes.
    pub(crate) async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Some(request) = read(&mut stream).await else {
            return;
        };
        // Retries are told apart by their dates.
        self.clock.advance(Duration::from_secs(1));
        if let Some(answer) = self.answer(&request) {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        let _ = stream.shutdown().await;
    }

    /// `None` cuts the connection.
    fn answer(&self, request: &Request) -> Option<String> {
        let mut state = self.lock();
        state.seen.push(Seen {
            method: request.method.clone(),
            date: request.header("x-ms-date").to_owned(),
            authorization: request.header("authorization").to_owned(),
        });
        if !self.admits(request) {
            return Some(http(
                403,
                "",
                "<Error><Code>AuthenticationFailed</Code></Error>",
            ));
        }
        let fault = state.plan.pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::None => Some(state.handle(request)),
            Fault::DoneThenCut => {
                state.handle(request);
                None
            }
            Fault::DoneThen500 => {
                state.handle(request);
                Some(http(500, "", ""))
            }
            Fault::Cut => None,
            Fault::Refuse(status, body) => Some(http(status, "", body)),
            Fault::SomebodyElse => {
                let row = json!({"PartitionKey": "p", "RowKey": "r", "by": "somebody else"});
                state.store("p/r", row);
                Some(http(503, "", ""))
            }
        }
    }

    fn admits(&self, request: &Request) -> bool {
        let expected = match &self.entrance {
            Entrance::Bearer(token) => format!("Bearer {token}"),
            Entrance::SharedKeyLite => {
                let path = request.url.split('?').next().unwrap();
                let signed = format!("{}\n/{ACCOUNT}{path}", request.header("x-ms-date"));
                let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
                let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
                format!("SharedKeyLite {ACCOUNT}:{signature}")
            }
        };
        request.header("authorization") == expected
    }
}

impl State {
    fn store(&mut self, keys: &str, row: Value) -> String {
        self.versions += 1;
        self.rows.insert(keys.to_owned(), (self.versions, row));
        etag(self.versions)
    }

    fn handle(&mut self, request: &Request) -> String {
        if request.url.ends_with("/$batch") {
            return self.handle_batch(&request.body);
        }
        let (status, headers, body) = self.apply(
            &request.method,
            &request.url,
            request.header("if-match"),
            &request.body,
        );
        http(status, &headers, &body)
    }

    /// Status, headers and body.
    fn apply(
        &mut self,
        method: &str,
        url: &str,
        if_match: &str,
        body: &str,
    ) -> (u16, String, String) {
        let keys = keys(url, body);
        let current = self.rows.get(&keys).cloned();
        if method == "GET" {
            return match current {
                Some((version, mut row)) => {
                    row["odata.etag"] = json!(etag(version));
                    (200, String::new(), row.to_string())
                }
                None => (404, String::new(), error("ResourceNotFound")),
            };
        }
        if method == "POST" && current.is_some() {
            return (409, String::new(), error("EntityAlreadyExists"));
        }
        if !if_match.is_empty() {
            match &current {
                None => return (404, String::new(), error("ResourceNotFound")),
                Some((version, _)) if if_match != "*" && if_match != etag(*version) => {
                    return (412, String::new(), error("UpdateConditionNotSatisfied"));
                }
                Some(_) => {}
            }
        }
        if method == "DELETE" {
            self.rows.remove(&keys);
            return (204, String::new(), String::new());
        }
        let tag = self.store(&keys, serde_json::from_str(body).unwrap());
        (204, format!("ETag: {tag}\r\n"), String::new())
    }

    fn handle_batch(&mut self, body: &str) -> String {
        let before = (self.rows.clone(), self.versions);
        let mut answer = String::new();
        for (index, part) in body
            .split("\r\nContent-Transfer-Encoding: binary\r\n\r\n")
            .skip(1)
            .enumerate()
        {
            let (head, rest) = part.split_once("\r\n\r\n").unwrap();
            let mut lines = head.lines();
            let mut start = lines.next().unwrap().split(' ');
            let (method, url) = (start.next().unwrap(), start.next().unwrap());
            let if_match = lines
                .find_map(|line| line.strip_prefix("If-Match: "))
                .unwrap_or("");
            let json = rest.lines().next().unwrap_or("");
            let (status, headers, body) = self.apply(method, url, if_match, json);
            if status >= 400 {
                (self.rows, self.versions) = before;
                let body = body.replace("\"value\":\"", &format!("\"value\":\"{index}:"));
                let failed = format!("--c\r\n\r\nHTTP/1.1 {status} No\r\n\r\n{body}\r\n--c--\r\n");
                return http(202, "", &failed);
            }
            let part = format!("--c\r\n\r\nHTTP/1.1 {status} Yes\r\n{headers}\r\n\r\n");
            answer.push_str(&part);
        }
        http(202, "", &(answer + "--c--\r\n"))
    }
}

fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

fn error(code: &str) -> String {
    json!({"odata.error": {"code": code, "message": {"lang": "en-US", "value": "No."}}}).to_string()
}

/// `partition/row` of an address, or of the row in an insert.
fn keys(url: &str, body: &str) -> String {
    let url = percent_decode_str(url).decode_utf8().unwrap().into_owned();
    if let Some((_, keys)) = url.split_once("(PartitionKey='") {
        let keys = keys.strip_suffix("')").unwrap();
        return keys.replacen("',RowKey='", "/", 1).replace("''", "'");
    }
    let row: Value = serde_json::from_str(body).unwrap();
    format!(
        "{}/{}",
        row["PartitionKey"].as_str().unwrap(),
        row["RowKey"].as_str().unwrap()
    )
}

fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut start = lines.next()?.split(' ');
    let mut request = Request {
        method: start.next()?.to_owned(),
        url: start.next()?.to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: String::new(),
    };
    let length: usize = request.header("content-length").parse().unwrap_or(0);
    while bytes.len() < end + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    request.body = String::from_utf8(bytes[end..].to_vec()).unwrap();
    Some(request)
}
