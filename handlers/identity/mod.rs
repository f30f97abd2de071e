//! Who is calling, and how we know: keys, tokens, the principal, and what
//! has been revoked.

mod authenticate;
mod challenge;
mod door;
mod gate;
mod key_ring;
mod key_rings;
mod own_token;
mod principal;
mod profiles;
mod revocation;
mod sealed_columns;
mod sealing;
#[cfg(test)]
pub(crate) mod testing;

pub use authenticate::{Authenticator, Refusal, check_door};
pub use challenge::Challenge;
pub use door::{Audience, Door};
pub use gate::{Caller, Gate};
pub use key_ring::{
    Census, KeyListing, KeyRing, KeyRingError, KeyState, KeySummary, KeyUse, Need, PUBLISHED_FIRST,
    PublicJwk, Rotation, RotationError, Step, StoredValues,
};
pub use key_rings::{KeyRings, KeysMissing, NoKeyRing, RingSource};
pub use own_token::{OwnToken, OwnTokenError, OwnTokens, TokenTerms};
pub use principal::{Principal, TokenSource, UserPartition};
pub use profiles::{Profile, Profiles, Sighting, TABLE as PROFILES_TABLE};
pub use revocation::{
    Revocation, RevocationCheck, Revocations, Revoked, TABLE as REVOCATIONS_TABLE,
};
pub use sealed_columns::SealedColumn;
pub use sealing::{Place, SealError, open_as_holder, seal_for_holder, sealed_under};
