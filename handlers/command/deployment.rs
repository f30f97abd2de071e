//! What a server says of itself in public.

use std::time::Duration;

use entrada_ambient::{Environment, FixedEnvironment, ProcessEnvironment};
use reqwest::header::LOCATION;
use serde::Deserialize;
use thiserror::Error;
use url::Url;
use uuid::Uuid;

use super::serve::Failure;
use crate::config::{BaseUrl, Settings};

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A server did not say who it is.
#[derive(Debug, Error)]
pub(crate) enum DeploymentError {
    /// Nothing that can be used came.
    #[error("{url} does not answer as Entrada does: {reason}")]
    NotEntrada {
        /// What was asked.
        url: String,
        /// What came instead.
        reason: String,
    },
}

/// What a server says of itself at `/auth/info` and in its resource metadata.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) tenant_id: Uuid,
    pub(crate) client_id: Uuid,
    /// The scope's name, without the application in front.
    pub(crate) scope: Option<String>,
    /// Entra's address, by the metadata.
    pub(crate) authority: Option<Url>,
}

#[derive(Deserialize)]
struct Info {
    tenant_id: Uuid,
    client_id: Uuid,
    entra_scope: String,
}

#[derive(Deserialize)]
struct Resource {
    authorization_servers: Vec<Url>,
}

impl Deployment {
    /// Asks the server at `base`.
    ///
    /// # Errors
    /// When no Entrada answers there.
    pub(crate) async fn ask(
        base: &BaseUrl,
        http: &reqwest::Client,
    ) -> Result<Self, DeploymentError> {
        let info: Info = document(http, base.join("/auth/info")).await?;
        let url = base.join("/.well-known/oauth-protected-resource");
        let resource: Option<Resource> = document(http, url).await.ok();
        let tenant = info.tenant_id.to_string();
        // The home tenant's own server stands there as `{authority}/{tenant}/v2.0`.
        let authority = resource
            .into_iter()
            .flat_map(|resource| resource.authorization_servers)
            .find_map(|server| {
                let authority = server.as_str().split_once(&format!("/{tenant}/"))?.0;
                Url::parse(authority).ok()
            });
        Ok(Self {
            tenant_id: info.tenant_id,
            client_id: info.client_id,
            scope: info
                .entra_scope
                .rsplit_once('/')
                .map(|(_, scope)| scope.to_owned()),
            authority,
        })
    }

    /// The settings that say the same.
    pub(crate) fn settings(&self, base: &BaseUrl) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("ENTRADA_BASE_URL", base.as_str().to_owned()),
            ("ENTRADA_TENANT_ID", self.tenant_id.to_string()),
            ("ENTRADA_CLIENT_ID", self.client_id.to_string()),
        ];
        let scope = self.scope.clone();
        settings.extend(scope.map(|scope| ("ENTRADA_REQUIRED_SCOPE", scope)));
        let authority = self.authority.as_ref();
        settings.extend(authority.map(|url| ("ENTRADA_AUTHORITY", url.to_string())));
        settings
    }
}

/// Settings for looking at things rather than for serving: `given` over the
/// process's environment, nothing stored, and plain http allowed.
pub(crate) fn lenient_settings(given: Vec<(&'static str, String)>) -> Result<Settings, Failure> {
    let environment = Over {
        given: FixedEnvironment::new(given),
        defaults: FixedEnvironment::new([
            ("ENTRADA_STORAGE", "https://unused.invalid"),
            ("ENTRADA_KEY_VAULT_URL", "https://unused.invalid"),
        ]),
    };
    let (settings, _) = Settings::load(&environment, true).map_err(|faults| {
        Failure::other(format!(
            "{faults}\nSet them, or name the server with --url."
        ))
    })?;
    Ok(settings)
}

/// What was given, over the process's environment, over defaults.
#[derive(Debug)]
struct Over {
    given: FixedEnvironment,
    defaults: FixedEnvironment,
}

impl Environment for Over {
    fn get(&self, name: &str) -> Option<String> {
        self.given
            .get(name)
            .or_else(|| ProcessEnvironment.get(name))
            .or_else(|| self.defaults.get(name))
    }
}

/// Where the server at `base` has Entra send people back to, as its sign-in
/// says; none when it does not say now, or names an address that is not its
/// own. Only letters, digits and `-._~/` stand in it after the base: it becomes
/// part of a command.
pub(crate) async fn callback(base: &BaseUrl, http: &reqwest::Client) -> Option<String> {
    let answer = http
        .get(base.join("/auth/login"))
        .timeout(LIMIT)
        .send()
        .await
        .ok()?;
    let location = Url::parse(answer.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    let (_, callback) = location
        .query_pairs()
        .find(|(name, _)| name == "redirect_uri")?;
    let path = callback.strip_prefix(base.as_str())?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let sound = path.starts_with('/') && path.bytes().all(plain);
    sound.then(|| callback.into_owned())
}

async fn document<T: for<'de> Deserialize<'de>>(
    http: &reqwest::Client,
    url: String,
) -> Result<T, DeploymentError> {
    let fault = |reason: String| DeploymentError::NotEntrada {
        url: url.clone(),
        reason,
    };
    let answer = http
        .get(&url)
        .timeout(LIMIT)
        .send()
        .await
        .map_err(|error| fault(crate::error::chain(&error.without_url())))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(fault(format!("status {}", status.as_u16())));
    }
    answer
        .json()
        .await
        .map_err(|error| fault(crate::error::chain(&error.without_url())))
}
