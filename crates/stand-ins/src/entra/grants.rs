use std::collections::BTreeMap;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::claims::SignIn;
use crate::encoding::lock;

/// How long an authorization code can be redeemed, in seconds (Microsoft
/// Learn, "OAuth 2.0 authorization code flow": about 10 minutes).
pub(crate) const CODE_LIFETIME: i64 = 600;

/// How long a refresh token lives without being used, in seconds (Microsoft
/// Learn, "Refresh tokens": 90 days).
pub(crate) const REFRESH_TOKEN_LIFETIME: i64 = 90 * 24 * 3600;

/// When something was issued. The sequence orders what a clock that stands
/// still cannot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Epoch seconds.
    pub(crate) time: i64,
    pub(crate) sequence: u64,
}

impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.time, self.sequence)
    }
}

impl FromStr for Stamp {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (time, sequence) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self {
            time: time.parse()?,
            sequence: sequence.parse()?,
        })
    }
}

/// What a person let a client do, as codes and refresh tokens carry it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) client_id: Uuid,
    /// Short name of the persona.
    pub(crate) persona: String,
    /// The `scope` parameter of the request.
    pub(crate) scope: String,
    pub(crate) sign_in: SignIn,
    pub(crate) issued: Stamp,
}

/// What an authorization code holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) id: Uuid,
    pub(crate) grant: Grant,
    /// Name of the authority that issued it, which must redeem it.
    pub(crate) authority: String,
    pub(crate) redirect_uri: String,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<CodeChallenge>,
}

/// What the verifier of PKCE must fit (RFC 7636).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeChallenge {
    pub(crate) value: String,
    /// Method `S256`; otherwise `plain`.
    pub(crate) hashed: bool,
}

/// The codes that have been redeemed, until they expire.
#[derive(Debug, Default)]
pub(crate) struct Redemptions {
    until: Mutex<BTreeMap<Uuid, i64>>,
}

impl Redemptions {
    /// Marks a code as redeemed at `now`; false when it was before.
    pub(crate) fn redeem(&self, code: &Code, now: i64) -> bool {
        let mut until = lock(&self.until);
        until.retain(|_, expires| *expires > now);
        until
            .insert(code.id, code.grant.issued.time + CODE_LIFETIME)
            .is_none()
    }
}
