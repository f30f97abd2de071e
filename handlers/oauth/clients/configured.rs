//! Clients that an administrator configured (`ENTRADA_CLIENTS`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::client::{Client, ClientAuthentication, ClientOrigin, DaemonTerms, GrantType};
use super::keys::PublicKeys;
use super::redirect;
use super::{document, metadata, registrations};
use crate::auth::FRONT_END_CLIENT;

/// The file: `{"clients": [...]}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    clients: Vec<Value>,
}

/// One client of the file, in the terms of RFC 7591 section 2 where it has
/// them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client_id: String,
    client_name: Option<String>,
    client_uri: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    grant_types: Option<Vec<String>>,
    scope: Option<String>,
    client_secret_sha256: Option<String>,
    jwks: Option<Value>,
    tenant_id: Option<Uuid>,
    #[serde(default)]
    roles: Vec<String>,
}

/// Every fault of the setting, each with the client that has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConfiguredClientFaults(Vec<String>);

impl ConfiguredClientFaults {
    /// The faults, in the order of the clients.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for ConfiguredClientFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfiguredClientFaults {}

/// The configured clients by their ids.
#[derive(Debug, Clone, Default)]
pub struct ConfiguredClients(BTreeMap<String, Client>);

impl ConfiguredClients {
    /// Takes the clients of the JSON document that `ENTRADA_CLIENTS` holds
    /// or names: `{"clients": [{"client_id", "client_name"?, "client_uri"?,
    /// "redirect_uris"?, "grant_types"?, "scope"?, "client_secret_sha256"?,
    /// "jwks"?, "tenant_id"?, "roles"?}]}`. A client with
    /// `client_secret_sha256` (base64url) authenticates by secret, one with
    /// `jwks` by signed assertion, one with neither not at all. A daemon has
    /// the grant type `client_credentials`, a tenant, roles and `jwks`.
    ///
    /// # Errors
    /// With every fault.
    pub fn parse(json: &str) -> Result<Self, ConfiguredClientFaults> {
        let file: File = serde_json::from_str(json).map_err(|error| {
            ConfiguredClientFaults(vec![format!("is not the documented JSON: {error}")])
        })?;
        let mut faults = Vec::new();
        let mut clients = BTreeMap::new();
        for (index, value) in file.clients.into_iter().enumerate() {
            match serde_json::from_value::<Entry>(value) {
                Err(error) => faults.push(format!("client {}: {error}", index + 1)),
                Ok(entry) => {
                    let id = entry.client_id.clone();
                    let (client, found) = entry.into_client();
                    faults.extend(
                        found
                            .into_iter()
                            .map(|what| format!("client `{id}` {what}")),
                    );
                    if clients.insert(id.clone(), client).is_some() {
                        faults.push(format!("client `{id}` is there twice"));
                    }
                }
            }
        }
        if faults.is_empty() {
            Ok(Self(clients))
        } else {
            Err(ConfiguredClientFaults(faults))
        }
    }

    /// The client of this id.
    #[must_use]
    pub fn get(&self, client_id: &str) -> Option<&Client> {
        self.0.get(client_id)
    }
}

impl Entry {
    /// The client, as far as it can be made out, and what is wrong with it.
    fn into_client(self) -> (Client, Vec<String>) {
        let mut faults = Vec::new();
        if let Some(fault) = fault_of_id(&self.client_id) {
            faults.push(fault.to_owned());
        }
        let grant_types = self.grant_types(&mut faults);
        let authentication = self.authentication(&mut faults);
        let daemon = self.daemon(&grant_types, &mut faults);
        self.check_redirect_uris(&grant_types, &mut faults);
        let scope = metadata::scope(self.scope.as_deref()).unwrap_or_else(|what| {
            faults.push(what.to_owned());
            String::new()
        });
        let client = Client {
            id: self.client_id,
            name: self.client_name.as_deref().and_then(metadata::display_name),
            uri: self.client_uri.as_deref().and_then(metadata::display_uri),
            origin: ClientOrigin::Configured,
            redirect_uris: self.redirect_uris,
            authentication,
            grant_types,
            scope: Some(scope),
            daemon,
        };
        (client, faults)
    }

    /// Absent: those of a client of people, or of a daemon when it has
    /// roles.
    fn grant_types(&self, faults: &mut Vec<String>) -> BTreeSet<GrantType> {
        let Some(names) = &self.grant_types else {
            return if self.roles.is_empty() {
                [GrantType::AuthorizationCode, GrantType::RefreshToken].into()
            } else {
                [GrantType::ClientCredentials].into()
            };
        };
        let mut types = BTreeSet::new();
        for name in names {
            match GrantType::parse(name) {
                Some(known) => drop(types.insert(known)),
                None => faults.push(format!("has the unknown grant type `{name}`")),
            }
        }
        if types.is_empty() {
            faults.push("has no grant type".to_owned());
        }
        types
    }

    fn authentication(&self, faults: &mut Vec<String>) -> ClientAuthentication {
        match (&self.client_secret_sha256, &self.jwks) {
            (None, None) => return ClientAuthentication::None,
            (Some(_), Some(_)) => {
                faults.push("has both client_secret_sha256 and jwks".to_owned());
            }
            (Some(sha256), None) => {
                let is_hash = URL_SAFE_NO_PAD
                    .decode(sha256)
                    .is_ok_and(|bytes| bytes.len() == 32);
                if is_hash {
                    return ClientAuthentication::Secret {
                        sha256: sha256.clone(),
                    };
                }
                faults.push(
                    "has a client_secret_sha256 that is not SHA-256 as base64url without padding"
                        .to_owned(),
                );
            }
            (None, Some(set)) => match PublicKeys::parse(set) {
                Ok(keys) => return ClientAuthentication::PrivateKeyJwt { keys },
                Err(error) => faults.push(format!("has a jwks that cannot be used: {error}")),
            },
        }
        ClientAuthentication::None
    }

    fn daemon(
        &self,
        grant_types: &BTreeSet<GrantType>,
        faults: &mut Vec<String>,
    ) -> Option<DaemonTerms> {
        if !grant_types.contains(&GrantType::ClientCredentials) {
            if self.tenant_id.is_some() || !self.roles.is_empty() {
                faults.push(
                    "has tenant_id or roles, which only the grant type client_credentials uses"
                        .to_owned(),
                );
            }
            return None;
        }
        if self.jwks.is_none() {
            faults.push("is a daemon and needs jwks".to_owned());
        }
        if self.roles.is_empty() {
            faults.push("is a daemon and needs roles".to_owned());
        }
        if self.tenant_id.is_none() {
            faults.push("is a daemon and needs tenant_id".to_owned());
        }
        Some(DaemonTerms {
            tenant_id: self.tenant_id?,
            roles: self.roles.clone(),
        })
    }

    fn check_redirect_uris(&self, grant_types: &BTreeSet<GrantType>, faults: &mut Vec<String>) {
        let signs_in = grant_types.contains(&GrantType::AuthorizationCode);
        if signs_in && self.redirect_uris.is_empty() {
            faults.push("needs redirect_uris".to_owned());
        }
        if !signs_in && !self.redirect_uris.is_empty() {
            faults.push("has redirect_uris but not the grant type authorization_code".to_owned());
        }
        for uri in &self.redirect_uris {
            if let Err(reason) = redirect::sound(uri) {
                faults.push(format!("has the redirect URI `{uri}`: {reason}"));
            }
        }
    }
}

/// Ids stand in URLs and headers, and must not be mistaken for those of
/// other origins.
fn fault_of_id(id: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if id.is_empty() || id.len() > 128 || !id.bytes().all(plain) {
        return Some("must have 1 to 128 characters of A-Z a-z 0-9 - . _ ~");
    }
    if id == FRONT_END_CLIENT {
        return Some("has the id of the sign-in of front ends");
    }
    if registrations::parse_id(id).is_some() || document::is_url(id) {
        return Some("has an id of the form that registered clients have");
    }
    None
}
