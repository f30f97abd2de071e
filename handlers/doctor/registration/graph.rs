//! Microsoft Graph, for reading.

use std::time::Duration;

use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use crate::error::chain;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(15);
/// How many pages of a list are read.
const PAGES: usize = 10;

/// Graph did not tell.
#[derive(Debug)]
pub(super) enum GraphError {
    /// 401: the token is not one for Graph, or has ended.
    Token,
    /// 403: the token may not read this.
    Denied,
    /// No answer, or none that can be used.
    Away(String),
}

/// Graph with a token.
pub(super) struct Graph<'a> {
    base: String,
    token: SecretString,
    http: &'a reqwest::Client,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(base: &Url, token: SecretString, http: &'a reqwest::Client) -> Self {
        Self {
            base: format!("{}/v1.0/", base.as_str().trim_end_matches('/')),
            token,
            http,
        }
    }

    /// One resource; `None` when there is none.
    pub(super) async fn one<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
    ) -> Result<Option<T>, GraphError> {
        self.ask(&format!("{}{path}", self.base)).await
    }

    /// Every member of a list (Microsoft Learn, "Paging Microsoft Graph data").
    pub(super) async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
    ) -> Result<Vec<T>, GraphError> {
        let mut members = Vec::new();
        let mut next = Some(format!("{}{path}", self.base));
        for _ in 0..PAGES {
            let Some(url) = next.take() else { break };
            let Some(page) = self.ask::<Page<T>>(&url).await? else {
                break;
            };
            members.extend(page.value);
            // The token goes nowhere else.
            next = page.next.filter(|url| url.starts_with(&self.base));
        }
        Ok(members)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<Option<T>, GraphError> {
        let away = |error: reqwest::Error| GraphError::Away(chain(&error.without_url()));
        let answer = self
            .http
            .get(url)
            .timeout(LIMIT)
            .bearer_auth(self.token.expose_secret())
            .send()
            .await
            .map_err(away)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED => Err(GraphError::Token),
            StatusCode::FORBIDDEN => Err(GraphError::Denied),
            status if status.is_success() => answer.json().await.map(Some).map_err(away),
            status => Err(GraphError::Away(format!("status {}", status.as_u16()))),
        }
    }
}
