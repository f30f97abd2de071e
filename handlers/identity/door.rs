//! The doors of the server. A token opens those that it was issued for and
//! no other.

use crate::config::BaseUrl;

/// A door: a set of routes with an audience of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `/api`: the front end's.
    Api,
    /// `/mcp`: MCP clients'.
    Mcp,
    /// `/runtime/webhooks/mcp`: agent platforms that bring an Entra token.
    Webhook,
}

impl Door {
    /// Every door.
    pub const ALL: [Self; 3] = [Self::Api, Self::Mcp, Self::Webhook];

    /// The path whose URL is the door's audience.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Api => "/api",
            Self::Mcp => "/mcp",
            Self::Webhook => "/runtime/webhooks/mcp",
        }
    }

    /// The door's audience: its resource identifier (RFC 8707 section 2).
    #[must_use]
    pub fn audience(self, base: &BaseUrl) -> String {
        base.join(self.path())
    }

    /// The path of the document that says how to get a token for the door
    /// (RFC 9728 section 3.1).
    #[must_use]
    pub fn metadata(self) -> String {
        format!("/.well-known/oauth-protected-resource{}", self.path())
    }

    /// The scope that a token of ours needs here.
    #[must_use]
    pub fn scope(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Mcp | Self::Webhook => "mcp",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Api => 1,
            Self::Mcp => 2,
            Self::Webhook => 4,
        }
    }
}

/// The doors that a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audience(u8);

impl Audience {
    /// What `/auth/exchange` gives out: every door.
    pub const EVERY_DOOR: Self = Self(7);

    /// No door at all.
    pub const NONE: Self = Self(0);

    /// A single door.
    #[must_use]
    pub fn only(door: Door) -> Self {
        Self::NONE.with(door)
    }

    /// These doors and one more.
    #[must_use]
    pub fn with(self, door: Door) -> Self {
        Self(self.0 | door.bit())
    }

    /// Whether the token opens `door`.
    #[must_use]
    pub fn opens(self, door: Door) -> bool {
        self.0 & door.bit() != 0
    }

    /// The `aud` values of these doors.
    #[must_use]
    pub fn values(self, base: &BaseUrl) -> Vec<String> {
        Door::ALL
            .into_iter()
            .filter(|door| self.opens(*door))
            .map(|door| door.audience(base))
            .collect()
    }

    /// The doors whose audience is among `values`; other values are nobody's
    /// and open nothing.
    pub fn from_values<'a>(values: impl IntoIterator<Item = &'a str>, base: &BaseUrl) -> Self {
        values
            .into_iter()
            .filter_map(|value| value.strip_prefix(base.as_str()))
            .filter_map(|path| Door::ALL.into_iter().find(|door| door.path() == path))
            .fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_its_own_doors_only() {
        let base = BaseUrl::parse("https://entrada.example").unwrap();
        let audience =
            Audience::from_values(["https://entrada.example/mcp", "https://other/api"], &base);
        assert!(audience.opens(Door::Mcp));
        assert!(!audience.opens(Door::Api) && !audience.opens(Door::Webhook));
        assert_eq!(audience, Audience::only(Door::Mcp));
        assert_eq!(
            Audience::from_values(
                Audience::EVERY_DOOR
                    .values(&base)
                    .iter()
                    .map(String::as_str),
                &base
            ),
            Audience::EVERY_DOOR
        );
    }

    #[test]
    fn a_longer_origin_is_not_ours() {
        let base = BaseUrl::parse("https://entrada.example").unwrap();
        let audience = Audience::from_values(["https://entrada.example.evil/mcp"], &base);
        assert!(Door::ALL.into_iter().all(|door| !audience.opens(door)));
    }
}
