//! The rig: stand-ins in this process, the server as a process of its own.

mod azurite;
mod certificate;
mod double_click;
mod environment;
mod handler;
mod person;
mod storage;
mod until;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;

use entrada::app::Ambient;
use entrada::config::BaseUrl;
use entrada::identity::{KeyRing, KeyRings, OwnTokens};
use entrada_ambient::{Clock, ManualClock, NetworkOptions, SystemClock, SystemRandom, http_client};
use entrada_stand_ins::{StandInOptions, StandIns, TokenRequest};
use entrada_tables::Tables;
use secrecy::SecretString;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use certificate::private_ca;
pub(crate) use double_click::DoubleClick;
use environment::environment;
pub(crate) use handler::{Handler, becomes_healthy, free_port};
pub(crate) use person::{Person, location, parameter};
use storage::Storage;
pub(crate) use until::until;
pub(crate) use watched::Watched;

/// How the server is reached in this run.
pub(crate) fn through_host() -> bool {
    setting("ENTRADA_TEST_THROUGH").as_deref() == Some("host")
}

/// The setting by which a server of this run knows callers' addresses, for
/// tests of limits by address: without it those are unknown under a host.
pub(crate) fn by_address() -> (&'static str, &'static str) {
    if through_host() {
        ("ENTRADA_CLIENT_IP_HEADER", "x-forwarded-for")
    } else {
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "")
    }
}

/// Where state lives in this run.
pub(crate) fn on_azurite() -> bool {
    setting("ENTRADA_TEST_STORAGE").as_deref() == Some("azurite")
}

pub(crate) fn setting(name: &str) -> Option<String> {
    use entrada_ambient::Environment as _;
    entrada_ambient::ProcessEnvironment.get(name)
}

/// Where the third-party clients are installed.
pub(crate) fn clients() -> PathBuf {
    setting("ENTRADA_TEST_CLIENTS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/clients")),
        PathBuf::from,
    )
}

/// A script of a third-party client's.
pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients")).join(name)
}

/// The connection string of an account of Azurite's for one test, without
/// tables.
pub(crate) async fn account() -> String {
    Storage::account().await.setting()
}

/// Stand-ins, storage and one server.
pub(crate) struct Rig {
    pub(crate) stand_ins: StandIns,
    pub(crate) http: reqwest::Client,
    pub(crate) handler: Handler,
    folder: TempDir,
    storage: Storage,
    key_ring: String,
    settings: Vec<(String, String)>,
}

/// What a server stands on before there is one.
struct Ground {
    clock: Arc<dyn Clock>,
    stand_ins: StandIns,
    folder: TempDir,
    storage: Storage,
    key_ring: String,
    settings: Vec<(String, String)>,
}

impl Ground {
    async fn prepare(settings: &[(&str, &str)], clock: Arc<dyn Clock>) -> Self {
        let folder = TempDir::new().unwrap();
        let storage = Storage::take(folder.path()).await;
        Self::on(folder, storage, settings, clock).await
    }

    async fn on(
        folder: TempDir,
        storage: Storage,
        settings: &[(&str, &str)],
        clock: Arc<dyn Clock>,
    ) -> Self {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::asking(folder, storage, clock, async |_, _| settings).await
    }

    /// What the server is set is asked of `prepare`, which is given the
    /// stand-ins and a key ring.
    async fn asking(
        folder: TempDir,
        storage: Storage,
        clock: Arc<dyn Clock>,
        prepare: impl AsyncFnOnce(&StandIns, &str) -> Vec<(String, String)>,
    ) -> Self {
        let random = Arc::new(SystemRandom);
        let stand_ins =
            entrada_stand_ins::start(StandInOptions::new(clock.clone(), random.clone()))
                .await
                .unwrap();
        std::fs::write(folder.path().join("ca.pem"), stand_ins.ca_pem()).unwrap();
        for (name, text) in [
            ("agents.json", include_str!("agents.json")),
            ("policy.json", include_str!("policy.json")),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let key_ring = {
            use secrecy::ExposeSecret as _;
            let ring = KeyRing::generate(clock.as_ref(), random.as_ref());
            ring.unwrap().expose_secret().to_owned()
        };
        let settings = prepare(&stand_ins, &key_ring).await;
        Self {
            clock,
            stand_ins,
            folder,
            storage,
            key_ring,
            settings,
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        environment(
            &self.stand_ins,
            &self.folder,
            &self.storage,
            &self.key_ring,
            &self.settings,
        )
    }

    async fn inside(self, tables: Arc<dyn Tables>) -> Rig {
        let environment = self.environment();
        let handler = Handler::start_inside(environment, self.ambient(), tables).await;
        self.rig(handler)
    }

    fn ambient(&self) -> Ambient {
        Ambient {
            clock: self.clock.clone(),
            random: Arc::new(SystemRandom),
            http: trusting_client(&self.stand_ins),
        }
    }

    fn rig(self, handler: Handler) -> Rig {
        Rig {
            stand_ins: self.stand_ins,
            http: http_client(&NetworkOptions::default()).unwrap(),
            handler,
            folder: self.folder,
            storage: self.storage,
            key_ring: self.key_ring,
            settings: self.settings,
        }
    }
}

impl Rig {
    /// A server with the settings that every test shares.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server with further settings.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let ground = Ground::prepare(settings, system_clock()).await;
        let handler = Handler::start(ground.environment()).await;
        ground.rig(handler)
    }

    /// A server that need not be healthy. `prepare` is given the stand-ins and
    /// says what the server is set beside what every test shares; an empty
    /// value takes a setting away.
    pub(crate) async fn unready(
        prepare: impl AsyncFnOnce(&StandIns) -> Vec<(String, String)>,
    ) -> Self {
        Self::unready_with_ring(async |stand_ins: &StandIns, _: &str| prepare(stand_ins).await)
            .await
    }

    /// The same, with the [key ring](Self::key_ring) for `prepare` to put where
    /// the server finds it.
    pub(crate) async fn unready_with_ring(
        prepare: impl AsyncFnOnce(&StandIns, &str) -> Vec<(String, String)>,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let storage = Storage::take(folder.path()).await;
        let ground = Ground::asking(folder, storage, system_clock(), prepare).await;
        let handler = Handler::start_unready(ground.environment()).await;
        ground.rig(handler)
    }

    /// A server whose storage others can share, whatever the run's setting.
    pub(crate) async fn shared(settings: &[(&str, &str)]) -> Self {
        let storage = Storage::account().await;
        let folder = TempDir::new().unwrap();
        let ground = Ground::on(folder, storage, settings, system_clock()).await;
        let handler = Handler::start(ground.environment()).await;
        ground.rig(handler)
    }

    /// A server in this process, whose storage is what `tables` makes of the
    /// rig's: to count what it does there, or to keep it from it.
    pub(crate) async fn inside(
        settings: &[(&str, &str)],
        tables: impl FnOnce(Arc<dyn Tables>) -> Arc<dyn Tables>,
    ) -> Self {
        Self::inside_by(system_clock(), settings, tables).await
    }

    /// The same, as soon as it listens.
    pub(crate) async fn inside_unready(
        settings: &[(&str, &str)],
        tables: impl FnOnce(Arc<dyn Tables>) -> Arc<dyn Tables>,
    ) -> Self {
        let ground = Ground::prepare(settings, system_clock()).await;
        let tables = tables(ground.storage.tables());
        ground.inside(tables).await
    }

    /// A server in this process that goes by `clock`, as its stand-ins do.
    pub(crate) async fn by(clock: Arc<ManualClock>) -> Self {
        Self::inside_by(clock, &[], |tables| tables).await
    }

    /// The same, with settings, and its storage as [`inside`](Self::inside)
    /// has it.
    pub(crate) async fn inside_by(
        clock: Arc<dyn Clock>,
        settings: &[(&str, &str)],
        tables: impl FnOnce(Arc<dyn Tables>) -> Arc<dyn Tables>,
    ) -> Self {
        let ground = Ground::prepare(settings, clock).await;
        let tables = tables(ground.storage.tables());
        let rig = ground.inside(tables).await;
        rig.handler.wait().await;
        rig
    }

    /// The server's routes, as they are put together.
    pub(crate) async fn routes() -> axum::Router {
        let ground = Ground::prepare(&[], system_clock()).await;
        let tables = ground.storage.tables();
        handler::assemble(&ground.environment(), &ground.ambient(), tables).router
    }

    /// Another server on the same storage, with the same keys and public
    /// name. On embedded storage the file has one owner, so there is none.
    pub(crate) async fn second_handler(&self) -> Handler {
        assert!(
            self.storage.is_shared(),
            "two servers share Azurite, not a file"
        );
        let mut environment = environment(
            &self.stand_ins,
            &self.folder,
            &self.storage,
            &self.key_ring,
            &self.settings,
        );
        environment.push(("ENTRADA_BASE_URL".to_owned(), self.handler.base.clone()));
        Handler::start(environment).await
    }

    /// Kills the server and starts it again on the same port and storage.
    pub(crate) async fn restart(&mut self) {
        self.handler.restart().await;
    }

    /// The key ring that the server is set, or would be.
    pub(crate) fn key_ring(&self) -> &str {
        &self.key_ring
    }

    /// What issues the server's own tokens, with its own keys.
    pub(crate) fn own_tokens(&self) -> OwnTokens {
        let ring = KeyRing::parse(&SecretString::from(self.key_ring.as_str())).unwrap();
        OwnTokens::new(
            BaseUrl::parse(&self.handler.base).unwrap(),
            Arc::new(KeyRings::new(Some(ring))),
            Arc::new(SystemClock::new()),
            Arc::new(SystemRandom),
        )
    }

    /// The certificate that the stand-ins' https is known by.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// A file in the folder of this rig, which goes away with it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server's storage, to look into or to damage. A file has one
    /// owner: the server must have been killed.
    pub(crate) fn tables(&self) -> Arc<dyn Tables> {
        self.storage.tables()
    }

    /// The address of a path on the server.
    pub(crate) fn url(&self, path: &str) -> String {
        self.handler.url(path)
    }

    /// A client that trusts the stand-ins' certificate and keeps redirects.
    pub(crate) fn trusting_client(&self) -> reqwest::Client {
        trusting_client(&self.stand_ins)
    }

    /// A proper Entra access token of a persona.
    pub(crate) fn token(&self, persona: &str) -> String {
        self.mint(&TokenRequest::for_persona(persona))
    }

    /// An Entra token as asked for.
    pub(crate) fn mint(&self, request: &TokenRequest) -> String {
        self.stand_ins.mint(request).unwrap()
    }

    /// The answer to `GET path` with a bearer token: status and JSON.
    pub(crate) async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask(self.http.get(self.url(path)).bearer_auth(token))
            .await
    }

    /// The answer to `POST path` with a bearer token: status and JSON.
    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        self.ask(self.http.post(self.url(path)).bearer_auth(token).json(body))
            .await
    }

    /// Status and JSON (null when there is none) of an answer.
    pub(crate) async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

#[expect(
    clippy::disallowed_methods,
    reason = "only this client trusts the private CA"
)]
fn trusting_client(stand_ins: &StandIns) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(stand_ins.ca_pem().as_bytes()).unwrap();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .add_root_certificate(ca)
        .build()
        .unwrap()
}
