//! Puts the pieces together.

mod files;
mod pieces;
mod storage;
mod tools;
mod upstream;

use std::sync::Arc;

use axum::Router;
use entrada_ambient::{Clock, Random};
use entrada_tables::Tables;
use rmcp::handler::server::ServerHandler;
use thiserror::Error;
use tokio::sync::mpsc;

use crate::audit::{self, Audit, AuditSources};
use crate::config::Settings;
use crate::grants::{Grants, Keys};
use crate::identity::{Authenticator, KeyRings, OwnTokens, Profiles, Revocations, Sighting};
use crate::limits::{self, Limits};
use crate::mcp::Registry;
use crate::oauth::clients;
use crate::state::{AppState, Pieces};
use crate::{auth, chat, downstream, grants, identity, records, weather};

pub(crate) use files::{key_ring, read_policy};
use pieces::{Shared, pieces};
use storage::make_tables;
pub(crate) use storage::open_tables;
use upstream::upstream;

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

impl App {
    /// Puts the server together. Nothing is asked of anybody yet.
    ///
    /// # Errors
    /// With the setting that is at fault.
    pub fn assemble(settings: &Settings, ambient: &Ambient) -> Result<Self, StartError> {
        Self::assemble_on(open_tables(settings, ambient)?, settings, ambient)
    }

    /// The same on `tables`, whatever storage the settings name.
    ///
    /// # Errors
    /// With the setting that is at fault.
    pub fn assemble_on(
        tables: Arc<dyn Tables>,
        settings: &Settings,
        ambient: &Ambient,
    ) -> Result<Self, StartError> {
        Self::put_together(tables, settings, ambient, |pieces| pieces.mcp.clone())
    }

    /// Puts a server together that serves something else to MCP clients,
    /// behind the same doors: how the transport is measured against MCP's own
    /// conformance suite, which wants its own tools.
    ///
    /// # Errors
    /// As for [`App::assemble`].
    pub fn assemble_serving<S>(
        settings: &Settings,
        ambient: &Ambient,
        served: impl FnOnce(&Pieces) -> S,
    ) -> Result<Self, StartError>
    where
        S: ServerHandler + Clone + Sync,
    {
        let tables = open_tables(settings, ambient)?;
        Self::put_together(tables, settings, ambient, served)
    }

    fn put_together<S>(
        tables: Arc<dyn Tables>,
        settings: &Settings,
        ambient: &Ambient,
        served: impl FnOnce(&Pieces) -> S,
    ) -> Result<Self, StartError>
    where
        S: ServerHandler + Clone + Sync,
    {
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
            router: crate::router::router(&state, settings, served(&state.0)),
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
