//! The tools as a whole: who sees what, what each says of itself, and how
//! they are listed.

mod agreement;
mod definitions;
mod direct;
mod example;
mod isolation;
mod matrix;
mod pages;

use std::sync::Arc;

use entrada_ambient::{
    Clock, FixedEnvironment, NetworkOptions, Random, SystemClock, SystemRandom, http_client,
};
use entrada_entra::SubjectKind;
use entrada_tables::Tables;
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::{McpServer, Registry, RequestStates};
use crate::app::{Ambient, App};
use crate::config::{BaseUrl, Settings};
use crate::downstream::testing::{HOME, World};
use crate::identity::{Audience, Door, KeyRing, OwnTokens, Principal, TokenTerms};
use crate::policy;

/// The server's own tools, and people to call them. Both go by the policy of
/// a server that was given none.
pub(super) struct Kit {
    pub(super) registry: Arc<Registry>,
    pub(super) world: World,
    tokens: OwnTokens,
}

impl Kit {
    pub(super) async fn new() -> Self {
        let world = World::new(policy::DEFAULT).await;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let ring = KeyRing::generate(clock.as_ref(), random.as_ref()).unwrap();
        let environment = FixedEnvironment::new([
            ("ENTRADA_TENANT_ID", HOME.to_string()),
            ("ENTRADA_CLIENT_ID", Uuid::from_u128(1).to_string()),
            ("ENTRADA_CLIENT_SECRET", "secret".to_owned()),
            ("ENTRADA_KEY_RING", ring.expose_secret().to_owned()),
            ("ENTRADA_STORAGE", "file:unused".to_owned()),
            ("ENTRADA_WEATHER", "example".to_owned()),
        ]);
        let (settings, _) = Settings::load(&environment, false).unwrap();
        let http = http_client(&NetworkOptions::default()).unwrap();
        let ambient = Ambient {
            clock,
            random: random.clone(),
            http,
        };
        let tables: Arc<dyn Tables> = world.tables.clone();
        let app = App::assemble_on(tables, &settings, &ambient).unwrap();
        let base = BaseUrl::parse("https://entrada.example").unwrap();
        let tokens = OwnTokens::new(base, world.rings.clone(), world.clock.clone(), random);
        Self {
            registry: app.registry.clone(),
            world,
            tokens,
        }
    }

    /// The server of `registry`'s tools.
    pub(super) fn server(&self, registry: Arc<Registry>) -> McpServer {
        McpServer::new(
            registry,
            self.world.grants.clone(),
            self.world.audit.clone(),
            RequestStates::new(self.world.rings.clone(), self.world.clock.clone()),
        )
    }

    /// Somebody of `tenant` whose token has these roles.
    pub(super) async fn person(&self, tenant: Uuid, roles: &[&str]) -> Principal {
        let terms = TokenTerms {
            kind: SubjectKind::User,
            tenant_id: tenant,
            object_id: Uuid::from_u128(0xa),
            name: None,
            email: None,
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            client_id: "client".to_owned(),
            grant_id: Uuid::from_u128(0xb),
            audience: Audience::only(Door::Mcp),
            scope: "mcp".to_owned(),
            signed_in_at: self.world.clock.unix(),
            expires_at: self.world.clock.unix() + 60,
        };
        let token = self.tokens.issue(terms).unwrap();
        let authenticator = &self.world.authenticator;
        authenticator
            .authenticate_token(Door::Mcp, token.expose_secret())
            .await
            .unwrap()
    }
}
