//! Settings: read once from the environment, checked as a whole.
//!
//! `docs/settings.md` describes each. A fault ends the start and all faults
//! are named at once; an outage of somebody else never does.

mod audit;
mod base_url;
mod callback;
mod clients;
mod faults;
mod limits;
mod names;
mod readable;
mod reader;
mod secrets;
mod storage;
mod telemetry;
mod weather;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use entrada_ambient::Environment;
use entrada_entra::{EntraSettings, Tenancy};
use url::Url;
use uuid::Uuid;

use crate::address::AddressSource;
use crate::limits::Figures;
pub use crate::log_filter::LogFilter;

pub use base_url::{BaseUrl, is_loopback};
pub use clients::ClientSettings;
pub use faults::SettingsFaults;
pub use names::turns_protection_off;
pub use readable::Readable;
use reader::Reader;
pub use reader::Surroundings;
pub use secrets::SecretSettings;
pub use storage::StorageSettings;
pub use telemetry::TelemetrySettings;
pub use weather::WeatherSettings;

/// The port when nobody says otherwise: the one that Functions Core Tools
/// use.
pub const DEFAULT_PORT: u16 = 7071;

/// Everything that the server is told when it starts.
#[derive(Debug)]
pub struct Settings {
    /// Where to listen. Always loopback under a Functions host, which calls
    /// `127.0.0.1` and nothing else.
    pub listen: SocketAddr,
    /// Whether a Functions host stands in front.
    pub has_functions_host: bool,
    /// The public base URL.
    pub base_url: BaseUrl,
    /// Where the process runs.
    pub surroundings: Surroundings,
    /// Whose tokens are accepted.
    pub entra: EntraSettings,
    /// Where secrets come from.
    pub secrets: SecretSettings,
    /// The redirect URI that is registered with Entra for sign-in.
    pub callback_url: Url,
    /// Where state lives.
    pub storage: StorageSettings,
    /// Front ends that a sign-in may return to: exact URIs.
    pub redirect_uris: BTreeSet<String>,
    /// Clients of the authorization server, and what others may register.
    pub clients: ClientSettings,
    /// Where a caller's address is found.
    pub client_addresses: AddressSource,
    /// For how many days the audit log is kept.
    pub audit_days: u32,
    /// How often callers may call.
    pub limits: Figures,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Scopes that `/auth/login?scope=` may ask for beside the default.
    pub allowed_scopes: BTreeSet<String>,
    /// Whether configured daemons get tokens in their own name.
    pub daemons: bool,
    /// The Foundry project's endpoint, if there is one.
    pub foundry_endpoint: Option<Url>,
    /// Whether chat goes to the project route (`project`) or to each
    /// agent's own endpoint (`agent`, the default).
    pub foundry_project_route: bool,
    /// Hosts (suffixes) that an agent's consent links may lead to, beside
    /// Azure's own.
    pub consent_hosts: Vec<String>,
    /// The file that names agents; none: no agents.
    pub agents: Option<PathBuf>,
    /// The file that says which role sees what; none: the built-in policy.
    pub policy: Option<PathBuf>,
    /// Microsoft Graph.
    pub graph_url: Url,
    /// Where weather comes from.
    pub weather: WeatherSettings,
    /// Where telemetry goes.
    pub telemetry: TelemetrySettings,
    /// What gets into the log.
    pub log: LogFilter,
}

impl Settings {
    /// Reads the settings.
    ///
    /// Returns them with warnings: settings that were given but mean nothing.
    ///
    /// # Errors
    /// All faults at once, each with the name of the setting and what it
    /// must be.
    pub fn load(
        environment: &dyn Environment,
        development: bool,
    ) -> Result<(Self, Vec<String>), SettingsFaults> {
        let surroundings = surroundings(environment, development);
        let mut reader = Reader::new(environment, surroundings);
        let has_functions_host = reader.text(HOST_PORT).is_some();
        let listen = listen(&mut reader, has_functions_host);
        let base_url = base_url(&mut reader, listen.port());
        let entra = entra(&mut reader);
        let storage = storage::read(&mut reader, surroundings);
        let weather = weather::read(&mut reader, surroundings);
        let graph_url = reader.address_or("ENTRADA_GRAPH_URL", "https://graph.microsoft.com");
        let callback_url = callback::url(&mut reader, base_url.as_ref());
        let redirect_uris = redirect_uris(&mut reader);
        let clients = clients::read(&mut reader);
        let client_addresses =
            clients::address_source(&mut reader, surroundings, has_functions_host);
        let limits = limits::read(&mut reader);
        let audit_days = audit::days(&mut reader);
        let secrets = secrets::read(&mut reader);
        secrets::check(&mut reader, &secrets);
        let cors_origins = cors_origins(&mut reader);
        let allowed_scopes = reader.list("ENTRADA_ALLOWED_SCOPES").into_iter().collect();
        let daemons = reader.flag("ENTRADA_DAEMONS", false);
        let foundry_endpoint = reader.address("ENTRADA_FOUNDRY_ENDPOINT");
        let foundry_project_route = foundry_project_route(&mut reader);
        let consent_hosts = reader.list("ENTRADA_CONSENT_HOSTS");
        let telemetry = telemetry::read(&mut reader);
        let log = log(&mut reader);
        let settings = (|| {
            Some(Self {
                listen,
                has_functions_host,
                base_url: base_url?,
                surroundings,
                entra: entra?,
                secrets,
                callback_url: callback_url?,
                storage: storage?,
                redirect_uris,
                clients,
                client_addresses,
                audit_days,
                limits,
                cors_origins,
                allowed_scopes,
                daemons,
                foundry_endpoint,
                foundry_project_route,
                consent_hosts,
                agents: reader.text("ENTRADA_AGENTS").map(PathBuf::from),
                policy: reader.text("ENTRADA_POLICY").map(PathBuf::from),
                graph_url: graph_url?,
                weather: weather?,
                telemetry,
                log: log?,
            })
        })();
        match settings {
            Some(settings) if reader.faults.is_empty() => Ok((settings, reader.warnings)),
            _ => Err(reader.faults),
        }
    }
}

impl Settings {
    /// Whether calls are taken as the Functions host wraps them. They bring the
    /// caller's headers, address included, in their bodies: where no host
    /// stands in front, anybody could write there whatever they like.
    #[must_use]
    pub fn takes_wrapped_calls(&self) -> bool {
        self.has_functions_host || self.surroundings == Surroundings::Development
    }

    /// Whether the process has a managed identity: one that is named, or
    /// Azure's own.
    #[must_use]
    pub fn has_managed_identity(&self) -> bool {
        self.secrets.identity_client_id.is_some() || self.surroundings == Surroundings::Azure
    }
}

impl SecretSettings {
    /// Reads these settings alone, for commands that serve nobody.
    ///
    /// # Errors
    /// All faults at once.
    pub fn load(environment: &dyn Environment) -> Result<Self, SettingsFaults> {
        let mut reader = Reader::new(environment, surroundings(environment, false));
        let settings = secrets::read(&mut reader);
        if reader.faults.is_empty() {
            return Ok(settings);
        }
        Err(reader.faults)
    }
}

impl StorageSettings {
    /// Reads where state lives, for commands that serve nobody; `None` where
    /// nothing says so.
    ///
    /// # Errors
    /// All faults at once.
    pub fn load(environment: &dyn Environment) -> Result<Option<Self>, SettingsFaults> {
        let surroundings = surroundings(environment, false);
        let mut reader = Reader::new(environment, surroundings);
        if !storage::is_named(&reader) {
            return Ok(None);
        }
        let settings = storage::read(&mut reader, surroundings);
        if reader.faults.is_empty() {
            return Ok(settings);
        }
        Err(reader.faults)
    }
}

/// Azure sets the instance's name in one of these.
const AZURE_INSTANCE: [&str; 3] = ["WEBSITE_POD_NAME", "CONTAINER_NAME", "WEBSITE_INSTANCE_ID"];

/// `entrada dev` is never part of a package, so it is development wherever it
/// runs: other containers than Azure's set `CONTAINER_NAME` as well.
fn surroundings(environment: &dyn Environment, development: bool) -> Surroundings {
    let named = |name: &&str| environment.get(name).is_some();
    if development {
        Surroundings::Development
    } else if AZURE_INSTANCE.iter().any(named) {
        Surroundings::Azure
    } else {
        Surroundings::Elsewhere
    }
}

/// Where the host says which port (azure-functions-host,
/// `HttpWorkerConstants.cs`).
const HOST_PORT: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

fn listen(reader: &mut Reader<'_>, has_functions_host: bool) -> SocketAddr {
    let form = "a port from 1 to 65535";
    let port = reader
        .optional(HOST_PORT, form)
        .or_else(|| reader.optional("ENTRADA_PORT", form))
        .unwrap_or(DEFAULT_PORT);
    SocketAddr::new(address(reader, has_functions_host), port)
}

/// Another address than the one that a Functions host calls would let others in
/// past the host, or keep the host out.
fn address(reader: &mut Reader<'_>, has_functions_host: bool) -> IpAddr {
    const NAME: &str = "ENTRADA_ADDRESS";
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let address = reader
        .optional(NAME, "an IP address to listen on")
        .unwrap_or(loopback);
    if has_functions_host && address != loopback {
        reader.faults.note(
            NAME,
            "must not be set under a Functions host, which calls 127.0.0.1 and nothing else",
        );
    }
    address
}

fn base_url(reader: &mut Reader<'_>, port: u16) -> Option<BaseUrl> {
    let text = reader
        .text("ENTRADA_BASE_URL")
        .or_else(|| {
            reader
                .text("WEBSITE_HOSTNAME")
                .filter(|name| !name.starts_with("localhost") && !name.starts_with("127."))
                .map(|name| format!("https://{name}"))
        })
        .unwrap_or_else(|| format!("http://localhost:{port}"));
    match BaseUrl::parse(&text) {
        Ok(base) if base.is_https() || base.is_loopback() => Some(base),
        Ok(_) => {
            reader.faults.note(
                "ENTRADA_BASE_URL",
                "must begin with https:// unless it is this machine",
            );
            None
        }
        Err(reason) => {
            reader.faults.note("ENTRADA_BASE_URL", reason);
            None
        }
    }
}

fn entra(reader: &mut Reader<'_>) -> Option<EntraSettings> {
    let authority = reader.address("ENTRADA_AUTHORITY").or_else(|| {
        reader
            .text("ENTRADA_AUTHORITY")
            .is_none()
            .then(|| Url::parse("https://login.microsoftonline.com").ok())?
    });
    let tenant_id: Option<Uuid> = reader.required("ENTRADA_TENANT_ID", "a tenant's GUID");
    let client_id: Option<Uuid> = reader.required("ENTRADA_CLIENT_ID", "an application's GUID");
    let tenancy = tenancy(reader);
    Some(EntraSettings {
        authority: authority?,
        tenant_id: tenant_id?,
        client_id: client_id?,
        application_id_uris: reader.list("ENTRADA_APPLICATION_ID_URIS"),
        tenancy,
        required_scope: reader
            .text("ENTRADA_REQUIRED_SCOPE")
            .unwrap_or_else(|| "access_as_user".to_owned()),
        accept_app_tokens: reader.flag("ENTRADA_ACCEPT_APP_TOKENS", false),
        allowed_clients: reader.set("ENTRADA_ALLOWED_CLIENTS", "an application's GUID"),
    })
}

fn tenancy(reader: &mut Reader<'_>) -> Tenancy {
    match reader.text("ENTRADA_TENANTS").as_deref() {
        None | Some("home") => Tenancy::Home,
        Some("organizations") => Tenancy::AnyOrganization,
        Some("common") => Tenancy::AnyOrganizationOrPersonal,
        Some(_) => Tenancy::Listed(
            reader
                .set(
                    "ENTRADA_TENANTS",
                    "a tenant's GUID; or `home`, `organizations` or `common`",
                )
                .unwrap_or_default(),
        ),
    }
}

fn foundry_project_route(reader: &mut Reader<'_>) -> bool {
    match reader.text("ENTRADA_FOUNDRY_ROUTE").as_deref() {
        None | Some("agent") => false,
        Some("project") => true,
        Some(_) => {
            reader
                .faults
                .note("ENTRADA_FOUNDRY_ROUTE", "must be `agent` or `project`");
            false
        }
    }
}

fn log(reader: &mut Reader<'_>) -> Option<LogFilter> {
    const NAME: &str = "ENTRADA_LOG";
    let directives = reader.text(NAME).unwrap_or_else(|| "info".to_owned());
    LogFilter::parse(&directives)
        .map_err(|error| {
            let form = "must be a log filter, such as `info` or `warn,entrada=debug`";
            reader.faults.note(NAME, format!("{form}: {error}"));
        })
        .ok()
}

/// Origins that are none match nothing, which `entrada doctor` says; a
/// wildcard was meant to match everything.
fn cors_origins(reader: &mut Reader<'_>) -> Vec<String> {
    let origins = reader.list("ENTRADA_CORS_ORIGINS");
    if origins.iter().any(|origin| origin.contains('*')) {
        reader.faults.note(
            "ENTRADA_CORS_ORIGINS",
            "must name each origin, as https://app.example: `*` is not taken",
        );
    }
    origins
}

fn redirect_uris(reader: &mut Reader<'_>) -> BTreeSet<String> {
    let uris = reader.list("ENTRADA_REDIRECT_URIS");
    for uri in &uris {
        let sound = Url::parse(uri).is_ok_and(|url| {
            url.fragment().is_none()
                && url.username().is_empty()
                && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)))
        });
        if !sound {
            reader.faults.note(
                "ENTRADA_REDIRECT_URIS",
                format!("`{uri}` must be https (or http on this machine) without a fragment"),
            );
        }
    }
    uris.into_iter().collect()
}

#[cfg(test)]
mod tests;
