//! Scopes, and the names that clients ask for them by.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The scope of MCP tools.
pub(super) const MCP: &str = "mcp";
/// The scope that asks for a refresh token (`OpenID` Connect Core 1.0 section
/// 11). Who may have one gets one without it.
pub(super) const OFFLINE_ACCESS: &str = "offline_access";

/// None of the scopes asked for is one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("none of the scopes asked for exists here; ask for mcp")]
pub struct InvalidScope;

/// A scope as asked for and as granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// By our own names, separated by spaces.
    pub granted: String,
    /// By the names that were asked for: what is echoed.
    pub asked: String,
}

/// The names of scopes.
#[derive(Debug, Clone)]
pub struct ScopeNames {
    alias: String,
}

impl ScopeNames {
    /// `alias` is what Entra's own metadata calls our scope
    /// (`api://{client id}/access_as_user`): clients that found both ask for
    /// it here too, and compare the answer with what they asked for.
    #[must_use]
    pub fn new(alias: String) -> Self {
        Self { alias }
    }

    /// The scope that is granted. Names that are not ours are passed over,
    /// as RFC 6749 section 3.3 lets a server do, since clients ask for
    /// whatever other servers had; nothing asked for is `mcp`.
    ///
    /// # Errors
    /// When there are names but none of them is ours.
    pub fn grant(&self, asked: Option<&str>) -> Result<Scope, InvalidScope> {
        let mut echoed: Vec<&str> = Vec::new();
        let mut others = false;
        for name in asked.unwrap_or_default().split_whitespace() {
            if name != MCP && name != OFFLINE_ACCESS && name != self.alias {
                others = true;
            } else if !echoed.contains(&name) {
                echoed.push(name);
            }
        }
        if echoed.is_empty() && others {
            return Err(InvalidScope);
        }
        if !echoed.iter().any(|name| *name != OFFLINE_ACCESS) {
            echoed.insert(0, MCP);
        }
        Ok(Scope {
            granted: MCP.to_owned(),
            asked: echoed.join(" "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_granted_by_our_name_and_echoed_by_the_one_asked_for() {
        let names = ScopeNames::new("api://x/access_as_user".to_owned());
        let asked = |text| names.grant(text).map(|scope| scope.asked);
        assert_eq!(asked(None).unwrap(), "mcp");
        assert_eq!(asked(Some("")).unwrap(), "mcp");
        assert_eq!(asked(Some("offline_access")).unwrap(), "mcp offline_access");
        assert_eq!(
            asked(Some("openid api://x/access_as_user offline_access openid")).unwrap(),
            "api://x/access_as_user offline_access"
        );
        assert_eq!(asked(Some("mcp mcp")).unwrap(), "mcp");
        assert_eq!(asked(Some("admin")), Err(InvalidScope));
        assert_eq!(
            names.grant(Some("api://x/access_as_user")).unwrap().granted,
            "mcp"
        );
    }
}
