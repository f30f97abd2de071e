//! Asks a server, with limits.

use std::time::Duration;

use entrada_ambient::Clock;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::app::Ambient;
use crate::config::BaseUrl;
use crate::error::chain;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(15);
/// How much of an answer is read.
const LONGEST: usize = 1024 * 1024;

/// Somebody at the door.
#[derive(Debug)]
pub(in crate::doctor) struct Visitor<'a> {
    pub(in crate::doctor) base: &'a BaseUrl,
    pub(in crate::doctor) http: &'a reqwest::Client,
    pub(in crate::doctor) clock: &'a dyn Clock,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(in crate::doctor) struct Answer {
    pub(in crate::doctor) status: StatusCode,
    pub(in crate::doctor) headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// A header's value; several are joined by a comma.
    pub(in crate::doctor) fn header(&self, name: &str) -> String {
        let values: Vec<_> = self
            .headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        values.join(", ")
    }

    /// The body as JSON; null when it is none.
    pub(in crate::doctor) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A member of a JSON object; null when there is none.
pub(super) fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

impl<'a> Visitor<'a> {
    pub(in crate::doctor) fn new(base: &'a BaseUrl, ambient: &'a Ambient) -> Self {
        Self {
            base,
            http: &ambient.http,
            clock: ambient.clock.as_ref(),
        }
    }

    /// `GET path` with these headers.
    pub(in crate::doctor) async fn get(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        self.ask(Method::GET, path, headers, None).await
    }

    /// Any request. `Err` says in words why there is no answer.
    pub(in crate::doctor) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let mut request = self
            .http
            .request(method, self.base.join(path))
            .timeout(LIMIT);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let words = |error: reqwest::Error| chain(&error.without_url());
        let mut answer = request.send().await.map_err(words)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(words)? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST {
                return Err("the answer is longer than 1 MiB".to_owned());
            }
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}
