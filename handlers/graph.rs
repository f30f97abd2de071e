//! Microsoft Graph, as the signed-in person.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::send;
use entrada_foundry::claims_challenge;
use http::StatusCode;
use reqwest::{Client, Response};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;
use uuid::Uuid;

use crate::downstream::{Downstream, DownstreamError};
use crate::identity::Principal;

/// The permission that the own profile takes (Microsoft Learn, "Get a user",
/// delegated, least privileged).
pub const SCOPE: &str = "https://graph.microsoft.com/User.Read";

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes; real ones have less than a thousand.
const LARGEST: usize = 64 * 1024;
/// What is asked for, and nothing else.
const SELECT: &str =
    "id,displayName,userPrincipalName,mail,jobTitle,officeLocation,preferredLanguage";

/// A person's profile (Microsoft Learn, "user resource type").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Profile {
    /// The object id.
    pub id: Uuid,
    /// The name as people read it.
    pub display_name: Option<String>,
    /// The name that the person signs in by.
    pub user_principal_name: Option<String>,
    /// The e-mail address.
    pub mail: Option<String>,
    /// The job.
    pub job_title: Option<String>,
    /// Where the person works.
    pub office_location: Option<String>,
    /// The language, such as `en-US`.
    pub preferred_language: Option<String>,
}

/// Why there is no profile.
#[derive(Debug, Error)]
pub enum GraphError {
    /// There is no token for Graph.
    #[error("there is no token for Microsoft Graph")]
    Token(#[from] DownstreamError),
    /// Graph does not take the token, and says no claims that would help.
    #[error("Microsoft Graph does not take the token")]
    Unauthorized,
    /// The permission is missing.
    #[error("Microsoft Graph refused: the permission is missing")]
    Forbidden,
    /// Graph does not answer, or not as documented.
    #[error("Microsoft Graph does not answer: {0}")]
    Unavailable(String),
}

/// Microsoft Graph.
#[derive(Debug)]
pub struct Graph {
    base: Url,
    http: Client,
    downstream: Arc<Downstream>,
}

impl Graph {
    /// Graph at `base`, such as `https://graph.microsoft.com`.
    #[must_use]
    pub fn new(base: Url, http: Client, downstream: Arc<Downstream>) -> Self {
        Self {
            base,
            http,
            downstream,
        }
    }

    /// The caller's own profile, read on behalf of the caller. A claims
    /// challenge of continuous access evaluation is met once, by a token that
    /// Entra issues for it.
    ///
    /// # Errors
    /// When there is no token for Graph, or Graph refuses or does not answer.
    pub async fn me(&self, caller: &Principal) -> Result<Profile, GraphError> {
        let token = self.downstream.token(caller, SCOPE, None).await?;
        let response = self.ask(&token).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return read(response).await;
        }
        let Some(claims) = claims_challenge(response.headers()) else {
            return Err(GraphError::Unauthorized);
        };
        let token = self.downstream.token(caller, SCOPE, Some(&claims)).await?;
        read(self.ask(&token).await?).await
    }

    async fn ask(&self, token: &SecretString) -> Result<Response, GraphError> {
        let url = format!("{}/v1.0/me", self.base.as_str().trim_end_matches('/'));
        let failed = |error: reqwest::Error| transport(&error.without_url());
        let request = self
            .http
            .get(url)
            .query(&[("$select", SELECT)])
            .bearer_auth(token.expose_secret())
            .timeout(LIMIT)
            .build()
            .map_err(failed)?;
        send(&self.http, request, "Microsoft Graph")
            .await
            .map_err(failed)
    }
}

fn transport(error: &reqwest::Error) -> GraphError {
    GraphError::Unavailable(crate::error::chain(error))
}

async fn read(mut response: Response) -> Result<Profile, GraphError> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(GraphError::Unauthorized),
        StatusCode::FORBIDDEN => return Err(GraphError::Forbidden),
        other => return Err(GraphError::Unavailable(format!("status {other}"))),
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport(&error.without_url()))?
    {
        if body.len() + chunk.len() > LARGEST {
            return Err(GraphError::Unavailable(
                "the answer is too large".to_owned(),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map_err(|_| GraphError::Unavailable("the answer is not a profile".to_owned()))
}
