//! What tools work with.

use std::sync::Arc;

use super::Ambient;
use super::pieces::Shared;
use crate::audit::AuditReader;
use crate::auth::info::Info;
use crate::chat::Chat;
use crate::config::Settings;
use crate::downstream::{Downstream, Remedies};
use crate::graph::Graph;
use crate::mcp::tools::{Services, SystemSources};
use crate::ops::Health;
use crate::records::Records;
use crate::weather::{self, Alerts};

/// What was made for others and tools work with too.
pub(super) struct ForTools {
    pub(super) health: Arc<Health>,
    pub(super) info: Arc<Info>,
    pub(super) chat: Arc<Chat>,
    pub(super) remedies: Remedies,
    pub(super) downstream: Arc<Downstream>,
}

pub(super) fn tool_services(
    settings: &Settings,
    ambient: &Ambient,
    shared: &Shared,
    pieces: ForTools,
) -> Services {
    let tables = &shared.tables;
    let (clock, random) = (ambient.clock.clone(), ambient.random.clone());
    let http = ambient.http.clone();
    Services {
        weather: weather::provider(
            &settings.weather,
            http.clone(),
            clock.clone(),
            random.clone(),
        ),
        alerts: Arc::new(Alerts::new(tables.clone(), clock.clone(), random.clone())),
        records: Arc::new(Records::new(
            tables.clone(),
            shared.rings.clone(),
            clock.clone(),
            random.clone(),
        )),
        audit: Arc::new(AuditReader::new(tables.clone(), clock.clone())),
        health: pieces.health,
        chat: pieces.chat,
        graph: Arc::new(Graph::new(
            settings.graph_url.clone(),
            http,
            pieces.downstream,
        )),
        grants: shared.grants.clone(),
        remedies: pieces.remedies,
        info: pieces.info,
        system: SystemSources {
            rings: shared.rings.clone(),
            revocations: shared.revocations.clone(),
            storage: settings.storage.kind(),
            clock,
        },
        random,
    }
}
