use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde_json::Value;

use super::AppSettings;
use super::profile;
use crate::error::HostError;

/// What an app setting's name begins with when it overrides `host.json`.
const ROOT: &str = "azurefunctionsjobhost";

/// Largest `host.json` or `function.json` that is read.
pub(crate) const FILE_LIMIT: u64 = 1024 * 1024;

/// `host.json` as the host holds it: a flat map from case-insensitive keys
/// (`customHandler:description:defaultExecutablePath`) to texts, under it the
/// presets of the configuration profile, over it the app settings
/// `AzureFunctionsJobHost__customHandler__…` (azure-functions-host,
/// `HostJsonFileConfigurationSource`).
pub(crate) struct Configuration {
    values: BTreeMap<String, String>,
}

impl fmt::Debug for Configuration {
    /// Values may come from app settings, which hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Configuration")
            .field("keys", &self.values.keys())
            .finish_non_exhaustive()
    }
}

impl Configuration {
    /// Reads `host.json` in `root`.
    ///
    /// # Errors
    /// When the file is missing (the host would write a default one; a package
    /// without it is a mistake here), is not a JSON object, or has another
    /// `version` than 2.0; when the profile is unknown.
    pub(crate) fn read(root: &Path, settings: &AppSettings) -> Result<Self, HostError> {
        let path = root.join("host.json");
        let text = read_bounded(&path)?;
        let document: Value = serde_json::from_str(&text).map_err(|source| HostError::Json {
            message: format!(
                "Unable to parse host configuration file '{}'.",
                path.display()
            ),
            source,
        })?;
        check_version(&document)?;
        let mut file = BTreeMap::new();
        flatten(&document, "", &mut file);
        let over = overrides(settings);
        let profile = over
            .get("configurationprofile")
            .or_else(|| file.get("configurationprofile"))
            .map_or("", String::as_str);
        let mut values: BTreeMap<String, String> = profile::presets(profile)?
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        values.extend(file);
        values.extend(over);
        Ok(Self { values })
    }

    /// The text at `key`, whose parts are joined by `:`; case does not matter.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(&key.to_ascii_lowercase())
            .map(String::as_str)
    }

    /// Like `get`, but an empty text counts as absent.
    pub(crate) fn get_filled(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.trim().is_empty())
    }

    /// Whether anything is set at or below `key`.
    pub(crate) fn has_section(&self, key: &str) -> bool {
        let key = key.to_ascii_lowercase();
        let below = format!("{key}:");
        self.values
            .keys()
            .any(|name| *name == key || name.starts_with(&below))
    }

    /// A yes or no; `default` when nothing is set.
    ///
    /// # Errors
    /// When the text is neither `true` nor `false`.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, HostError> {
        match self.get(key).map(str::trim) {
            None | Some("") => Ok(default),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(self.unconvertible(key, "System.Boolean")),
        }
    }

    /// The list at `key`, in the order of its indices.
    pub(crate) fn list(&self, key: &str) -> Vec<&str> {
        (0..)
            .map_while(|index| self.get(&format!("{key}:{index}")))
            .collect()
    }

    /// The error of .NET's configuration binder.
    pub(crate) fn unconvertible(&self, key: &str, kind: &str) -> HostError {
        HostError::Configuration(format!(
            "Failed to convert configuration value '{}' at 'AzureFunctionsJobHost:{key}' to type '{kind}'.",
            self.get(key).unwrap_or_default()
        ))
    }
}

/// Reads a small text file.
pub(crate) fn read_bounded(path: &Path) -> Result<String, HostError> {
    let io = |source| HostError::Read {
        path: path.to_path_buf(),
        source,
    };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > FILE_LIMIT {
        return Err(HostError::Configuration(format!(
            "'{}' has {size} bytes; at most {FILE_LIMIT} are read.",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    // Editors on Windows write a byte order mark, which .NET skips.
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

fn check_version(document: &Value) -> Result<(), HostError> {
    let Value::Object(members) = document else {
        return Err(HostError::Configuration(
            "The host.json file is not a JSON object.".into(),
        ));
    };
    let version = match members.get("version") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let message = match version.as_str() {
        "2.0" => return Ok(()),
        "" => "The host.json file is missing the required 'version' property. See https://aka.ms/functions-hostjson for steps to migrate the configuration file.".to_owned(),
        other => {
            let hint = if other.starts_with('3') {
                "This does not correspond to the function runtime version, only to the schema version of the host.json file. "
            } else {
                ""
            };
            format!("'{other}' is an invalid value for host.json 'version' property. We recommend you set the 'version' property to '2.0'. {hint}See https://aka.ms/functions-hostjson for more information on this configuration file.")
        }
    };
    Err(HostError::Configuration(message))
}

fn flatten(value: &Value, path: &str, into: &mut BTreeMap<String, String>) {
    let below = |name: &str| {
        let name = name.to_ascii_lowercase();
        if path.is_empty() {
            name
        } else {
            format!("{path}:{name}")
        }
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(value, &below(name), into);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                flatten(value, &below(&index.to_string()), into);
            }
        }
        Value::Null => {
            into.insert(path.to_owned(), String::new());
        }
        Value::String(text) => {
            into.insert(path.to_owned(), text.clone());
        }
        Value::Bool(_) | Value::Number(_) => {
            into.insert(path.to_owned(), value.to_string());
        }
    }
}

fn overrides(settings: &AppSettings) -> BTreeMap<String, String> {
    settings
        .given()
        .filter_map(|(name, value)| {
            let key = name.replace("__", ":").to_ascii_lowercase();
            let below = key.strip_prefix(ROOT)?.strip_prefix(':')?;
            Some((below.to_owned(), value.to_owned()))
        })
        .collect()
}
