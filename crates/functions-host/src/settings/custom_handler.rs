use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{AppSettings, Configuration, time_span};
use crate::error::HostError;

/// How the host hands HTTP requests of plain HTTP functions to the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpMode {
    /// `enableProxyingHttpRequest`: streamed through, unchanged.
    Proxy,
    /// `enableForwardingHttpRequest`: rebuilt and buffered.
    Forward,
    /// Neither: as `POST /{function}` with a JSON description of the request.
    Wrap,
}

/// A route of `customHandler.http.routes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfiguredRoute {
    pub(crate) route: String,
    pub(crate) authorization_level: String,
}

/// The `customHandler` section of `host.json` (azure-functions-host,
/// `HttpWorkerOptions` and `HttpWorkerDescription`).
#[derive(Debug, Clone)]
pub(crate) struct CustomHandler {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) working_directory: PathBuf,
    pub(crate) port: Option<u16>,
    pub(crate) http_mode: HttpMode,
    pub(crate) initialization_timeout: Duration,
    pub(crate) stderr_is_for_errors_only: bool,
    pub(crate) routes: Vec<ConfiguredRoute>,
}

const SECTION: &str = "customHandler";

/// Routes of `customHandler.http.routes` that are read.
const MOST_ROUTES: usize = 1000;

impl CustomHandler {
    /// Reads the section; paths are resolved against the package folder `root`.
    ///
    /// # Errors
    /// When the section or its `description` is missing, no executable is
    /// named, or a value is not of its type.
    pub(crate) fn read(
        configuration: &Configuration,
        settings: &AppSettings,
        root: &Path,
    ) -> Result<Self, HostError> {
        if !configuration.has_section(SECTION) {
            return Err(HostError::Configuration(
                "host.json has no 'customHandler' section: nothing can be started.".into(),
            ));
        }
        if !configuration.has_section("customHandler:description") {
            return Err(HostError::Configuration(
                "Missing worker Description.".into(),
            ));
        }
        let description = |name: &str| {
            configuration
                .get_filled(&format!("customHandler:description:{name}"))
                .map(|text| settings.expand(text))
        };
        if configuration.flag("customHandler:description:isDisabled", false)? {
            return Err(HostError::Configuration(
                "The custom handler is disabled ('customHandler.description.isDisabled').".into(),
            ));
        }
        let worker_directory = under(root, description("workerDirectory"));
        let executable = description("defaultExecutablePath").ok_or_else(|| {
            HostError::Configuration(
                "WorkerDescription DefaultExecutablePath cannot be empty".into(),
            )
        })?;
        let mut arguments = list(configuration, settings, "arguments");
        arguments.extend(description("defaultWorkerPath"));
        arguments.extend(list(configuration, settings, "workerArguments"));
        Ok(Self {
            executable: find_executable(&worker_directory, &executable),
            arguments,
            working_directory: under(root, description("workingDirectory")),
            port: port(configuration)?,
            http_mode: http_mode(configuration)?,
            initialization_timeout: initialization_timeout(configuration)?,
            stderr_is_for_errors_only: configuration.flag(
                "customHandler:description:useStdErrorStreamForErrorsOnly",
                true,
            )?,
            routes: routes(configuration),
        })
    }
}

/// The host replaces a relative executable by its full path only where the
/// file exists; any other name is left to a search of `PATH`.
fn find_executable(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    if path.is_file() {
        path
    } else {
        PathBuf::from(name)
    }
}

fn under(root: &Path, directory: Option<String>) -> PathBuf {
    directory.map_or_else(|| root.to_path_buf(), |directory| root.join(directory))
}

fn list(configuration: &Configuration, settings: &AppSettings, name: &str) -> Vec<String> {
    configuration
        .list(&format!("customHandler:description:{name}"))
        .into_iter()
        .map(|text| settings.expand(text))
        .collect()
}

fn port(configuration: &Configuration) -> Result<Option<u16>, HostError> {
    let key = "customHandler:port";
    match configuration.get_filled(key) {
        None => Ok(None),
        Some(text) => match text.trim().parse() {
            Ok(0) => Ok(None),
            Ok(port) => Ok(Some(port)),
            Err(_) => Err(configuration.unconvertible(key, "System.Int32")),
        },
    }
}

fn http_mode(configuration: &Configuration) -> Result<HttpMode, HostError> {
    let proxy = configuration.flag("customHandler:enableProxyingHttpRequest", false)?;
    let forward = configuration.flag("customHandler:enableForwardingHttpRequest", false)?;
    Ok(match (proxy, forward) {
        (true, _) => HttpMode::Proxy,
        (false, true) => HttpMode::Forward,
        (false, false) => HttpMode::Wrap,
    })
}

fn initialization_timeout(configuration: &Configuration) -> Result<Duration, HostError> {
    let key = "customHandler:initializationTimeout";
    match configuration.get_filled(key) {
        None => Ok(Duration::from_secs(30)),
        Some(text) => time_span::parse(text)
            .ok_or_else(|| configuration.unconvertible(key, "System.TimeSpan")),
    }
}

fn routes(configuration: &Configuration) -> Vec<ConfiguredRoute> {
    let default = configuration
        .get_filled("customHandler:http:defaultAuthorizationLevel")
        .unwrap_or("function");
    (0..MOST_ROUTES)
        .map(|index| format!("customHandler:http:routes:{index}"))
        .take_while(|key| configuration.has_section(key))
        .map(|key| ConfiguredRoute {
            route: configuration
                .get(&format!("{key}:route"))
                .unwrap_or_default()
                .to_owned(),
            authorization_level: configuration
                .get_filled(&format!("{key}:authorizationLevel"))
                .unwrap_or(default)
                .to_owned(),
        })
        .collect()
}
