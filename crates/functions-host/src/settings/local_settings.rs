use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::configuration::read_bounded;
use crate::error::HostError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    #[serde(default)]
    is_encrypted: bool,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// The app settings in `local.settings.json` of the package folder `root`, as
/// Azure Functions Core Tools take them; none when there is no such file.
///
/// # Errors
/// When the file cannot be read, is not of that form, or is encrypted.
pub fn local_settings(root: &Path) -> Result<BTreeMap<String, String>, HostError> {
    let path = root.join("local.settings.json");
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let file: File =
        serde_json::from_str(&read_bounded(&path)?).map_err(|source| HostError::Json {
            message: format!("'{}' is not a settings file.", path.display()),
            source,
        })?;
    if file.is_encrypted {
        return Err(HostError::Configuration(
            "local.settings.json is encrypted: run 'func settings decrypt'.".into(),
        ));
    }
    Ok(file.values)
}
