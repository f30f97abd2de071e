use std::collections::HashMap;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The account of the local emulators, and its key, which is public
/// (Microsoft: "Use the Azurite emulator for local Azure Storage development").
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const EMULATOR_PORT: u16 = 10002;

/// The storage account cannot be used as it was named. Never holds any part
/// of a connection string but the names in it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// A part of the connection string is not `name=value`.
    #[error("a part of the connection string is not of the form name=value")]
    Part,
    /// The connection string lacks something.
    #[error("the connection string has no {0}")]
    Missing(&'static str),
    /// The account key is not base64.
    #[error("the AccountKey of the connection string is not base64")]
    Key,
    /// An address cannot be used.
    #[error("the {0} is not an http(s) address without a query")]
    Address(&'static str),
    /// A token would be sent over an open connection.
    #[error("the address of the table service must be https, since a token is sent to it")]
    NotHttps,
    /// Shared access signatures are not supported.
    #[error(
        "the connection string holds a shared access signature, which is not supported: give \
         one with an AccountKey, or the address of the table service for a managed identity"
    )]
    SharedAccessSignature,
}

/// A storage account as a connection string describes it.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) key: hmac::Key,
    pub(super) endpoint: Url,
    pub(super) is_emulator: bool,
}

/// Reads a connection string (Microsoft: "Configure Azure Storage connection
/// strings"). Names are compared without case; what is not about tables is
/// passed over.
pub(super) fn parse(connection_string: &SecretString) -> Result<Account, ConnectionError> {
    let parts = parts(connection_string.expose_secret())?;
    let part = |name: &str| parts.get(name).copied();
    if part("usedevelopmentstorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return emulator(part("developmentstorageproxyuri"));
    }
    if part("sharedaccesssignature").is_some() {
        return Err(ConnectionError::SharedAccessSignature);
    }
    let name = part("accountname").ok_or(ConnectionError::Missing("AccountName"))?;
    let key = part("accountkey").ok_or(ConnectionError::Missing("AccountKey"))?;
    let endpoint = if let Some(endpoint) = part("tableendpoint") {
        service_url(endpoint, "TableEndpoint")?
    } else {
        let protocol = part("defaultendpointsprotocol").unwrap_or("https");
        let suffix = part("endpointsuffix").unwrap_or("core.windows.net");
        service_url(
            &format!("{protocol}://{name}.table.{suffix}"),
            "address made of DefaultEndpointsProtocol, AccountName and EndpointSuffix",
        )?
    };
    Ok(Account {
        name: name.to_owned(),
        key: signing_key(key)?,
        endpoint,
        is_emulator: false,
    })
}

fn parts(text: &str) -> Result<HashMap<String, &str>, ConnectionError> {
    text.split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_ascii_lowercase(), value.trim())),
            None => Err(ConnectionError::Part),
        })
        .collect()
}

fn emulator(proxy: Option<&str>) -> Result<Account, ConnectionError> {
    const PROXY: &str = "DevelopmentStorageProxyUri";
    let mut endpoint = service_url(proxy.unwrap_or("http://127.0.0.1"), PROXY)?;
    if endpoint.set_port(Some(EMULATOR_PORT)).is_err() {
        return Err(ConnectionError::Address(PROXY));
    }
    endpoint.set_path(EMULATOR_ACCOUNT);
    Ok(Account {
        name: EMULATOR_ACCOUNT.to_owned(),
        key: signing_key(EMULATOR_KEY)?,
        endpoint,
        is_emulator: true,
    })
}

fn signing_key(base64: &str) -> Result<hmac::Key, ConnectionError> {
    let bytes = STANDARD.decode(base64).map_err(|_| ConnectionError::Key)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// An address that paths can be appended to.
fn service_url(text: &str, what: &'static str) -> Result<Url, ConnectionError> {
    let url = Url::parse(text).map_err(|_| ConnectionError::Address(what))?;
    check_service_url(&url, what)?;
    Ok(url)
}

pub(super) fn check_service_url(url: &Url, what: &'static str) -> Result<(), ConnectionError> {
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if web && plain {
        Ok(())
    } else {
        Err(ConnectionError::Address(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Account, ConnectionError> {
        parse(&SecretString::from(text))
    }

    #[test]
    fn development_storage_is_the_emulator_on_this_machine_or_behind_a_proxy() {
        let account = parsed("UseDevelopmentStorage=true").unwrap();
        assert_eq!(account.name, "devstoreaccount1");
        assert!(account.is_emulator);
        assert_eq!(
            account.endpoint.as_str(),
            "http://127.0.0.1:10002/devstoreaccount1"
        );
        let text = "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite";
        let account = parsed(text).unwrap();
        assert_eq!(
            account.endpoint.as_str(),
            "http://azurite:10002/devstoreaccount1"
        );
    }

    #[test]
    fn the_address_comes_from_the_account_or_is_given() {
        let account = parsed(
            "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5PQ==;\
             EndpointSuffix=core.chinacloudapi.cn",
        );
        assert_eq!(
            account.unwrap().endpoint.as_str(),
            "https://acc.table.core.chinacloudapi.cn/"
        );
        let account = parsed("accountname=acc;accountkey=a2V5;BlobEndpoint=x=y;").unwrap();
        assert_eq!(
            account.endpoint.as_str(),
            "https://acc.table.core.windows.net/"
        );
        let account =
            parsed("AccountName=a;AccountKey=a2V5;TableEndpoint=http://localhost:1/a;").unwrap();
        assert_eq!(account.endpoint.as_str(), "http://localhost:1/a");
    }

    #[test]
    fn what_is_wrong_is_named_without_the_key() {
        let cases = [
            ("nonsense", ConnectionError::Part),
            ("AccountKey=a2V5", ConnectionError::Missing("AccountName")),
            ("AccountName=a", ConnectionError::Missing("AccountKey")),
            ("AccountName=a;AccountKey=***", ConnectionError::Key),
            (
                "AccountName=a;AccountKey=a2V5;TableEndpoint=ftp://x",
                ConnectionError::Address("TableEndpoint"),
            ),
            (
                "AccountName=a;SharedAccessSignature=sv=1",
                ConnectionError::SharedAccessSignature,
            ),
        ];
        for (text, expected) in cases {
            let Err(error) = parsed(text) else {
                panic!("{text} was taken");
            };
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("a2V5"));
        }
    }
}
