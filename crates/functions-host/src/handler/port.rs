use std::net::{Ipv4Addr, TcpListener};

use entrada_ambient::Random;

use crate::error::HostError;

/// Beneath the range from which Linux takes the local ports of outgoing
/// connections (32768 and up), so that none of those gets the port between
/// this choice and the moment when the handler binds it.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// The handler's port: the configured one, which must be free (the host checks
/// before it spawns), or a free one.
pub(crate) fn choose_port(configured: Option<u16>, random: &dyn Random) -> Result<u16, HostError> {
    if let Some(port) = configured {
        tracing::info!("Using port {port} specified via configuration for custom handler.");
        return try_bind(port).map_err(|source| HostError::Bind {
            port,
            message: format!(
                "Unable to bind to port {port} specified in configuration for the custom handler. {source}"
            ),
        });
    }
    let free = (0..100).find_map(|_| {
        let mut bytes = [0; 2];
        random.fill(&mut bytes);
        try_bind(FIRST + u16::from_be_bytes(bytes) % COUNT).ok()
    });
    match free {
        Some(port) => Ok(port),
        None => try_bind(0).map_err(|source| HostError::Bind {
            port: 0,
            message: format!("no free port for the custom handler. {source}"),
        }),
    }
}

fn try_bind(port: u16) -> std::io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))?
        .local_addr()
        .map(|address| address.port())
}

#[cfg(test)]
mod tests {
    use entrada_ambient::SystemRandom;

    use super::*;

    #[test]
    fn a_configured_port_that_is_taken_is_refused() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = choose_port(Some(port), &SystemRandom).unwrap_err();
        assert!(error.to_string().contains("specified in configuration"));
    }

    #[test]
    fn a_chosen_port_is_free_and_not_one_for_outgoing_connections() {
        let port = choose_port(None, &SystemRandom).unwrap();
        assert!((FIRST..FIRST + COUNT).contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
