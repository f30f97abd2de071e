//! Puts the pieces together.

mod error;
mod files;
mod named;
mod pieces;
mod secrets;
mod storage;
mod tools;
mod upstream;

use std::sync::Arc;

use axum::Router;
use azure_core::credentials::TokenCredential;
use entrada_ambient::{Clock, Random};
use entrada_tables::Tables;
use tokio::sync::mpsc;

use crate::audit::{self, Audit, AuditSources};
use crate::chat::Catalogue;
use crate::config::Settings;
use crate::grants::{Grants, Keys};
use crate::identity::{Authenticator, KeyRings, OwnTokens, Profiles, Revocations, Sighting};
use crate::limits::{self, Limits};
use crate::mcp::{Registry, Served};
use crate::oauth::clients;
use crate::policy::Policy;
use crate::secrets::Keeping;
use crate::state::{AppState, Pieces};
use crate::{auth, chat, downstream, grants, identity, ops, records, weather};

use error::Faults;
pub use error::{StartError, StartErrors};
pub(crate) use files::{catalogue, read_policy};
pub(crate) use named::named_faults;
use pieces::{Shared, pieces};
pub(crate) use secrets::{NoRing, credential, identity, load_key_ring, vault};
use secrets::{Secrets, secrets};
use storage::keep_ready;
pub(crate) use storage::{open_storage, open_tables};
use upstream::upstream;

/// The tables that the server works with.
pub const TABLES: [&str; 12] = [
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
    ops::UPKEEP_TABLE,
];

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
    keeping: Keeping,
    tables: Arc<dyn Tables>,
    revocations: Arc<Revocations>,
    profiles: Arc<Profiles>,
    sightings: mpsc::Receiver<Sighting>,
    audit: audit::Writer,
    catalogue: Arc<Catalogue>,
}

impl App {
    /// Puts the server together. Nothing is asked of anybody yet.
    ///
    /// # Errors
    /// With every setting that is at fault.
    pub fn assemble(settings: &Settings, ambient: &Ambient) -> Result<Self, StartErrors> {
        Self::assemble_serving(settings, ambient, |pieces| pieces.mcp.clone())
    }

    /// The same on `tables`, whatever storage the settings name.
    ///
    /// # Errors
    /// As for [`App::assemble`].
    pub fn assemble_on(
        tables: Arc<dyn Tables>,
        settings: &Settings,
        ambient: &Ambient,
    ) -> Result<Self, StartErrors> {
        let prepared = prepare(settings, ambient, |_| Ok(tables))?;
        Self::put_together(prepared, settings, ambient, |pieces| pieces.mcp.clone())
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
    ) -> Result<Self, StartErrors>
    where
        S: Served,
    {
        let prepared = prepare(settings, ambient, |identity| {
            open_tables(settings, identity, ambient)
        })?;
        Self::put_together(prepared, settings, ambient, served)
    }

    fn put_together<S>(
        prepared: Prepared,
        settings: &Settings,
        ambient: &Ambient,
        served: impl FnOnce(&Pieces) -> S,
    ) -> Result<Self, StartErrors>
    where
        S: Served,
    {
        let (tables, secrets) = (prepared.tables, prepared.secrets);
        let upstream = upstream(settings, secrets.credential.clone(), ambient);
        let rings = secrets.rings.clone();
        let (clock, random) = (ambient.clock.clone(), ambient.random.clone());
        let (profiles, sightings) = Profiles::new(tables.clone(), clock.clone(), random.clone());
        let profiles = Arc::new(profiles);
        let revocations = Arc::new(Revocations::new(tables.clone(), clock.clone()));
        let (audit, audit_writer) = audit_log(settings, ambient, &tables, &rings);
        let own = Arc::new(own_tokens(settings, ambient, &rings));
        let keys = Keys {
            rings: rings.clone(),
            own: own.clone(),
        };
        let grants = Arc::new(Grants::new(
            tables.clone(),
            keys,
            upstream.client.clone(),
            revocations.clone(),
            (clock.clone(), random),
            audit.clone(),
        ));
        let authenticator = Arc::new(Authenticator::new(
            settings.base_url.clone(),
            own.clone(),
            upstream.validator.clone(),
            revocations.clone(),
            prepared.policy.clone(),
            profiles.clone(),
            audit.clone(),
        ));
        let limits = Arc::new(Limits::new(settings.limits, tables.clone(), clock.clone()));
        let shared = Shared {
            tables: tables.clone(),
            has_vault: secrets.has_vault,
            rings,
            policy: prepared.policy,
            profiles: profiles.clone(),
            revocations: revocations.clone(),
            grants,
            authenticator,
            limits,
            own,
            audit,
        };
        let catalogue = prepared.catalogue.clone();
        let pieces = pieces(settings, ambient, &upstream, shared, prepared.catalogue)?;
        let state = AppState(Arc::new(pieces));
        Ok(Self {
            router: crate::router::router(&state, settings, &served(&state.0)),
            registry: state.0.registry.clone(),
            keeping: secrets.keeping(settings, upstream.client),
            tables,
            revocations,
            profiles,
            sightings,
            audit: audit_writer,
            catalogue,
        })
    }

    /// Starts what goes on beside requests, and gives the routes.
    pub fn start(self) -> Router {
        tokio::spawn(keep_ready(self.tables, self.revocations));
        self.keeping.start();
        let catalogue = self.catalogue;
        tokio::spawn(async move { catalogue.keep_listing().await });
        tokio::spawn(self.audit.run());
        tokio::spawn(self.profiles.keep_writing(self.sightings));
        self.router
    }
}

/// What takes files and addresses, which may be at fault.
struct Prepared {
    tables: Arc<dyn Tables>,
    policy: Arc<Policy>,
    catalogue: Arc<Catalogue>,
    secrets: Secrets,
}

/// Opens what the settings name; every fault is found, not the first alone.
fn prepare(
    settings: &Settings,
    ambient: &Ambient,
    tables: impl FnOnce(Option<&Arc<dyn TokenCredential>>) -> Result<Arc<dyn Tables>, StartError>,
) -> Result<Prepared, StartErrors> {
    let mut faults = Faults::default();
    let identity = faults.keep(identity(settings, ambient));
    let identity = identity.flatten();
    let tables = faults.keep(tables(identity.as_ref()));
    let policy = faults.keep(read_policy(settings)).map(Arc::new);
    let catalogue = faults.keep(catalogue(settings, identity.as_ref(), ambient));
    let secrets = secrets(settings, identity.as_ref(), ambient, &mut faults);
    match (tables, policy, catalogue, secrets) {
        (Some(tables), Some(policy), Some(catalogue), Some(secrets)) => Ok(Prepared {
            tables,
            policy,
            catalogue: Arc::new(catalogue),
            secrets,
        }),
        _ => Err(faults.into_errors()),
    }
}

fn own_tokens(settings: &Settings, ambient: &Ambient, rings: &Arc<KeyRings>) -> OwnTokens {
    OwnTokens::new(
        settings.base_url.clone(),
        rings.clone(),
        ambient.clock.clone(),
        ambient.random.clone(),
    )
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
