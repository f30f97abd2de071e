//! Microsoft Graph, for reading.

use std::fmt;
use std::ops::ControlFlow;
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
    /// The list goes on after all that was read of it.
    Long,
}

impl fmt::Display for GraphError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => formatter.write_str("Microsoft Graph does not take the token"),
            Self::Denied => formatter.write_str("the token may not read it"),
            Self::Away(reason) => write!(formatter, "Microsoft Graph did not answer: {reason}"),
            Self::Long => write!(formatter, "the list has more than {PAGES} pages"),
        }
    }
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

    /// Every member of a list.
    pub(super) async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
    ) -> Result<Vec<T>, GraphError> {
        let mut members = Vec::new();
        let walked = self.walk(path, |page| {
            members.extend(page);
            ControlFlow::Continue(())
        });
        walked.await?;
        Ok(members)
    }

    /// Whether a list has a member that `is_it`.
    pub(super) async fn any<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        is_it: impl Fn(&T) -> bool,
    ) -> Result<bool, GraphError> {
        let mut found = false;
        let walked = self.walk(path, |page: Vec<T>| {
            found = page.iter().any(&is_it);
            if found {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        walked.await?;
        Ok(found)
    }

    /// Takes a list page by page, to its end or until `take` has enough
    /// (Microsoft Learn, "Paging Microsoft Graph data in your app").
    async fn walk<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        mut take: impl FnMut(Vec<T>) -> ControlFlow<()>,
    ) -> Result<(), GraphError> {
        let mut url = format!("{}{path}", self.base);
        for _ in 0..PAGES {
            let Some(page) = self.ask::<Page<T>>(&url).await? else {
                return Ok(());
            };
            if take(page.value).is_break() {
                return Ok(());
            }
            match page.next {
                None => return Ok(()),
                // The token goes nowhere else.
                Some(next) if next.starts_with(&self.base) => url = next,
                Some(_) => {
                    let reason = "the rest of a list is at another address";
                    return Err(GraphError::Away(reason.to_owned()));
                }
            }
        }
        Err(GraphError::Long)
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
