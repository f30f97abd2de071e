//! The form of codes and refresh tokens: where their row is, and a secret.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use entrada_ambient::Random;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::identity::UserPartition;
use crate::text::hash;

/// What a code or token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretKind {
    /// The one-time code that `/auth/callback` gives a front end.
    AuthCode,
    /// The refresh token of `/auth/exchange`.
    RefreshToken,
    /// The authorization code of a client of the authorization server.
    AuthorizationCode,
    /// The refresh token of `/token`.
    ClientRefreshToken,
}

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::AuthCode => "eac",
            Self::RefreshToken => "ert",
            Self::AuthorizationCode => "ezc",
            Self::ClientRefreshToken => "ect",
        }
    }

    /// The kind of the refresh tokens that a grant has whose code is of this
    /// kind: those of `/auth` and those of `/token` are never each other's.
    #[must_use]
    pub fn refresh(self) -> Self {
        match self {
            Self::AuthCode | Self::RefreshToken => Self::RefreshToken,
            Self::AuthorizationCode | Self::ClientRefreshToken => Self::ClientRefreshToken,
        }
    }
}

/// A code or refresh token: `{prefix}.{partition}.{grant}.{secret}`. It
/// carries the place of its row in itself, so that redeeming it is one point
/// read; the secret (256 bits) is stored as a hash only.
#[derive(Clone)]
pub struct SecretCode {
    kind: SecretKind,
    partition: UserPartition,
    grant_id: Uuid,
    text: SecretString,
}

impl fmt::Debug for SecretCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SecretCode")
            .field("grant_id", &self.grant_id)
            .finish_non_exhaustive()
    }
}

impl SecretCode {
    /// A new one for a grant.
    #[must_use]
    pub fn new(
        kind: SecretKind,
        partition: &UserPartition,
        grant_id: Uuid,
        random: &dyn Random,
    ) -> Self {
        let text = format!(
            "{}.{}.{}.{}",
            kind.prefix(),
            partition.as_str(),
            grant_id.simple(),
            random.secret()
        );
        Self {
            kind,
            partition: partition.clone(),
            grant_id,
            text: SecretString::from(text),
        }
    }

    /// Takes what a caller presented; `None` when it cannot be one of this
    /// kind.
    #[must_use]
    pub fn parse(kind: SecretKind, presented: &SecretString) -> Option<Self> {
        let text = presented.expose_secret();
        if text.len() > 256 {
            return None;
        }
        let mut parts = text.split('.');
        let (prefix, partition, grant, secret) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if prefix != kind.prefix() || parts.next().is_some() || secret.len() != 43 {
            return None;
        }
        Some(Self {
            kind,
            partition: UserPartition::parse(partition)?,
            grant_id: Uuid::try_parse(grant).ok()?,
            text: presented.clone(),
        })
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The partition of the grant's row.
    #[must_use]
    pub fn partition(&self) -> &UserPartition {
        &self.partition
    }

    /// The grant.
    #[must_use]
    pub fn grant_id(&self) -> Uuid {
        self.grant_id
    }

    /// The whole text, as the caller holds it.
    #[must_use]
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// What is stored of it: SHA-256 of the whole text, base64url.
    #[must_use]
    pub fn hash(&self) -> String {
        hash(self.text.expose_secret())
    }

    /// Whether `stored` is this one's hash, in constant time.
    #[must_use]
    pub fn matches(&self, stored: &str) -> bool {
        verify_slices_are_equal(self.hash().as_bytes(), stored.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::SystemRandom;

    use super::*;

    #[test]
    fn what_is_made_can_be_parsed_as_its_kind_alone() {
        let partition = UserPartition::of(Uuid::from_u128(1), Uuid::from_u128(2));
        let code = SecretCode::new(
            SecretKind::AuthCode,
            &partition,
            Uuid::from_u128(3),
            &SystemRandom,
        );
        let parsed = SecretCode::parse(SecretKind::AuthCode, code.text()).unwrap();
        assert_eq!(parsed.partition(), &partition);
        assert_eq!(parsed.grant_id(), Uuid::from_u128(3));
        assert!(parsed.matches(&code.hash()) && !parsed.matches(&hash("other")));
        for other in [
            SecretKind::RefreshToken,
            SecretKind::AuthorizationCode,
            SecretKind::ClientRefreshToken,
        ] {
            assert!(SecretCode::parse(other, code.text()).is_none());
        }
        assert!(!format!("{code:?}").contains(code.text().expose_secret()));
    }

    #[test]
    fn garbage_is_not_taken() {
        for text in ["", "eac", "eac.a.b.c", "eac....", "ert.x.y.z.w"] {
            let presented = SecretString::from(text);
            assert!(
                SecretCode::parse(SecretKind::AuthCode, &presented).is_none(),
                "{text}"
            );
        }
    }
}
