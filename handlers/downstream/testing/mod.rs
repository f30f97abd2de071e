//! What tests of downstream calls and of chat stand on: an authority of
//! their own, storage in memory, a clock that stands still.

mod authority;
mod counted;
mod held;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use authority::Authority;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub(crate) use counted::CountedTables;
use entrada_ambient::{Clock, ManualClock, NetworkOptions, SystemRandom, http_client};
use entrada_entra::{
    AccessTokenValidator, ClientSecret, Discovery, EntraClient, EntraSettings, Tenancy,
};
use entrada_tables::{Condition, EmbeddedTables, Row, Tables};
pub(crate) use held::HeldTables;
use secrecy::SecretString;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Downstream, DownstreamSources, Remedies};
use crate::app::TABLES;
use crate::audit::{Audit, AuditQuery, AuditReader, Entry};
use crate::auth::step_up::StepUps;
use crate::auth::{Flows, SignIns};
use crate::config::BaseUrl;
use crate::grants::{self, Grant, Grants, Keys};
use crate::identity::testing::new_ring;
use crate::identity::{
    Authenticator, Door, KeyRings, OwnTokens, Place, Principal, Profiles, Revocations,
    SealedColumn, UserPartition,
};
use crate::policy::Policy;

pub(crate) const HOME: Uuid = Uuid::from_u128(0x1111);
pub(crate) const OTHER: Uuid = Uuid::from_u128(0x2222);
pub(crate) const CLIENT: Uuid = Uuid::from_u128(0x3333);
pub(crate) const ALICE: Uuid = Uuid::from_u128(0xa);
pub(crate) const BOB: Uuid = Uuid::from_u128(0xb);
const BASE: &str = "https://entrada.example";
const NOW: i64 = 1_790_000_000;

/// Everything around chat and downstream calls.
pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tables: Arc<CountedTables>,
    pub(crate) rings: Arc<KeyRings>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) http: reqwest::Client,
    pub(crate) authenticator: Arc<Authenticator>,
    entra: Arc<EntraClient>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) audit: Arc<Audit>,
    log: AuditReader,
}

impl World {
    pub(crate) async fn new(policy: &str) -> Self {
        Self::with_rings(policy, KeyRings::new(Some(new_ring()))).await
    }

    /// A world whose keys are those of `rings`.
    pub(crate) async fn with_rings(policy: &str, rings: KeyRings) -> Self {
        let authority = Authority::start().await;
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let random = Arc::new(SystemRandom);
        let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
        for table in TABLES {
            tables.create_table(table).await.unwrap();
        }
        let tables = Arc::new(CountedTables::new(tables));
        let rings = Arc::new(rings);
        let http = http_client(&NetworkOptions::default()).unwrap();
        let (entra, validator) = entra(&authority, &http, clock.clone());
        let base = BaseUrl::parse(BASE).unwrap();
        let own = Arc::new(OwnTokens::new(
            base.clone(),
            rings.clone(),
            clock.clone(),
            random.clone(),
        ));
        let revocations = Arc::new(Revocations::new(tables.clone(), clock.clone()));
        revocations.load().await.unwrap();
        let policy = Arc::new(Policy::parse(policy, HOME).unwrap());
        let (profiles, _) = Profiles::new(tables.clone(), clock.clone(), random.clone());
        let (audit, log) = crate::audit::in_memory(clock.clone()).await;
        let grants = Arc::new(Grants::new(
            tables.clone(),
            Keys {
                rings: rings.clone(),
                own: own.clone(),
            },
            entra.clone(),
            revocations.clone(),
            (clock.clone(), random),
            audit.clone(),
        ));
        let authenticator = Arc::new(Authenticator::new(
            base,
            own,
            validator,
            revocations.clone(),
            policy.clone(),
            Arc::new(profiles),
            audit.clone(),
        ));
        Self {
            authority,
            clock,
            tables,
            rings,
            policy,
            http,
            authenticator,
            entra,
            grants,
            revocations,
            audit,
            log,
        }
    }

    /// An instance of the server's half, with a memory of its own.
    pub(crate) fn downstream(&self) -> Arc<Downstream> {
        let sources = DownstreamSources {
            tables: self.tables.clone(),
            rings: self.rings.clone(),
            entra: self.entra.clone(),
            grants: self.grants.clone(),
        };
        let clock = self.clock.clone();
        Arc::new(Downstream::new(sources, clock, Arc::new(SystemRandom)))
    }

    /// What callers are told to do, links included.
    pub(crate) fn remedies(&self) -> Remedies {
        let (clock, random) = (self.clock.clone(), Arc::new(SystemRandom));
        let base = BaseUrl::parse(BASE).unwrap();
        let flows = Flows::new(
            self.tables.clone(),
            self.rings.clone(),
            clock.clone(),
            random.clone(),
        );
        let callback = base.join("/auth/callback");
        let sign_ins = SignIns::new(callback, base.clone(), flows, self.entra.clone());
        let sign_ins = Arc::new(sign_ins);
        let step_ups = StepUps::new(self.tables.clone(), sign_ins, base, clock, random);
        Remedies::new(Arc::new(step_ups))
    }

    /// What was entered of a method for people of the home tenant within the
    /// last hour, oldest first where time went by between them.
    pub(crate) async fn entered(&self, method: &str) -> Vec<Entry> {
        // Everything before it is in storage with it.
        let last = Entry::new("end").by(HOME, ALICE);
        self.audit.record(last).await.unwrap();
        let now = self.clock.now();
        let query = AuditQuery {
            tenant: HOME,
            from: now - Duration::from_hours(1),
            to: now,
            user: None,
            tool: None,
            outcome: None,
            limit: 1000,
            cursor: None,
        };
        let mut entries = self.log.page(&query).await.unwrap().unwrap().entries;
        entries.retain(|entry| entry.method == method);
        entries.sort_by_key(|entry| entry.time);
        entries
    }

    /// Lets time pass, with the revocation list kept fresh.
    pub(crate) async fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.revocations.load().await.unwrap();
    }

    /// Claims of an Entra token of a person.
    pub(crate) fn claims(&self, tenant: Uuid, person: Uuid) -> Value {
        let now = self.clock.unix();
        json!({
            "aud": CLIENT, "iss": format!("{}{tenant}/v2.0", self.authority.base),
            "tid": tenant, "oid": person, "ver": "2.0", "sub": "pairwise",
            "azp": Uuid::from_u128(0x4444), "scp": "access_as_user",
            "roles": ["Task.Read"], "name": "A Person",
            "preferred_username": "person@contoso.example",
            "iat": now, "nbf": now, "exp": now + 3600,
        })
    }

    /// An Entra token of a person.
    pub(crate) fn entra_token(&self, tenant: Uuid, person: Uuid) -> String {
        Authority::sign(&self.claims(tenant, person))
    }

    /// An Entra token of an application.
    pub(crate) fn application_token(&self) -> String {
        let mut claims = self.claims(HOME, Uuid::from_u128(0xc));
        claims.as_object_mut().unwrap().remove("scp");
        claims["idtyp"] = "app".into();
        Authority::sign(&claims)
    }

    /// A token of ours for a grant that holds a fresh Entra token.
    pub(crate) async fn own_token(&self, person: Uuid, grant_id: Uuid) -> String {
        self.hold(person, grant_id, &self.entra_token(HOME, person))
            .await;
        let now = self.clock.unix();
        let claims = json!({
            "iss": BASE, "sub": person, "aud": [format!("{BASE}/api")],
            "exp": now + 3600, "iat": now, "jti": Uuid::from_u128(rand_id()),
            "client_id": "entrada", "scope": "api mcp", "tid": HOME, "oid": person,
            "gid": grant_id, "roles": ["Task.Read"],
        });
        let ring = self.rings.current().unwrap();
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let (message, signature) = ring
            .sign(|kid| {
                let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid});
                format!("{}.{}", encode(&header), encode(&claims)).into_bytes()
            })
            .unwrap();
        let message = String::from_utf8(message).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A grant that holds an Entra token.
    async fn hold(&self, person: Uuid, grant_id: Uuid, entra_token: &str) {
        let partition = UserPartition::of(HOME, person);
        let row_key = Grant::row_key(grant_id);
        let sealed = self.rings.current().unwrap().seal(
            &SecretString::from(entra_token),
            Place {
                column: SealedColumn::GRANT_ACCESS,
                partition: partition.as_str(),
                row: &row_key,
            },
            &SystemRandom,
        );
        let now = self.clock.unix();
        let row = Row::new(partition.as_str(), row_key)
            .with("kind", "grant")
            .with("tenant_id", HOME)
            .with("object_id", person)
            .with("roles", "Task.Read")
            .with("client_id", "entrada")
            .with("doors", "api")
            .with("scope", "api mcp")
            .with("scope_asked", "api mcp")
            .with("state", "active")
            .with("created_at", now)
            .with("last_used_at", now)
            .with("expires_at", now + 30 * 24 * 3600)
            .with("code_hash", "used")
            .with("code_expires_at", now)
            .with("refresh_rotated_at", now)
            .with("upstream_access", sealed.unwrap())
            .with("upstream_refresh", Vec::new())
            .with("upstream_expires_at", now + 3600)
            .with("upstream_obtained_at", now);
        self.tables
            .replace(grants::TABLE, &row, &Condition::None)
            .await
            .unwrap();
    }

    /// The caller behind a token.
    pub(crate) async fn caller(&self, token: &str) -> Principal {
        self.authenticator
            .authenticate_token(Door::Api, token)
            .await
            .unwrap()
    }
}

/// The server as Entra's client, and as who accepts Entra's tokens.
fn entra(
    authority: &Authority,
    http: &reqwest::Client,
    clock: Arc<dyn Clock>,
) -> (Arc<EntraClient>, Arc<AccessTokenValidator>) {
    let settings = Arc::new(EntraSettings {
        authority: authority.base.clone(),
        tenant_id: HOME,
        client_id: CLIENT,
        application_id_uris: Vec::new(),
        tenancy: Tenancy::Listed(BTreeSet::from([OTHER])),
        required_scope: "access_as_user".to_owned(),
        accept_app_tokens: true,
        allowed_clients: None,
    });
    let discovery = Discovery::new(settings.clone(), http.clone(), clock.clone());
    let discovery = Arc::new(discovery);
    let validator = Arc::new(AccessTokenValidator::new(
        settings.clone(),
        discovery.clone(),
        http.clone(),
        clock.clone(),
    ));
    let secret = ClientSecret::new(SecretString::from("the-secret"));
    let client = EntraClient::new(
        settings,
        discovery,
        validator.clone(),
        Arc::new(secret),
        http.clone(),
        clock,
    );
    (Arc::new(client), validator)
}

fn rand_id() -> u128 {
    use entrada_ambient::Random as _;
    SystemRandom.uuid_v4().as_u128()
}
