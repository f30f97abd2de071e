//! Entra, as the settings name it.

use std::sync::Arc;

use entrada_entra::{AccessTokenValidator, ClientSecret, Discovery, EntraClient, EntraSettings};

use super::{Ambient, StartError};
use crate::config::Settings;

/// Entra as the server sees it.
pub(super) struct Upstream {
    pub(super) settings: Arc<EntraSettings>,
    pub(super) discovery: Arc<Discovery>,
    pub(super) validator: Arc<AccessTokenValidator>,
    pub(super) client: Arc<EntraClient>,
}

pub(super) fn upstream(settings: &Settings, ambient: &Ambient) -> Result<Upstream, StartError> {
    let entra = Arc::new(settings.entra.clone());
    let (http, clock) = (&ambient.http, &ambient.clock);
    let secret = settings.client_secret.clone().ok_or_else(|| {
        StartError::new(
            "ENTRADA_CLIENT_SECRET",
            "is not set; it must be the application's client secret",
        )
    })?;
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
        Arc::new(ClientSecret::new(secret)),
        http.clone(),
        clock.clone(),
    ));
    Ok(Upstream {
        settings: entra,
        discovery,
        validator,
        client,
    })
}
