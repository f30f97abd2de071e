//! Settings of this machine, and what they lead to: policy, keys, storage,
//! Entra, addresses.

mod addresses;
mod agents;
mod entra;
mod files;
mod keys;
mod settings;
mod storage;

use entrada_ambient::Environment;

use super::setting::setting_fix;
use super::{Area, Report};
use crate::app::Ambient;
use crate::config::Settings;

/// How long one look at something outside may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

/// Looks at the settings of `environment` and at everything that they name.
/// Gives the settings when they can be read.
pub async fn examine(
    report: &mut Report,
    environment: &dyn Environment,
    ambient: &Ambient,
) -> Option<Settings> {
    report.begin(Area::Local);
    let Some(settings) = settings::examine(report, environment) else {
        report.skipped("policy, keys, storage, Entra and addresses: they follow from the settings");
        return None;
    };
    addresses::examine(report, &settings, environment);
    let catalogue = files::examine(report, &settings, ambient);
    keys::examine(report, &settings, ambient).await;
    storage::examine(report, &settings, ambient).await;
    entra::examine(report, &settings, ambient).await;
    agents::examine(report, &settings, catalogue.as_ref()).await;
    Some(settings)
}
