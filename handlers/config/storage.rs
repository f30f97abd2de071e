//! Where state lives.

use std::path::PathBuf;

use entrada_tables::{AccountAddress, AzureTables};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::base_url::is_loopback;
use super::reader::{NOT_THIS_MACHINE, Reader, Surroundings};

/// Where state lives.
#[derive(Debug, Clone)]
pub enum StorageSettings {
    /// One file on this machine.
    Embedded(PathBuf),
    /// A storage account by connection string.
    ConnectionString(SecretString),
    /// A storage account's table service by managed identity.
    TableService(Url),
}

impl StorageSettings {
    /// What it is, in words for administrators.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded file",
            Self::ConnectionString(_) => "Table Storage by connection string",
            Self::TableService(_) => "Table Storage by managed identity",
        }
    }
}

const NAME: &str = "ENTRADA_STORAGE";

/// The Functions host's own account, in each of the forms that it may have.
const OF_THE_HOST: [&str; 3] = [
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__tableServiceUri",
    "AzureWebJobsStorage__accountName",
];

/// Whether anything names storage.
pub(super) fn is_named(reader: &Reader<'_>) -> bool {
    OF_THE_HOST
        .into_iter()
        .chain([NAME])
        .any(|name| reader.text(name).is_some())
}

pub(super) fn read(reader: &mut Reader<'_>, surroundings: Surroundings) -> Option<StorageSettings> {
    let Some(secret) = reader.secret(NAME) else {
        return from_functions_storage(reader, surroundings);
    };
    let text = secret.expose_secret();
    if let Some(path) = text.strip_prefix("file:") {
        if surroundings == Surroundings::Azure {
            reader.faults.note(
                NAME,
                "must not be a file on Azure: instances come and go and do not share a disk",
            );
            return None;
        }
        return Some(StorageSettings::Embedded(PathBuf::from(path)));
    }
    if text.contains('=') {
        return by_connection_string(reader, NAME, secret, surroundings);
    }
    if let Some(url) = reader.address(NAME) {
        return Some(StorageSettings::TableService(url));
    }
    if reader.faults.is_empty() {
        reader.faults.note(
            NAME,
            "must be a connection string, the URL of a table service, or `file:` and a path",
        );
    }
    None
}

/// What is no connection string is a fault when storage is opened.
fn by_connection_string(
    reader: &mut Reader<'_>,
    name: &str,
    text: SecretString,
    surroundings: Surroundings,
) -> Option<StorageSettings> {
    let account = AzureTables::account_address(&text).ok();
    if let Some(why) = account.and_then(|account| refusal(&account, surroundings)) {
        reader.faults.note(name, why);
        return None;
    }
    Some(StorageSettings::ConnectionString(text))
}

/// Why requests must not go to where a connection string leads to, if so. They
/// are signed, but what they carry is not hidden.
fn refusal(account: &AccountAddress, surroundings: Surroundings) -> Option<&'static str> {
    let here = is_loopback(&account.url);
    let open = account.url.scheme() != "https";
    match surroundings {
        Surroundings::Azure if here => Some(NOT_THIS_MACHINE),
        Surroundings::Azure if open => Some("must lead to an https address"),
        // The emulator may run in another container.
        Surroundings::Elsewhere if open && !here && !account.is_emulator => {
            Some("must lead to an https address unless it is this machine")
        }
        _ => None,
    }
}

/// The account that the Functions host itself uses, as the host's own
/// settings name it.
fn from_functions_storage(
    reader: &mut Reader<'_>,
    surroundings: Surroundings,
) -> Option<StorageSettings> {
    let [connection, address, name] = OF_THE_HOST;
    if let Some(text) = reader.secret(connection) {
        return by_connection_string(reader, connection, text, surroundings);
    }
    if let Some(url) = reader.address(address) {
        return Some(StorageSettings::TableService(url));
    }
    if let Some(account) = reader.text(name) {
        if let Ok(url) = Url::parse(&format!("https://{account}.table.core.windows.net")) {
            return Some(StorageSettings::TableService(url));
        }
        reader.faults.note(name, "is not an account name");
        return None;
    }
    reader.faults.note(
        NAME,
        "is not set, and neither is AzureWebJobsStorage; it must be a connection string, \
         the URL of a table service, or `file:` and a path",
    );
    None
}
