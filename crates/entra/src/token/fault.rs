use uuid::Uuid;

use crate::FetchError;

/// What can be wrong with any token of Entra. Access and id tokens each turn
/// it into their own error.
#[derive(Debug)]
pub(crate) enum Fault {
    Malformed,
    CriticalHeader,
    UnsupportedAlgorithm,
    UnknownKey,
    Signature,
    Issuer,
    Audience,
    TenantNotAllowed(Uuid),
    Expired,
    NotYetValid,
    MissingClaim(&'static str),
    KeysUnavailable(FetchError),
}
