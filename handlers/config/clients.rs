//! Clients of the authorization server, and what others may register.

use std::path::PathBuf;

use http::HeaderName;

use super::reader::{Reader, Surroundings};
use crate::address::AddressSource;
use crate::oauth::clients::{ConfiguredClients, custom_redirect_uri};

/// What the settings say about clients of the authorization server.
#[derive(Debug, Default)]
pub struct ClientSettings {
    /// Clients that an administrator configured.
    pub configured: ConfiguredClients,
    /// Redirect URIs with a scheme of their own that anybody may register,
    /// beside those of known clients.
    pub custom_redirect_uris: Vec<String>,
}

const CLIENTS: &str = "ENTRADA_CLIENTS";
const CUSTOM: &str = "ENTRADA_CUSTOM_REDIRECT_URIS";
const ADDRESS_HEADER: &str = "ENTRADA_CLIENT_IP_HEADER";

pub(super) fn read(reader: &mut Reader<'_>) -> ClientSettings {
    ClientSettings {
        configured: configured(reader),
        custom_redirect_uris: custom_redirect_uris(reader),
    }
}

/// The JSON itself, or the file that holds it.
fn configured(reader: &mut Reader<'_>) -> ConfiguredClients {
    let Some(text) = reader.text(CLIENTS) else {
        return ConfiguredClients::default();
    };
    let json = if text.starts_with('{') {
        text
    } else {
        match std::fs::read_to_string(PathBuf::from(&text)) {
            Ok(json) => json,
            Err(error) => {
                reader.faults.note(CLIENTS, format!("{text}: {error}"));
                return ConfiguredClients::default();
            }
        }
    };
    ConfiguredClients::parse(&json).unwrap_or_else(|faults| {
        for fault in faults.iter() {
            reader.faults.note(CLIENTS, fault);
        }
        ConfiguredClients::default()
    })
}

fn custom_redirect_uris(reader: &mut Reader<'_>) -> Vec<String> {
    let uris = reader.list(CUSTOM);
    for uri in &uris {
        if let Err(reason) = custom_redirect_uri(uri) {
            reader.faults.note(CUSTOM, format!("`{uri}`: {reason}"));
        }
    }
    uris
}

/// Where a caller's address is found. Under the Functions host the peer is
/// always the host, and what stands in `X-Forwarded-For` is too. On Azure its
/// front end writes the caller's address into `client-ip`; of another place
/// with a host nobody knows what stands in front. Without a host the peer is
/// the caller, and anybody may write a header. A setting may name the header
/// of a proxy in front.
pub(super) fn address_source(
    reader: &mut Reader<'_>,
    surroundings: Surroundings,
    has_functions_host: bool,
) -> AddressSource {
    if let Some(asked) = reader.optional(ADDRESS_HEADER, "the name of an HTTP header") {
        return AddressSource::Header(asked);
    }
    match (has_functions_host, surroundings) {
        (true, Surroundings::Azure) => AddressSource::Header(HeaderName::from_static("client-ip")),
        (true, Surroundings::Development | Surroundings::Elsewhere) => AddressSource::Unknown,
        (false, _) => AddressSource::Peer,
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::FixedEnvironment;

    use super::*;

    fn read_from(values: &[(&str, &str)]) -> (ClientSettings, Vec<String>) {
        let environment = FixedEnvironment::new(values.iter().copied());
        let mut reader = Reader::new(&environment, Surroundings::Elsewhere);
        let settings = read(&mut reader);
        let faults = reader.faults.to_string();
        (
            settings,
            faults.lines().skip(1).map(str::to_owned).collect(),
        )
    }

    const ONE: &str = r#"{"clients": [{"client_id": "one",
        "redirect_uris": ["https://one.example/callback"]}]}"#;

    #[test]
    fn clients_come_inline_or_from_a_file() {
        let (settings, faults) = read_from(&[(CLIENTS, ONE)]);
        assert!(faults.is_empty(), "{faults:?}");
        assert!(settings.configured.get("one").is_some());

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), ONE).unwrap();
        let (settings, faults) = read_from(&[(CLIENTS, file.path().to_str().unwrap())]);
        assert!(faults.is_empty(), "{faults:?}");
        assert!(settings.configured.get("one").is_some());
    }

    #[test]
    fn every_fault_of_both_settings_is_named() {
        let two = r#"{"clients": [{"client_id": "a b", "redirect_uris": ["https://x/"]},
            {"client_id": "two"}]}"#;
        let (_, faults) = read_from(&[
            (CLIENTS, two),
            (
                CUSTOM,
                "app.example:/callback javascript:alert(1) https://x/",
            ),
        ]);
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(
            faults
                .iter()
                .any(|fault| fault.contains("`javascript:alert(1)`"))
        );
        let (_, faults) = read_from(&[(CLIENTS, "/no/such/file.json")]);
        assert!(
            faults
                .iter()
                .any(|fault| fault.contains("/no/such/file.json"))
        );
    }

    #[test]
    fn the_header_is_azures_there_and_none_elsewhere_unless_named() {
        let source = |values: &[(&str, &str)], surroundings, host| {
            let environment = FixedEnvironment::new(values.iter().copied());
            address_source(
                &mut Reader::new(&environment, surroundings),
                surroundings,
                host,
            )
        };
        let header = |name| AddressSource::Header(HeaderName::from_static(name));
        let everywhere = [
            Surroundings::Development,
            Surroundings::Elsewhere,
            Surroundings::Azure,
        ];
        for surroundings in everywhere {
            // Other containers than Azure's have a name too, and nobody in
            // front who would overwrite a header.
            assert_eq!(source(&[], surroundings, false), AddressSource::Peer);
            let named = [(ADDRESS_HEADER, "X-Real-IP")];
            for host in [false, true] {
                assert_eq!(source(&named, surroundings, host), header("x-real-ip"));
            }
        }
        assert_eq!(source(&[], Surroundings::Azure, true), header("client-ip"));
        for surroundings in [Surroundings::Development, Surroundings::Elsewhere] {
            assert_eq!(source(&[], surroundings, true), AddressSource::Unknown);
        }
    }
}
