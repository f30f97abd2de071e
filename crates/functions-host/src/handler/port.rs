use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::HostError;

/// Beneath the range from which Linux takes the local ports of outgoing
/// connections (32768 and up), so that none of those gets the port between
/// this choice and the moment when the handler binds it.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Ports of one process before it comes to those of the next.
const OF_ONE: u32 = 8;

/// The handler's port: the configured one, which must be free (the host checks
/// before it spawns), or a free one. Hosts that run side by side look in
/// different places: of two that took a port by chance, one would start a
/// handler that cannot listen.
pub(crate) fn choose_port(configured: Option<u16>) -> Result<u16, HostError> {
    static CHOSEN: AtomicU32 = AtomicU32::new(0);
    if let Some(port) = configured {
        tracing::info!("Using port {port} specified via configuration for custom handler.");
        return try_bind(port).map_err(|source| HostError::Bind {
            port,
            message: format!(
                "Unable to bind to port {port} specified in configuration for the custom handler. {source}"
            ),
        });
    }
    let begin = std::process::id().wrapping_mul(OF_ONE);
    let free = (0..100).find_map(|_| {
        let place = begin.wrapping_add(CHOSEN.fetch_add(1, Ordering::Relaxed));
        let place = u16::try_from(place % u32::from(COUNT)).ok()?;
        try_bind(FIRST + place).ok()
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
    use super::*;

    #[test]
    fn a_configured_port_that_is_taken_is_refused() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = choose_port(Some(port)).unwrap_err();
        assert!(error.to_string().contains("specified in configuration"));
    }

    #[test]
    fn a_chosen_port_is_free_and_not_one_for_outgoing_connections() {
        let port = choose_port(None).unwrap();
        assert!((FIRST..FIRST + COUNT).contains(&port));
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(choose_port(None).unwrap(), port);
    }
}
