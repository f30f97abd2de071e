//! What this deployment keeps secret, and how it gets it: the key ring and
//! perhaps the application's client secret, from Key Vault.

mod client_secret;
mod keeper;
mod ring;

pub use client_secret::VaultClientSecret;
pub use keeper::Keeping;
pub use ring::VaultRing;

/// The secret that holds the key ring.
pub const KEY_RING: &str = "entrada-key-ring";

/// The secret that holds the application's client secret, when there is one.
pub const CLIENT_SECRET: &str = "entrada-client-secret";

/// What the key ring is, as Key Vault's `contentType`.
pub const KEY_RING_TYPE: &str = "application/vnd.entrada.key-ring+json";
