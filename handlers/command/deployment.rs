//! What a server says of itself in public.

use std::time::Duration;

use entrada_ambient::{Environment, FixedEnvironment, ProcessEnvironment};
use reqwest::header::LOCATION;
use serde::Deserialize;
use thiserror::Error;
use url::Url;
use uuid::Uuid;

use crate::config::{BaseUrl, Readable, Settings, SettingsFaults};

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
    /// Its own base URL, which may differ from the one that was asked.
    pub(crate) base: BaseUrl,
    pub(crate) tenant_id: Uuid,
    pub(crate) client_id: Uuid,
    /// The scope's name, without the application in front.
    pub(crate) scope: Option<String>,
    /// Entra's address, by the metadata.
    pub(crate) authority: Option<Url>,
}

#[derive(Deserialize)]
struct Info {
    protected_resource_metadata: String,
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
            base: own_base(&info.protected_resource_metadata).unwrap_or_else(|| base.clone()),
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
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("ENTRADA_BASE_URL", self.base.as_str().to_owned()),
            // One of the environment's would be of another server.
            ("ENTRADA_CALLBACK_URL", self.base.join("/auth/callback")),
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

/// The base URL under which a server names its metadata.
fn own_base(metadata: &str) -> Option<BaseUrl> {
    let (base, _) = metadata.split_once("/.well-known/")?;
    let base = BaseUrl::parse(base).ok()?;
    (base.is_https() || base.is_loopback()).then_some(base)
}

/// Settings for looking at things rather than for serving: `given` over the
/// process's environment, nothing stored, and plain http allowed.
///
/// # Errors
/// All faults at once.
pub(crate) fn lenient_settings(
    given: Vec<(&'static str, String)>,
) -> Result<Settings, SettingsFaults> {
    Settings::load(&Over::the_process(given), true).map(|(settings, _)| settings)
}

/// The same as far as they can be read.
///
/// # Errors
/// All faults at once, when nothing of the rest can be had without them.
pub(crate) fn readable_settings(
    given: Vec<(&'static str, String)>,
) -> Result<Readable, SettingsFaults> {
    Readable::load(&Over::the_process(given), true)
}

/// What was given, over the process's environment, over defaults.
#[derive(Debug)]
struct Over {
    given: FixedEnvironment,
    defaults: FixedEnvironment,
}

impl Over {
    fn the_process(given: Vec<(&'static str, String)>) -> Self {
        Self {
            given: FixedEnvironment::new(given),
            defaults: FixedEnvironment::new([
                ("ENTRADA_STORAGE", "https://unused.invalid"),
                ("ENTRADA_KEY_VAULT_URL", "https://unused.invalid"),
            ]),
        }
    }
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
