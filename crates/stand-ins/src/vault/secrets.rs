use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What the caller says about a version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) enabled: Option<bool>,
    pub(super) nbf: Option<i64>,
    pub(super) exp: Option<i64>,
}

/// One version of a secret.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) value: SecretString,
    pub(super) content_type: Option<String>,
    pub(super) attributes: Attributes,
    pub(super) tags: Option<Map<String, Value>>,
    pub(super) created: i64,
    pub(super) updated: i64,
}

impl fmt::Debug for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Version")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Version {
    pub(super) fn is_enabled(&self) -> bool {
        self.attributes.enabled.unwrap_or(true)
    }

    /// The item without its value, under the address `id`.
    pub(super) fn item(&self, id: &str) -> Value {
        let mut attributes = Map::new();
        attributes.insert("enabled".to_owned(), json!(self.is_enabled()));
        for (name, value) in [("nbf", self.attributes.nbf), ("exp", self.attributes.exp)] {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), json!(value));
            }
        }
        attributes.insert("created".to_owned(), json!(self.created));
        attributes.insert("updated".to_owned(), json!(self.updated));
        attributes.insert("recoveryLevel".to_owned(), json!("Recoverable+Purgeable"));
        attributes.insert("recoverableDays".to_owned(), json!(90));
        let mut item = json!({"id": id, "attributes": attributes});
        if let Some(members) = item.as_object_mut() {
            if let Some(content_type) = &self.content_type {
                members.insert("contentType".to_owned(), json!(content_type));
            }
            if let Some(tags) = &self.tags {
                members.insert("tags".to_owned(), json!(tags));
            }
        }
        item
    }

    /// The item with its value.
    pub(super) fn bundle(&self, id: &str) -> Value {
        let mut item = self.item(id);
        if let Some(members) = item.as_object_mut() {
            members.insert("value".to_owned(), json!(self.value.expose_secret()));
        }
        item
    }
}

/// A deleted secret: its versions, and when it was deleted.
#[derive(Debug)]
pub(super) struct Deleted {
    pub(super) versions: Vec<Version>,
    pub(super) at: i64,
}

/// All secrets, by their names in small letters: names are compared without
/// case. The newest version is the last.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    pub(super) live: BTreeMap<String, Vec<Version>>,
    pub(super) deleted: BTreeMap<String, Deleted>,
}

impl Secrets {
    /// A version of a secret; without one named, the newest.
    pub(super) fn find(&self, name: &str, version: Option<&str>) -> Option<&Version> {
        let versions = self.live.get(name)?;
        match version {
            None => versions.last(),
            Some(id) => versions.iter().find(|version| version.id == id),
        }
    }
}
