//! The pieces that handlers are handed, made once.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::Tables;

use super::tools::{ForTools, tool_services};
use super::upstream::Upstream;
use super::{Ambient, StartError, TABLES};
use crate::audit::Audit;
use crate::auth::info::Info;
use crate::auth::{SignInPieces, SignInSources};
use crate::chat::{Catalogue, Chat, ChatLimits, ChatSources};
use crate::config::{Settings, Surroundings};
use crate::downstream::{Downstream, DownstreamSources, Remedies};
use crate::grants::Grants;
use crate::identity::{Authenticator, Gate, KeyRings, OwnTokens, Profiles, Revocations};
use crate::limits::Limits;
use crate::mcp::{AllowedOrigins, DefinitionError, McpServer, RequestStates, tools};
use crate::oauth::ProtectedResources;
use crate::oauth::clients::{AddressPolicy, ClientSources, Clients, RedirectRules, SystemLookup};
use crate::ops::{Health, HealthSources, Resealing, Root, Sweep};
use crate::policy::Policy;
use crate::state::Pieces;

/// What several pieces share.
pub(super) struct Shared {
    pub(super) tables: Arc<dyn Tables>,
    pub(super) has_vault: bool,
    pub(super) rings: Arc<KeyRings>,
    pub(super) policy: Arc<Policy>,
    pub(super) profiles: Arc<Profiles>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) grants: Arc<Grants>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) limits: Arc<Limits>,
    pub(super) own: Arc<OwnTokens>,
    pub(super) audit: Arc<Audit>,
}

pub(super) fn pieces(
    settings: &Settings,
    ambient: &Ambient,
    upstream: &Upstream,
    shared: Shared,
    catalogue: Arc<Catalogue>,
) -> Result<Pieces, StartError> {
    let base = settings.base_url.clone();
    let (clock, random) = (ambient.clock.clone(), ambient.random.clone());
    let health = Arc::new(health(settings, ambient, upstream, &shared, &catalogue));
    let info = Arc::new(Info::new(&base, &upstream.settings));
    let sign_in = sign_in(settings, ambient, upstream, &shared);
    let downstream = Arc::new(downstream(ambient, upstream, &shared));
    let remedies = Remedies::new(sign_in.step_ups.clone());
    let forward = (downstream.clone(), remedies.clone());
    let chat = Arc::new(chat(ambient, &shared, catalogue, forward));
    let for_tools = ForTools {
        health: health.clone(),
        info: info.clone(),
        chat: chat.clone(),
        remedies,
        downstream,
    };
    let services = tool_services(settings, ambient, &shared, for_tools);
    let registry = Arc::new(tools::registry(&services, shared.policy.clone())?);
    let addresses = settings.client_addresses.clone();
    Ok(Pieces {
        root: Arc::new(Root::new(&base)),
        health,
        sweep: sweep(&shared, &clock, &random),
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
            RequestStates::new(shared.rings.clone(), clock.clone()),
        ),
        registry,
        audit: shared.audit.clone(),
        origins: Arc::new(AllowedOrigins::new(base, &settings.cors_origins)),
        chat,
        sign_in,
        revocations: shared.revocations,
        authenticator: shared.authenticator,
        grants: shared.grants,
        profiles: shared.profiles,
        clock,
        random,
    })
}

fn health(
    settings: &Settings,
    ambient: &Ambient,
    upstream: &Upstream,
    shared: &Shared,
    catalogue: &Arc<Catalogue>,
) -> Health {
    let sources = HealthSources {
        tables: shared.tables.clone(),
        discovery: upstream.discovery.clone(),
        validator: upstream.validator.clone(),
        entra: upstream.client.clone(),
        rings: shared.rings.clone(),
        has_vault: shared.has_vault,
        revocations: shared.revocations.clone(),
        limits: shared.limits.clone(),
        foundry: settings.foundry_endpoint.clone(),
        http: ambient.http.clone(),
        catalogue: catalogue.clone(),
    };
    Health::new(sources, ambient.clock.clone())
}

impl From<DefinitionError> for StartError {
    fn from(error: DefinitionError) -> Self {
        Self::new("tools", error.to_string())
    }
}

fn sweep(shared: &Shared, clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> Arc<Sweep> {
    let (tables, rings) = (shared.tables.clone(), shared.rings.clone());
    let resealing = Resealing::new(tables.clone(), rings, clock.clone(), random.clone());
    Arc::new(Sweep::new(tables, &TABLES, resealing, clock.clone()))
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
    ambient: &Ambient,
    shared: &Shared,
    catalogue: Arc<Catalogue>,
    (downstream, remedies): (Arc<Downstream>, Remedies),
) -> Chat {
    let sources = ChatSources {
        tables: shared.tables.clone(),
        catalogue,
        downstream,
        remedies,
        policy: shared.policy.clone(),
        revocations: shared.revocations.clone(),
        audit: shared.audit.clone(),
        rings: shared.rings.clone(),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
    };
    Chat::new(sources, ChatLimits::default())
}
