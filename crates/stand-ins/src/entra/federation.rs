use serde::{Deserialize, Serialize};

/// How the registered application trusts the managed identity's tokens, the
/// body of `POST /stand-in/federated-credential` as `{"state": …}`. A new
/// federated credential takes some minutes to count at Entra; what is refused
/// until then, and how, rests on public reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Federation {
    /// The federated credential is there.
    #[default]
    Trusted,
    /// It was made a moment ago: AADSTS70021.
    Propagating,
    /// There is one, for another identity: AADSTS700213.
    OtherSubject,
    /// There is none: AADSTS70025.
    Absent,
}
