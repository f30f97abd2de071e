//! Puts together what signing in needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_entra::{EntraClient, EntraSettings};
use entrada_tables::Tables;

use super::callback::CallbackState;
use super::login::LoginState;
use super::my_grants::GrantsBase;
use super::step_up::StepUps;
use super::{Flows, SignIns};
use crate::config::{BaseUrl, Settings};
use crate::grants::Grants;
use crate::identity::{KeyRings, OwnTokens, Profiles};
use crate::oauth::clients::Clients;
use crate::oauth::{AuthorizationServer, Metadata, ScopeNames};

/// What it is put together from.
#[derive(Debug)]
pub struct SignInSources {
    /// Storage.
    pub tables: Arc<dyn Tables>,
    /// Keys.
    pub rings: Arc<KeyRings>,
    /// Our access tokens.
    pub own: Arc<OwnTokens>,
    /// Sign-ins that are kept.
    pub grants: Arc<Grants>,
    /// Profiles.
    pub profiles: Arc<Profiles>,
    /// Clients of the authorization server.
    pub clients: Arc<Clients>,
    /// Entra.
    pub entra: Arc<EntraClient>,
    /// Our registration there.
    pub entra_settings: Arc<EntraSettings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// What routes of signing in need.
#[derive(Debug, Clone)]
pub struct SignInPieces {
    /// `/auth/login`.
    pub login: LoginState,
    /// `/auth/callback`.
    pub callback: CallbackState,
    /// `/authorize`, `/consent`, `/token`, `/revoke`.
    pub server: Arc<AuthorizationServer>,
    /// The authorization server's metadata.
    pub metadata: Arc<Metadata>,
    /// `/auth/step-up`, and offering it.
    pub step_ups: Arc<StepUps>,
    /// `/api/grants`.
    pub grants_base: GrantsBase,
}

impl SignInPieces {
    /// Puts them together.
    #[must_use]
    pub fn new(settings: &Settings, sources: SignInSources) -> Self {
        let base = settings.base_url.clone();
        let flows = Flows::new(
            sources.tables.clone(),
            sources.rings.clone(),
            sources.clock.clone(),
            sources.random.clone(),
        );
        let sign_ins = Arc::new(SignIns::new(
            settings.callback_url.as_str().to_owned(),
            base.clone(),
            flows,
            sources.entra.clone(),
        ));
        let step_ups = Arc::new(StepUps::new(
            sources.tables.clone(),
            sign_ins.clone(),
            base.clone(),
            sources.clock.clone(),
            sources.random.clone(),
        ));
        let metadata = Metadata::new(&base, settings.daemons, sources.rings.clone());
        let login = LoginState {
            redirect_uris: Arc::<BTreeSet<_>>::new(settings.redirect_uris.clone()),
            allowed_scopes: Arc::<BTreeSet<_>>::new(settings.allowed_scopes.clone()),
            sign_ins: sign_ins.clone(),
            random: sources.random.clone(),
        };
        let (grants, profiles, random) = (
            sources.grants.clone(),
            sources.profiles.clone(),
            sources.random.clone(),
        );
        let server = Arc::new(server(settings, sources, sign_ins.clone()));
        Self {
            login,
            callback: CallbackState {
                sign_ins,
                grants,
                profiles,
                server: server.clone(),
                step_ups: step_ups.clone(),
                random,
            },
            server,
            metadata: Arc::new(metadata),
            step_ups,
            grants_base: GrantsBase(base),
        }
    }
}

fn server(
    settings: &Settings,
    sources: SignInSources,
    sign_ins: Arc<SignIns>,
) -> AuthorizationServer {
    let entra = sources.entra_settings.as_ref();
    let base: BaseUrl = settings.base_url.clone();
    AuthorizationServer {
        base,
        scopes: ScopeNames::new(entra.api_scope()),
        entra_scope: entra.sign_in_scope(),
        authority: entra.authority.origin().ascii_serialization(),
        daemons: settings.daemons,
        clients: sources.clients,
        sign_ins,
        grants: sources.grants,
        own: sources.own,
        tables: sources.tables,
        clock: sources.clock,
        random: sources.random,
    }
}
