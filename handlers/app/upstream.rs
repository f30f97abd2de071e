//! Entra, as the settings name it.

use std::sync::Arc;

use entrada_entra::{
    AccessTokenValidator, ClientCredential, Discovery, EntraClient, EntraSettings,
};

use super::Ambient;
use crate::config::Settings;

/// Entra as the server sees it.
pub(super) struct Upstream {
    pub(super) settings: Arc<EntraSettings>,
    pub(super) discovery: Arc<Discovery>,
    pub(super) validator: Arc<AccessTokenValidator>,
    pub(super) client: Arc<EntraClient>,
}

pub(super) fn upstream(
    settings: &Settings,
    credential: Arc<dyn ClientCredential>,
    ambient: &Ambient,
) -> Upstream {
    let entra = Arc::new(settings.entra.clone());
    let (http, clock) = (&ambient.http, &ambient.clock);
    let discovery = Arc::new(Discovery::new(entra.clone(), http.clone(), clock.clone()));
    let validator = Arc::new(AccessTokenValidator::new(
        entra.clone(),
        discovery.clone(),
        http.clone(),
        clock.clone(),
    ));
    let client = Arc::new(EntraClient::new(
        entra.clone(),
        discovery.clone(),
        validator.clone(),
        credential,
        http.clone(),
        clock.clone(),
    ));
    Upstream {
        settings: entra,
        discovery,
        validator,
        client,
    }
}
