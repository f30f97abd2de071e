//! Puts the pieces together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use entrada_ambient::{Clock, Random};
use entrada_entra::{AccessTokenValidator, ClientSecret, Discovery, EntraClient, EntraSettings};
use entrada_tables::{AzureTables, EmbeddedTables, Tables};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::address::AddressSource;
use crate::audit::{self, Audit, AuditReader, AuditSources};
use crate::auth::info::Info;
use crate::auth::{SignInPieces, SignInSources};
use crate::chat::{AgentRoute, AgentsService, Catalogue, Chat, ChatLimits, ChatSources};
use crate::config::{Settings, StorageSettings, Surroundings, WeatherSettings};
use crate::downstream::{Downstream, DownstreamSources};
use crate::error::chain;
use crate::grants::{Grants, Keys};
use crate::identity::{
    Authenticator, Gate, KeyRing, KeyRings, OwnTokens, Profiles, Revocations, Sighting,
};
use crate::limits::{self, Limits};
use crate::mcp::{AllowedOrigins, McpServer, Registry, tools};
use crate::oauth::ProtectedResources;
use crate::oauth::clients::{
    self, AddressPolicy, ClientSources, Clients, RedirectRules, SystemLookup,
};
use crate::ops::{Health, HealthSources, Root};
use crate::policy::{self, Policy};
use crate::records::Records;
use crate::state::{AppState, Pieces};
use crate::weather::{Alerts, ExampleWeather, OpenMeteo, OpenMeteoUrls, WeatherProvider};
use crate::{auth, chat, downstream, grants, identity, records, weather};

/// The tables that the server works with.
pub const TABLES: [&str; 11] = [
    audit::TABLE,
    limits::TABLE,
    clients::TABLE,
    auth::FLOWS_TABLE,
    grants::TABLE,
    downstream::TABLE,
    chat::TABLE,
    identity::REVOCATIONS_TABLE,
    identity::PROFILES_TABLE,
    weather::ALERTS_TABLE,
    records::TABLE,
];

/// A fault of the set-up that ends the start. What is merely away does not.
#[derive(Debug, Error)]
#[error("{setting}: {what}")]
pub struct StartError {
    setting: &'static str,
    what: String,
}

impl StartError {
    fn new(setting: &'static str, what: impl Into<String>) -> Self {
        Self {
            setting,
            what: what.into(),
        }
    }
}

/// Time, randomness and network, as they enter.
#[derive(Debug, Clone)]
pub struct Ambient {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Network.
    pub http: reqwest::Client,
}

/// The server, ready to be served.
#[derive(Debug)]
pub struct App {
    /// All routes.
    pub router: Router,
    /// All tools, for documentation and packaging.
    pub registry: Arc<Registry>,
    tables: Arc<dyn Tables>,
    revocations: Arc<Revocations>,
    profiles: Arc<Profiles>,
    sightings: mpsc::Receiver<Sighting>,
    audit: audit::Writer,
}

/// Entra as the server sees it.
struct Upstream {
    settings: Arc<EntraSettings>,
    discovery: Arc<Discovery>,
    validator: Arc<AccessTokenValidator>,
    client: Arc<EntraClient>,
}

impl App {
    /// Puts the server together. Nothing is asked of anybody yet.
    ///
    /// # Errors
    /// With the setting that is at fault.
    pub fn assemble(settings: &Settings, ambient: &Ambient) -> Result<Self, StartError> {
        let tables = open_tables(settings, ambient)?;
        let upstream = upstream(settings, ambient)?;
        let rings = Arc::new(KeyRings::new(Some(key_ring(settings)?)));
        let policy = Arc::new(read_policy(settings)?);
        let (clock, random) = (ambient.clock.clone(), ambient.random.clone());
        let (profiles, sightings) = Profiles::new(tables.clone(), clock.clone(), random.clone());
        let profiles = Arc::new(profiles);
        let revocations = Arc::new(Revocations::new(tables.clone(), clock.clone()));
        let (audit, audit_writer) = audit_log(settings, ambient, &tables, &rings);
        let own = Arc::new(OwnTokens::new(
            settings.base_url.clone(),
            rings.clone(),
            clock.clone(),
            random.clone(),
        ));
        let grants = Arc::new(Grants::new(
            tables.clone(),
            Keys {
                rings: rings.clone(),
                own: own.clone(),
            },
            upstream.client.clone(),
            revocations.clone(),
            (clock.clone(), random.clone()),
            audit.clone(),
        ));
        let authenticator = Arc::new(Authenticator::new(
            settings.base_url.clone(),
            own.clone(),
            upstream.validator.clone(),
            revocations.clone(),
            policy.clone(),
            profiles.clone(),
            audit.clone(),
        ));
        let limits = Arc::new(Limits::new(settings.limits, tables.clone(), clock.clone()));
        let shared = Shared {
            tables: tables.clone(),
            rings,
            policy,
            profiles: profiles.clone(),
            revocations: revocations.clone(),
            grants,
            authenticator,
            limits,
            own,
            audit,
        };
        let pieces = pieces(settings, ambient, &upstream, shared)?;
        let state = AppState(Arc::new(pieces));
        Ok(Self {
            router: crate::router::router(&state, settings),
            registry: state.0.registry.clone(),
            tables,
            revocations,
            profiles,
            sightings,
            audit: audit_writer,
        })
    }

    /// Starts what goes on beside requests, and gives the routes.
    pub fn start(self) -> Router {
        let revocations = self.revocations;
        let tables = self.tables;
        tokio::spawn(async move {
            make_tables(tables.as_ref()).await;
            revocations.keep_loading().await;
        });
        tokio::spawn(self.audit.run());
        tokio::spawn(self.profiles.keep_writing(self.sightings));
        self.router
    }
}

/// Makes the tables that are missing; tries for ever, since storage may come
/// later than we do.
async fn make_tables(tables: &dyn Tables) {
    let mut wait = Duration::from_millis(500);
    for table in TABLES {
        while let Err(error) = tables.create_table(table).await {
            tracing::warn!(table, error = chain(&error), "a table could not be made");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(30));
        }
    }
}

/// The audit log and its writer.
fn audit_log(
    settings: &Settings,
    ambient: &Ambient,
    tables: &Arc<dyn Tables>,
    rings: &Arc<KeyRings>,
) -> (Arc<Audit>, audit::Writer) {
    let (audit, writer) = Audit::new(AuditSources {
        tables: tables.clone(),
        rings: rings.clone(),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
        days: settings.audit_days,
    });
    (Arc::new(audit), writer)
}

/// Storage, as the settings name it.
pub(crate) fn open_tables(
    settings: &Settings,
    ambient: &Ambient,
) -> Result<Arc<dyn Tables>, StartError> {
    const NAME: &str = "ENTRADA_STORAGE";
    let fault = |error: &dyn std::error::Error| StartError::new(NAME, chain(error));
    match &settings.storage {
        StorageSettings::Embedded(path) => {
            let tables =
                EmbeddedTables::open(path, ambient.clock.clone()).map_err(|error| fault(&error))?;
            Ok(Arc::new(tables))
        }
        StorageSettings::ConnectionString(text) => {
            let tables = AzureTables::from_connection_string(
                text,
                ambient.http.clone(),
                ambient.clock.clone(),
                ambient.random.clone(),
            )
            .map_err(|error| fault(&error))?;
            Ok(Arc::new(tables))
        }
        StorageSettings::TableService(_) => Err(StartError::new(
            NAME,
            "this version takes a connection string or a file; managed identity comes later",
        )),
    }
}

fn upstream(settings: &Settings, ambient: &Ambient) -> Result<Upstream, StartError> {
    let entra = Arc::new(settings.entra.clone());
    let (http, clock) = (&ambient.http, &ambient.clock);
    let secret = settings.client_secret.clone().ok_or_else(|| {
        StartError::new(
            "ENTRADA_CLIENT_SECRET",
            "is not set; it must be the application's client secret",
        )
    })?;
    let discovery = Arc::new(Discovery::new(entra.clone(), http.clone(), clock.clone()));
    let validator = Arc::new(AccessTokenValidator::new(
        entra.clone(),
        discovery.clone(),
        http.clone(),
        clock.clone(),
    ));
    let client = Arc::new(EntraClient::new(
        entra.clone(),
        discovery.clone(),
        validator.clone(),
        Arc::new(ClientSecret::new(secret)),
        http.clone(),
        clock.clone(),
    ));
    Ok(Upstream {
        settings: entra,
        discovery,
        validator,
        client,
    })
}

/// The key ring, as the settings give it.
pub(crate) fn key_ring(settings: &Settings) -> Result<KeyRing, StartError> {
    const NAME: &str = "ENTRADA_KEY_RING";
    let json = settings
        .key_ring
        .as_ref()
        .ok_or_else(|| StartError::new(NAME, "is not set; it must be a key ring as JSON"))?;
    KeyRing::parse(json).map_err(|error| StartError::new(NAME, chain(&error)))
}

fn read_policy(settings: &Settings) -> Result<Policy, StartError> {
    const NAME: &str = "ENTRADA_POLICY";
    let home = settings.entra.tenant_id;
    let parsed = match &settings.policy {
        None => Policy::parse(policy::DEFAULT, home),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| StartError::new(NAME, format!("{}: {error}", path.display())))?;
            Policy::parse(&text, home)
        }
    };
    parsed.map_err(|error| StartError::new(NAME, error.to_string()))
}

/// What several pieces share.
struct Shared {
    tables: Arc<dyn Tables>,
    rings: Arc<KeyRings>,
    policy: Arc<Policy>,
    profiles: Arc<Profiles>,
    revocations: Arc<Revocations>,
    grants: Arc<Grants>,
    authenticator: Arc<Authenticator>,
    limits: Arc<Limits>,
    own: Arc<OwnTokens>,
    audit: Arc<Audit>,
}

fn pieces(
    settings: &Settings,
    ambient: &Ambient,
    upstream: &Upstream,
    shared: Shared,
) -> Result<Pieces, StartError> {
    let base = settings.base_url.clone();
    let (clock, random) = (ambient.clock.clone(), ambient.random.clone());
    let sources = HealthSources {
        tables: shared.tables.clone(),
        discovery: upstream.discovery.clone(),
        validator: upstream.validator.clone(),
        rings: shared.rings.clone(),
        revocations: shared.revocations.clone(),
        limits: shared.limits.clone(),
        foundry: settings.foundry_endpoint.is_some(),
    };
    let health = Arc::new(Health::new(sources, clock.clone()));
    let info = Arc::new(Info::new(
        &base,
        upstream.settings.tenant_id,
        upstream.settings.client_id,
        &upstream.settings.required_scope,
    ));
    let services = tool_services(settings, ambient, &shared, &health, &info);
    let registry = tools::registry(&services, shared.policy.clone())
        .map_err(|error| StartError::new("tools", error.to_string()))?;
    let registry = Arc::new(registry);
    let sign_in = sign_in(settings, ambient, upstream, &shared);
    let downstream = Arc::new(downstream(ambient, upstream, &shared));
    let addresses = AddressSource::new(settings.client_ip_header.clone());
    Ok(Pieces {
        root: Arc::new(Root::new(&base)),
        health,
        info,
        gate: Arc::new(Gate::new(
            shared.authenticator.clone(),
            shared.limits.clone(),
            addresses.clone(),
        )),
        limits: shared.limits.clone(),
        addresses,
        resources: Arc::new(ProtectedResources::new(&base, &upstream.settings)),
        mcp: McpServer::new(
            registry.clone(),
            shared.grants.clone(),
            shared.audit.clone(),
        ),
        registry,
        origins: Arc::new(AllowedOrigins::new(base, &settings.cors_origins)),
        chat: Arc::new(chat(settings, ambient, &shared, downstream)?),
        sign_in,
        authenticator: shared.authenticator,
        grants: shared.grants,
        profiles: shared.profiles,
        clock,
        random,
    })
}

fn tool_services(
    settings: &Settings,
    ambient: &Ambient,
    shared: &Shared,
    health: &Arc<Health>,
    info: &Arc<Info>,
) -> tools::Services {
    let (clock, random) = (ambient.clock.clone(), ambient.random.clone());
    tools::Services {
        weather: weather_provider(&settings.weather, ambient),
        alerts: Arc::new(Alerts::new(
            shared.tables.clone(),
            clock.clone(),
            random.clone(),
        )),
        records: Arc::new(Records::new(
            shared.tables.clone(),
            shared.rings.clone(),
            clock.clone(),
            random,
        )),
        audit: Arc::new(AuditReader::new(shared.tables.clone(), clock.clone())),
        health: health.clone(),
        info: info.clone(),
        system: tools::SystemSources {
            rings: shared.rings.clone(),
            revocations: shared.revocations.clone(),
            storage: settings.storage.kind(),
            clock,
        },
    }
}

fn weather_provider(settings: &WeatherSettings, ambient: &Ambient) -> Arc<dyn WeatherProvider> {
    let clock = ambient.clock.clone();
    match settings {
        WeatherSettings::Example => Arc::new(ExampleWeather::new(clock)),
        WeatherSettings::OpenMeteo {
            forecast,
            geocoding,
        } => {
            let urls = OpenMeteoUrls {
                forecast: forecast.clone(),
                geocoding: geocoding.clone(),
            };
            let random = ambient.random.clone();
            Arc::new(OpenMeteo::new(urls, ambient.http.clone(), clock, random))
        }
    }
}

fn sign_in(
    settings: &Settings,
    ambient: &Ambient,
    upstream: &Upstream,
    shared: &Shared,
) -> SignInPieces {
    let sources = SignInSources {
        tables: shared.tables.clone(),
        rings: shared.rings.clone(),
        own: shared.own.clone(),
        grants: shared.grants.clone(),
        profiles: shared.profiles.clone(),
        clients: Arc::new(clients(settings, ambient, shared)),
        entra: upstream.client.clone(),
        entra_settings: upstream.settings.clone(),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
    };
    SignInPieces::new(settings, sources)
}

fn clients(settings: &Settings, ambient: &Ambient, shared: &Shared) -> Clients {
    let development = settings.surroundings == Surroundings::Development;
    let addresses = if development {
        AddressPolicy::LoopbackToo
    } else {
        AddressPolicy::PublicOnly
    };
    let sources = ClientSources {
        configured: settings.clients.configured.clone(),
        redirects: RedirectRules::new(settings.clients.custom_redirect_uris.clone()),
        addresses,
        lookup: Arc::new(SystemLookup),
        base: settings.base_url.clone(),
        limiter: shared.limits.clone(),
    };
    Clients::new(
        sources,
        shared.tables.clone(),
        ambient.clock.clone(),
        ambient.random.clone(),
    )
}

fn downstream(ambient: &Ambient, upstream: &Upstream, shared: &Shared) -> Downstream {
    let sources = DownstreamSources {
        tables: shared.tables.clone(),
        rings: shared.rings.clone(),
        entra: upstream.client.clone(),
        grants: shared.grants.clone(),
    };
    Downstream::new(sources, ambient.clock.clone(), ambient.random.clone())
}

fn chat(
    settings: &Settings,
    ambient: &Ambient,
    shared: &Shared,
    downstream: Arc<Downstream>,
) -> Result<Chat, StartError> {
    let sources = ChatSources {
        tables: shared.tables.clone(),
        catalogue: catalogue(settings, ambient)?,
        downstream,
        policy: shared.policy.clone(),
        revocations: shared.revocations.clone(),
        audit: shared.audit.clone(),
        rings: shared.rings.clone(),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
    };
    Ok(Chat::new(sources, ChatLimits::default()))
}

fn catalogue(settings: &Settings, ambient: &Ambient) -> Result<Catalogue, StartError> {
    const NAME: &str = "ENTRADA_AGENTS";
    let Some(path) = &settings.agents else {
        return Ok(Catalogue::default());
    };
    let service = settings
        .foundry_endpoint
        .clone()
        .map(|endpoint| AgentsService {
            endpoint,
            default_route: if settings.foundry_project_route {
                AgentRoute::Project
            } else {
                AgentRoute::Agent
            },
            consent_hosts: settings.consent_hosts.clone(),
            http: ambient.http.clone(),
        });
    let fault = |what: String| StartError::new(NAME, format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    Catalogue::parse(&text, service.as_ref()).map_err(|faults| fault(faults.to_string()))
}
