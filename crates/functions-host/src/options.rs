use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use entrada_ambient::{Clock, Random, SystemClock, SystemRandom};

/// What to run, and how.
pub struct HostOptions {
    /// The package folder: `host.json`, the executable, one folder per function.
    pub root: PathBuf,
    /// Port on 127.0.0.1 for clients; 0 takes any.
    pub port: u16,
    /// App settings: they override `host.json` (`AzureFunctionsJobHost__a__b`),
    /// resolve `%NAME%`, and are given to the handler as its environment.
    pub app_settings: BTreeMap<String, String>,
    /// Whether the handler gets this process's environment too, beneath the app
    /// settings, as it does from the Functions host.
    pub inherit_environment: bool,
    /// Decides when failures of the handler count no more, and what timers are
    /// told.
    pub clock: Arc<dyn Clock>,
    /// Makes ids, and chooses the handler's port.
    pub random: Arc<dyn Random>,
}

impl HostOptions {
    /// The package in `root` on any free port, with no app settings, the
    /// environment inherited, and the machine's clock and randomness.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            port: 0,
            app_settings: BTreeMap::new(),
            inherit_environment: true,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        }
    }

    /// Adds an app setting.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.app_settings.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for HostOptions {
    /// Settings hold secrets: their names alone are shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HostOptions")
            .field("root", &self.root)
            .field("port", &self.port)
            .field("app_settings", &self.app_settings.keys())
            .field("inherit_environment", &self.inherit_environment)
            .finish_non_exhaustive()
    }
}
