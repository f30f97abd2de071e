use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware::Next;
use axum::response::Response;
use entrada_ambient::{Clock, Random};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::directory;
use crate::entra::keys::SigningKeys;
use crate::entra::{Entra, Parts};
use crate::faults::Faults;
use crate::graph::registrations::Registrations;
use crate::ingestion::Telemetry;
use crate::requests::RequestLog;
use crate::seal::Seal;
use crate::serve::serve;
use crate::store::{Store, StoreError};
use crate::tls::{TlsError, TlsIdentity, private_identity, server_config};
use crate::vault::{self, Vault};
use crate::{
    KeyError, MintError, TokenRequest, control, entra, faults, foundry, graph, ingestion,
    managed_identity, requests,
};

/// How the stand-ins are started.
#[derive(Debug, Clone)]
pub struct StandInOptions {
    /// Port of plain http on the loopback addresses; 0 for any.
    pub port: u16,
    /// Port of https; `None` for the one after `port` (any, when `port` is 0),
    /// `Some(0)` for any.
    pub https_port: Option<u16>,
    /// Base of Entra's issuers, the same for every client whichever port it
    /// uses; by default `http://localhost:{port}`. Port 0 stands for the port
    /// that is bound for its scheme.
    ///
    /// MSAL for Node (7.2) refuses an issuer whose scheme, host and port are
    /// not the authority's, and takes https alone: for it this must be
    /// `https://localhost:0`.
    pub public_url: Option<Url>,
    /// Name of the persona who signs in without being asked.
    pub auto_sign_in: Option<String>,
    /// Directory in which signing keys and the private CA (`ca.pem`) outlive
    /// the process; `None` to make new ones at each start.
    pub data_dir: Option<PathBuf>,
    /// Redirect URIs of the registered application. Matched exactly, but a
    /// loopback `http` URI matches on any port (RFC 8252 section 7.3).
    pub redirect_uris: Vec<String>,
    /// Certificate of the https port, instead of one by a private CA.
    pub tls: Option<TlsIdentity>,
    /// Decides what has expired.
    pub clock: Arc<dyn Clock>,
    /// Makes codes and ids. (RSA keys come from AWS-LC's own generator.)
    pub random: Arc<dyn Random>,
}

impl StandInOptions {
    /// Any ports, everything in memory, nobody signed in automatically, and
    /// the handler's two callback paths registered on loopback.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            port: 0,
            https_port: None,
            public_url: None,
            auto_sign_in: None,
            data_dir: None,
            redirect_uris: vec![
                "http://localhost/auth/callback".to_owned(),
                "http://localhost/oauth/callback".to_owned(),
            ],
            tls: None,
            clock,
            random,
        }
    }
}

/// The stand-ins cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StandInError {
    /// A port cannot be listened on.
    #[error("port {port} of the loopback address cannot be listened on")]
    Port {
        /// The port; 0 for any.
        port: u16,
        /// Why not.
        source: std::io::Error,
    },
    /// The ports leave no room for https beside http.
    #[error("there is no port after {0} for https")]
    NoPortLeft(u16),
    /// The base of the issuers cannot be one.
    #[error("the public URL {0} is not a plain http or https base")]
    PublicUrl(Url),
    /// Who should sign in automatically does not exist, or is an application.
    #[error("there is no person {0} who could sign in automatically")]
    UnknownPersona(String),
    /// The data directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing keys failed.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The https port's certificate failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A background thread ended early.
    #[error("making the signing key was interrupted")]
    Interrupted,
}

/// What every stand-in is handed when its routes are made.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Base of the http port as clients know it, without a slash at the end.
    pub(crate) public_url: String,
    /// Issues and checks tokens.
    pub(crate) entra: Arc<Entra>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) requests: Arc<RequestLog>,
    /// What Graph says of the registered application.
    pub(crate) registrations: Arc<Registrations>,
    pub(crate) telemetry: Arc<Telemetry>,
}

/// Running stand-ins. They stop when this is dropped.
#[derive(Debug)]
pub struct StandIns {
    url: Url,
    https_url: Url,
    ca_pem: String,
    context: Context,
    stop: watch::Sender<()>,
    servers: JoinSet<()>,
}

/// Starts serving.
///
/// # Errors
/// When a port is taken, the data directory or a certificate is unusable, or
/// an option makes no sense.
pub async fn start(options: StandInOptions) -> Result<StandIns, StandInError> {
    let (port, plain) = listen(options.port).await?;
    let (https_port, encrypted) = listen(https_port(&options)?).await?;
    let url = base_url("http", port)?;
    let https_url = base_url("https", https_port)?;
    let public_url = match options.public_url.clone() {
        Some(public_url) if public_url.port() == Some(0) => {
            on_bound_port(public_url, port, https_port)?
        }
        Some(public_url) => public_url,
        None => url.clone(),
    };
    let store = Store::open(options.data_dir.clone())?;
    let identity = match options.tls.clone() {
        Some(identity) => identity,
        None => private_identity(&store, public_url.host_str())?,
    };
    let acceptor = TlsAcceptor::from(Arc::new(server_config(&identity)?));
    let context = context(options, &public_url, store).await?;

    let router = router(&context);
    let (stop, stopping) = watch::channel(());
    let mut servers = JoinSet::new();
    for listener in plain {
        servers.spawn(serve(listener, None, router.clone(), stopping.clone()));
    }
    for listener in encrypted {
        let acceptor = Some(acceptor.clone());
        servers.spawn(serve(listener, acceptor, router.clone(), stopping.clone()));
    }
    Ok(StandIns {
        url,
        https_url,
        ca_pem: identity.ca_pem,
        context,
        stop,
        servers,
    })
}

/// The state that the routes share.
async fn context(
    options: StandInOptions,
    public_url: &Url,
    store: Store,
) -> Result<Context, StandInError> {
    let auto_sign_in = match &options.auto_sign_in {
        None => None,
        Some(name) => Some(
            directory::persona(name)
                .filter(|persona| persona.kind == directory::Kind::User)
                .ok_or_else(|| StandInError::UnknownPersona(name.clone()))?,
        ),
    };
    let base = base_of(public_url)?;
    let seal = Seal::open(&store, options.random.as_ref())?;
    // Making an RSA key takes a while.
    let keys = tokio::task::spawn_blocking(move || SigningKeys::open(store))
        .await
        .map_err(|_| StandInError::Interrupted)??;
    let entra = Entra::new(Parts {
        clock: Arc::clone(&options.clock),
        random: Arc::clone(&options.random),
        public_url: base.clone(),
        keys,
        seal,
        redirect_uris: options.redirect_uris,
        auto_sign_in,
    });
    let entra = Arc::new(entra);
    let (clock, random) = (options.clock, options.random);
    Ok(Context {
        vault: Arc::new(Vault::new(clock.clone(), random.clone(), entra.clone())),
        clock,
        random,
        registrations: Arc::new(Registrations::sound(&base)),
        public_url: base,
        telemetry: Arc::new(Telemetry::new(entra.clone())),
        entra,
        faults: Arc::default(),
        requests: Arc::default(),
    })
}

/// Every stand-in under its prefix, the control surface, and what is common to
/// all: the log of requests, then the faults asked for.
fn router(context: &Context) -> Router {
    let stand_ins = entra::router(Arc::clone(&context.entra))
        .merge(vault::router(Arc::clone(&context.vault)))
        .merge(managed_identity::router(Arc::clone(&context.entra)))
        .nest("/foundry", foundry::router(context))
        .nest("/graph", graph::router(context))
        .nest(
            "/application-insights",
            ingestion::router(Arc::clone(&context.telemetry)),
        )
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&context.faults),
            faults::apply,
        ))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&context.requests),
            requests::record,
        ))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&context.clock),
            date,
        ));
    stand_ins.nest("/stand-in", control::router(context.clone()))
}

/// Every answer is dated by the stand-ins' own clock (RFC 9110 section
/// 6.6.1), by which others see whether theirs is right.
async fn date(State(clock): State<Arc<dyn Clock>>, request: Request, next: Next) -> Response {
    let form = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let mut response = next.run(request).await;
    let now = clock.now().to_offset(time::UtcOffset::UTC);
    if let Some(Ok(date)) = now.format(form).ok().map(HeaderValue::try_from) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn https_port(options: &StandInOptions) -> Result<u16, StandInError> {
    match (options.https_port, options.port) {
        (Some(port), _) => Ok(port),
        (None, 0) => Ok(0),
        (None, port) => port.checked_add(1).ok_or(StandInError::NoPortLeft(port)),
    }
}

/// Listens on the IPv4 loopback address and, where there is one, on the same
/// port of the IPv6 one: `localhost` may mean either.
async fn listen(port: u16) -> Result<(u16, Vec<TcpListener>), StandInError> {
    let failed = |source| StandInError::Port { port, source };
    let mut attempts = 0;
    loop {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let v4 = TcpListener::bind(address).await.map_err(failed)?;
        let bound = v4.local_addr().map_err(failed)?.port();
        let address = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), bound);
        match TcpListener::bind(address).await {
            Ok(v6) => return Ok((bound, vec![v4, v6])),
            // Somebody else would get half of our requests.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                attempts += 1;
                if port != 0 || attempts == 8 {
                    return Err(failed(error));
                }
            }
            Err(_) => return Ok((bound, vec![v4])),
        }
    }
}

fn base_url(scheme: &str, port: u16) -> Result<Url, StandInError> {
    let text = format!("{scheme}://localhost:{port}");
    Url::parse(&text).map_err(|_| StandInError::NoPortLeft(port))
}

fn on_bound_port(mut url: Url, port: u16, https_port: u16) -> Result<Url, StandInError> {
    let bound = if url.scheme() == "https" {
        https_port
    } else {
        port
    };
    url.set_port(Some(bound))
        .map_err(|()| StandInError::PublicUrl(url.clone()))?;
    Ok(url)
}

fn base_of(url: &Url) -> Result<String, StandInError> {
    let plain = matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.fragment().is_none();
    if plain {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(StandInError::PublicUrl(url.clone()))
    }
}

impl StandIns {
    /// Base of the http port: `http://localhost:{port}/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Base of the https port: `https://localhost:{port}/`.
    #[must_use]
    pub fn https_url(&self) -> Url {
        self.https_url.clone()
    }

    /// Address of the vault: it is at the root of the https port.
    #[must_use]
    pub fn vault_url(&self) -> Url {
        self.https_url.clone()
    }

    /// What the platform puts into `IDENTITY_ENDPOINT`; `IDENTITY_HEADER` is
    /// [`directory::IDENTITY_HEADER`].
    #[must_use]
    pub fn identity_endpoint(&self) -> String {
        let base = self.url.as_str().trim_end_matches('/');
        format!("{base}{}", managed_identity::PATH)
    }

    /// Certificate of the CA that https clients must trust, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Makes a token, as `POST /stand-in/token` does.
    ///
    /// # Errors
    /// When the persona or resource does not exist, or signing fails.
    pub fn mint(&self, request: &TokenRequest) -> Result<String, MintError> {
        self.context.entra.mint(request)
    }

    /// Makes a token of the managed identity for `resource` (an application ID
    /// URI), as Azure's identity endpoint does.
    ///
    /// # Errors
    /// When the resource does not exist, or signing fails.
    pub fn managed_identity_token(&self, resource: &str) -> Result<String, MintError> {
        self.context.entra.managed_identity_token(resource)
    }

    /// Stops: no new connections, requests that are being answered get three
    /// seconds. Returns when all is over. (Dropping stops too, without
    /// waiting.)
    pub async fn stopped(self) {
        let Self {
            stop, mut servers, ..
        } = self;
        drop(stop);
        while servers.join_next().await.is_some() {}
    }
}
