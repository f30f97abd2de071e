//! Names to addresses that may be connected to.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use super::address_policy::AddressPolicy;

/// Looks names up.
#[async_trait]
pub trait NameLookup: fmt::Debug + Send + Sync {
    /// The addresses of `name`. Port 0 stands for the scheme's own.
    ///
    /// # Errors
    /// When there are none, or nobody answers.
    async fn look_up(&self, name: &str) -> std::io::Result<Vec<SocketAddr>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait]
impl NameLookup for SystemLookup {
    async fn look_up(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// An address that must not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the name leads to {address} ({what})")]
pub(super) struct AddressRefused {
    pub(super) address: IpAddr,
    pub(super) what: &'static str,
}

impl AddressRefused {
    /// Whether this lies behind `error`.
    pub(super) fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(current) = cause {
            if let Some(refused) = current.downcast_ref() {
                return Some(refused);
            }
            cause = current.source();
        }
        None
    }
}

/// Resolves names and lets through only addresses that may be connected to:
/// the connection is made to what was checked, whatever the name leads to a
/// moment later (DNS rebinding).
#[derive(Debug)]
pub(super) struct CheckedResolver {
    pub(super) lookup: Arc<dyn NameLookup>,
    pub(super) policy: AddressPolicy,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, policy) = (self.lookup.clone(), self.policy);
        Box::pin(async move {
            let found = lookup.look_up(name.as_str()).await?;
            let checked = check(policy, found)?;
            Ok(Box::new(checked.into_iter()) as Addrs)
        })
    }
}

/// Those of `found` that may be connected to; an error when none may.
fn check(policy: AddressPolicy, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, AddressRefused> {
    let mut refused = None;
    let checked: Vec<_> = found
        .into_iter()
        .filter(|address| match policy.objection(address.ip()) {
            None => true,
            Some(what) => {
                let address = address.ip();
                refused.get_or_insert(AddressRefused { address, what });
                false
            }
        })
        .collect();
    match refused {
        Some(refused) if checked.is_empty() => Err(refused),
        _ => Ok(checked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_checked_addresses_are_given_out() {
        let found = addresses(&["10.0.0.1:0", "8.8.8.8:0", "[64:ff9b::808:808]:0"]);
        assert_eq!(
            check(AddressPolicy::PublicOnly, found).unwrap(),
            addresses(&["8.8.8.8:0"])
        );
    }

    #[test]
    fn a_name_with_nothing_but_refused_addresses_is_refused() {
        let found = addresses(&["168.63.129.16:0", "[::1]:0"]);
        let refused = check(AddressPolicy::PublicOnly, found).unwrap_err();
        assert_eq!(refused.what, "Azure platform");
    }

    #[tokio::test]
    async fn the_system_resolver_knows_this_machine() {
        let found = SystemLookup.look_up("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(|a| a.ip().is_loopback()));
    }
}
