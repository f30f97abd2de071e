//! `GET /api/health`: what works and what does not.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use entrada_ambient::Clock;
use entrada_entra::{AccessTokenValidator, Discovery, EntraClient};
use entrada_tables::Tables;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use time::format_description::well_known::Rfc3339;
use tokio::sync::Mutex;
use url::Url;

use super::sweep::last_sweep;
use super::{
    HealthReport, MissingPiece, ReEncryption, ServiceStatus, Services, Status, beat, stored_values,
};
use crate::auth::credential_trouble;
use crate::chat::Catalogue;
use crate::error::chain;
use crate::identity::{KeyRings, Revocations, StoredValues};
use crate::limits::Limits;

/// How long an answer of others is repeated.
const KEPT: Duration = Duration::from_secs(10);
/// How long a probe may take.
const LIMIT: Duration = Duration::from_secs(2);

/// What is looked at.
#[derive(Debug, Clone)]
pub struct HealthSources {
    /// Storage.
    pub tables: Arc<dyn Tables>,
    /// Entra's configuration.
    pub discovery: Arc<Discovery>,
    /// Entra's keys.
    pub validator: Arc<AccessTokenValidator>,
    /// We as Entra's client.
    pub entra: Arc<EntraClient>,
    /// Our keys.
    pub rings: Arc<KeyRings>,
    /// Whether there is a key vault.
    pub has_vault: bool,
    /// The revocation list.
    pub revocations: Arc<Revocations>,
    /// The limits.
    pub limits: Arc<Limits>,
    /// The Foundry project, if there is one.
    pub foundry: Option<Url>,
    /// The network.
    pub http: reqwest::Client,
    /// The agents, and what Foundry says of them.
    pub catalogue: Arc<Catalogue>,
}

/// What others said when they were asked.
#[derive(Debug, Clone)]
struct Answers {
    storage: ServiceStatus,
    /// Whether Entra's configuration can be had.
    entra: bool,
    /// Whether Foundry answers.
    foundry: bool,
    last_sweep: Option<String>,
    /// What is known of sealed values, if it matters and storage says.
    stored: Option<StoredValues>,
    timestamp: String,
}

/// Finds out how the server is. Others are asked at most every ten seconds.
#[derive(Debug)]
pub struct Health {
    sources: HealthSources,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Duration, Answers)>>,
}

impl Health {
    /// Looks at these.
    #[must_use]
    pub fn new(sources: HealthSources, clock: Arc<dyn Clock>) -> Self {
        Self {
            sources,
            clock,
            last: Mutex::default(),
        }
    }

    /// How the server is now. What others said is at most ten seconds old;
    /// callers at the same moment share one question.
    pub async fn report(&self) -> HealthReport {
        let mut last = self.last.lock().await;
        let now = self.clock.monotonic();
        if let Some((asked_at, answers)) = last.as_ref()
            && now.saturating_sub(*asked_at) < KEPT
        {
            return self.tell(answers.clone());
        }
        let answers = self.ask().await;
        *last = Some((now, answers.clone()));
        self.tell(answers)
    }

    async fn ask(&self) -> Answers {
        let (storage, entra, foundry, last_sweep, stored) = tokio::join!(
            self.storage(),
            self.entra_answers(),
            self.foundry_answers(),
            self.last_sweep(),
            self.stored()
        );
        Answers {
            storage,
            entra,
            foundry,
            last_sweep,
            stored,
            timestamp: self.clock.now().format(&Rfc3339).unwrap_or_default(),
        }
    }

    /// What is known here needs no question, so it is never old: a server that
    /// has just started is well as soon as it is.
    fn tell(&self, answers: Answers) -> HealthReport {
        let credential = self.sources.entra.credential_status();
        let services = Services {
            api: self.api(),
            azure_ad: self.azure_ad(answers.entra),
            azure_foundry: self.azure_foundry(answers.foundry),
            storage: answers.storage,
            key_vault: self.key_vault(),
        };
        HealthReport {
            status: services.overall(),
            services,
            mcp_enabled: true,
            missing: missing(&self.sources, answers.storage),
            entra_credential: credential.kind.to_owned(),
            limits: self.sources.limits.status(),
            client_addresses: self.sources.limits.addresses(),
            timestamp: answers.timestamp,
            re_encryption: self.re_encryption(answers.stored),
            last_sweep: answers.last_sweep,
        }
    }

    fn key_vault(&self) -> ServiceStatus {
        let rings = &self.sources.rings;
        match (self.sources.has_vault, rings.trouble(), rings.current()) {
            (false, ..) => ServiceStatus::NotConfigured,
            (true, None, _) => ServiceStatus::Operational,
            (true, Some(_), Ok(_)) => ServiceStatus::Degraded,
            (true, Some(_), Err(_)) => ServiceStatus::Unavailable,
        }
    }

    fn api(&self) -> ServiceStatus {
        if self.sources.rings.current().is_err() || !self.sources.revocations.is_fresh() {
            return ServiceStatus::Unavailable;
        }
        ServiceStatus::Operational
    }

    async fn storage(&self) -> ServiceStatus {
        match tokio::time::timeout(LIMIT, self.sources.tables.ping()).await {
            Ok(Ok(())) => ServiceStatus::Operational,
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "health: storage");
                ServiceStatus::Unavailable
            }
            Err(_) => {
                tracing::warn!("health: storage did not answer within two seconds");
                ServiceStatus::Unavailable
            }
        }
    }

    /// Absent while storage does not say: that is no fault of its own.
    async fn last_sweep(&self) -> Option<String> {
        let noted = last_sweep(self.sources.tables.as_ref());
        tokio::time::timeout(LIMIT, noted).await.ok()?.ok()?
    }

    /// Storage is not asked where no key has retired. Whether one has is not
    /// known before there is a ring.
    async fn stored(&self) -> Option<StoredValues> {
        let ring = self.sources.rings.current();
        if ring.is_ok_and(|ring| ring.retired_encryption_keys().is_empty()) {
            return None;
        }
        let stored = stored_values(self.sources.tables.as_ref());
        tokio::time::timeout(LIMIT, stored).await.ok()?.ok()
    }

    /// Absent, too, while storage does not say.
    fn re_encryption(&self, stored: Option<StoredValues>) -> Option<ReEncryption> {
        let retired = self.sources.rings.current().ok()?.retired_encryption_keys();
        if retired.is_empty() {
            return None;
        }
        let StoredValues::Counted(census) = stored? else {
            return Some(ReEncryption {
                retired_keys: retired.len(),
                still_needed: retired.len(),
                looked_through: None,
            });
        };
        Some(ReEncryption {
            retired_keys: retired.len(),
            still_needed: retired.iter().filter(|kid| !census.is_free_of(kid)).count(),
            looked_through: census.ended_at.format(&Rfc3339).ok(),
        })
    }

    async fn entra_answers(&self) -> bool {
        let configuration = tokio::time::timeout(LIMIT, self.sources.discovery.sign_in()).await;
        if let Ok(Err(error)) = &configuration {
            tracing::warn!(error = chain(error), "health: Microsoft Entra ID");
        }
        matches!(configuration, Ok(Ok(_)))
    }

    async fn foundry_answers(&self) -> bool {
        let Some(endpoint) = &self.sources.foundry else {
            return false;
        };
        let reaching = entrada_foundry::reach(&self.sources.http, endpoint);
        match tokio::time::timeout(LIMIT, reaching).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "health: Foundry");
                false
            }
            Err(_) => {
                tracing::warn!("health: Foundry did not answer within two seconds");
                false
            }
        }
    }

    fn azure_foundry(&self, answers: bool) -> ServiceStatus {
        if self.sources.foundry.is_none() {
            ServiceStatus::NotConfigured
        } else if !answers {
            ServiceStatus::Unavailable
        } else if self.sources.catalogue.misses_agents() {
            ServiceStatus::Degraded
        } else {
            ServiceStatus::Operational
        }
    }

    fn azure_ad(&self, answers: bool) -> ServiceStatus {
        let keys = self.sources.validator.keys_status();
        let credential = self.sources.entra.credential_status();
        if !answers {
            ServiceStatus::Unavailable
        } else if keys.last_error.is_some() || credential.trouble.is_some() {
            ServiceStatus::Degraded
        } else {
            ServiceStatus::Operational
        }
    }
}

/// What does not work for want of something, and why.
fn missing(sources: &HealthSources, storage: ServiceStatus) -> Vec<MissingPiece> {
    let mut missing = Vec::new();
    let mut note = |code: &str, detail: &str| {
        missing.push(MissingPiece {
            code: code.to_owned(),
            detail: detail.to_owned(),
        });
    };
    let absent = sources.rings.current().err().map(|error| error.0);
    if let Some(keys) = absent.or(sources.rings.trouble()) {
        note(keys.code(), keys.detail());
    }
    if storage == ServiceStatus::Unavailable {
        note(
            "STORAGE_UNAVAILABLE",
            "storage does not answer, or refuses this server",
        );
    }
    if sources.catalogue.misses_agents() {
        note(
            "AGENTS_NOT_LISTED",
            "the managed identity cannot list the agents of the Foundry project, all of which are \
             to be offered: the log says why",
        );
    }
    // Which they are is nobody's business here; the log names them.
    let unavailable = sources.catalogue.unavailable().len();
    if unavailable > 0 {
        let detail = format!(
            "{unavailable} of the agents in agents.json are turned off in Foundry or not there: \
             `entrada doctor` names them where the managed identity is"
        );
        note("AGENTS_UNAVAILABLE", &detail);
    }
    let trouble = sources.entra.credential_status().trouble;
    if let Some(error) = trouble {
        match credential_trouble(&error) {
            Some((code, detail)) => note(code, &detail),
            None => note("CREDENTIAL_REFUSED", &error.to_string()),
        }
    }
    missing
}

/// Answers 200, or 503 while the server cannot serve; with
/// `Accept: text/event-stream` as two events a second apart.
pub async fn health(State(health): State<Arc<Health>>, headers: HeaderMap) -> Response {
    let report = health.report().await;
    if beat::is_asked_for(&headers) {
        return beat::answer(&report);
    }
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    if report.status == Status::Unhealthy {
        let wait = [(RETRY_AFTER, HeaderValue::from_static("10"))];
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            no_store,
            wait,
            Json(report),
        )
            .into_response();
    }
    (no_store, Json(report)).into_response()
}
