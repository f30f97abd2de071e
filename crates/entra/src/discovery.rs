use std::sync::Arc;

use entrada_ambient::Clock;

use crate::EntraSettings;

/// The authority's OpenID configuration per tenant.
#[derive(Debug)]
pub struct Discovery {
    settings: Arc<EntraSettings>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl Discovery {
    /// Nothing is fetched before it is needed.
    #[must_use]
    pub fn new(settings: Arc<EntraSettings>, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings,
            http,
            clock,
        }
    }
}
