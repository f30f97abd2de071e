//! How often an address may register clients.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::{AddressLimit, Limits};
use crate::oauth::clients::RegistrationLimiter;

#[async_trait]
impl RegistrationLimiter for Limits {
    async fn admit(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let charged = self.charge_address(AddressLimit::Registration, address);
        charged
            .await
            .map_err(|exceeded| Duration::from_secs(exceeded.seconds()))
    }
}
