//! What the settings name, looked at when the settings themselves have faults
//! and nothing can be put together: so one start names all there is to mend.

use entrada_ambient::Environment;

use super::error::Faults;
use super::files::{catalogue, read_policy};
use super::secrets::{identity, secrets};
use super::storage::open_tables;
use super::{Ambient, StartError};
use crate::config::{Readable, StorageSettings};

/// What is wrong with what the environment names: policy, agents, key ring,
/// certificate, storage. Empty when too little of the settings can be read.
pub(crate) fn named_faults(environment: &dyn Environment, ambient: &Ambient) -> Vec<StartError> {
    let Ok(readable) = Readable::load(environment, false) else {
        return Vec::new();
    };
    let settings = &readable.settings;
    let mut faults = Faults::default();
    let identity = faults.keep(identity(settings, ambient)).flatten();
    faults.keep(read_policy(settings));
    faults.keep(catalogue(settings, identity.as_ref(), ambient));
    secrets(settings, identity.as_ref(), ambient, &mut faults);
    // A file is not looked at: opening makes it.
    if !matches!(settings.storage, StorageSettings::Embedded(_)) {
        faults.keep(open_tables(settings, identity.as_ref(), ambient));
    }
    // What stands in the place of a setting that is at fault means nothing.
    let mut faults = faults.into_vec();
    faults.retain(|fault| readable.unread(&[fault.setting()]).is_none());
    faults
}
