//! How often an address may register clients.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

/// Says whether one more registration may be made.
#[async_trait]
pub trait RegistrationLimiter: fmt::Debug + Send + Sync {
    /// Takes one registration from the allowance of `address`; `None` when
    /// nobody knows it.
    ///
    /// # Errors
    /// With how long to wait when there is nothing left.
    async fn admit(&self, address: Option<IpAddr>) -> Result<(), Duration>;
}

#[cfg(test)]
pub(crate) mod testing {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;

    /// Lets every address register 60 times, and then no more.
    #[derive(Debug, Default)]
    pub(crate) struct SixtyEach(Mutex<HashMap<Option<IpAddr>, usize>>);

    #[async_trait]
    impl RegistrationLimiter for SixtyEach {
        async fn admit(&self, address: Option<IpAddr>) -> Result<(), Duration> {
            let mut made = self.0.lock().unwrap();
            let made = made.entry(address).or_default();
            *made += 1;
            if *made > 60 {
                return Err(Duration::from_secs(2));
            }
            Ok(())
        }
    }
}
