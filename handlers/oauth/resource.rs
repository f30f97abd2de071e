//! Resources that tokens can be asked for (RFC 8707).

use serde::{Deserialize, Serialize};

use crate::config::BaseUrl;
use crate::identity::Door;

/// A resource of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// `{base}/mcp`.
    Mcp,
    /// `{base}/runtime/webhooks/mcp`.
    Webhook,
}

impl Resource {
    /// The resource that a request names. Nothing named, the base URL and
    /// the MCP endpoint mean the MCP endpoint, the last two with or without
    /// one slash at the end (clients differ in that, and canonical URIs of
    /// MCP have none). `None` for any other: `invalid_target`.
    #[must_use]
    pub fn parse(base: &BaseUrl, asked: Option<&str>) -> Option<Self> {
        let Some(asked) = asked else {
            return Some(Self::Mcp);
        };
        // The MCP specification has servers take an upper-case scheme and
        // host.
        let (origin, path) = asked.split_at_checked(base.as_str().len())?;
        if !origin.eq_ignore_ascii_case(base.as_str()) {
            return None;
        }
        match path {
            "" | "/" | "/mcp" | "/mcp/" => Some(Self::Mcp),
            "/runtime/webhooks/mcp" => Some(Self::Webhook),
            _ => None,
        }
    }

    /// The door that its tokens open.
    #[must_use]
    pub fn door(self) -> Door {
        match self {
            Self::Mcp => Door::Mcp,
            Self::Webhook => Door::Webhook,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_spellings_are_taken_and_no_other() {
        let base = BaseUrl::parse("https://entrada.example").unwrap();
        let parse = |asked: &str| Resource::parse(&base, Some(asked));
        assert_eq!(Resource::parse(&base, None), Some(Resource::Mcp));
        for asked in [
            "https://entrada.example",
            "https://entrada.example/",
            "https://entrada.example/mcp",
            "https://entrada.example/mcp/",
            "HTTPS://Entrada.Example/mcp",
        ] {
            assert_eq!(parse(asked), Some(Resource::Mcp), "{asked}");
        }
        assert_eq!(
            parse("https://entrada.example/runtime/webhooks/mcp"),
            Some(Resource::Webhook)
        );
        for asked in [
            "https://entrada.example//",
            "https://entrada.example/mcp//",
            "https://entrada.example/api",
            "https://entrada.example/MCP",
            "https://entrada.example.evil/mcp",
            "https://entrada.example/mcp#x",
            "https://entrada.example/mcp?x",
            "https://entrada.example/x/../mcp",
            "http://entrada.example/mcp",
            "api://e17ada00",
            "ü",
        ] {
            assert_eq!(parse(asked), None, "{asked}");
        }
    }
}
