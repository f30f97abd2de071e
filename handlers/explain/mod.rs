//! Why a token is or would be refused, without sending it anywhere.
//!
//! The verdicts are those of the code that guards the doors
//! ([`entrada_entra::AccessTokenValidator`], [`OwnTokens`]); what is added
//! here is words and fixes.

mod code;
mod entra;
mod facts;
mod own;
mod published;
mod remedy;
mod render;

use std::sync::Arc;

use entrada_entra::{AccessTokenValidator, EntraSettings};
use serde::Serialize;

use crate::fix::Fix;
use crate::identity::{Door, OwnTokens};
use crate::policy::Policy;

pub use code::{CodeExplanation, explain_code};
pub use published::PublishedKeys;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A token that Entra issues.
    Entra,
    /// One of Entrada's own access tokens.
    Own,
    /// No token that any door takes.
    Unknown,
}

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nobody can say from here.
    NotChecked,
}

/// One check of the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// Its name.
    pub check: &'static str,
    /// What came of it.
    pub result: CheckResult,
    /// What was found.
    pub detail: String,
}

/// What one door says to the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoorLine {
    /// The door's path.
    pub door: &'static str,
    /// Whether it lets the token in; `None`: the signature decides, and
    /// cannot be checked from here.
    pub opens: Option<bool>,
    /// Why, or why not.
    pub reason: String,
}

/// Everything there is to say about a token. Never holds the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What it is.
    pub kind: TokenKind,
    /// What it is, in words.
    pub summary: String,
    /// What it says of itself: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// Each check.
    pub checks: Vec<CheckLine>,
    /// Each door.
    pub doors: Vec<DoorLine>,
    /// What to do.
    pub fixes: Vec<Fix>,
    /// What cannot be seen from here.
    pub notes: Vec<String>,
}

impl Explanation {
    /// Whether some door lets the token in.
    #[must_use]
    pub fn is_let_in(&self) -> bool {
        self.doors.iter().any(|door| door.opens == Some(true))
    }
}

/// What a token is held against.
#[derive(Debug)]
pub struct Explainer {
    /// The app registration.
    pub settings: Arc<EntraSettings>,
    /// Checks Entra's tokens.
    pub validator: Arc<AccessTokenValidator>,
    /// Checks our own.
    pub own: OwnTokens,
    /// Our published keys, where the key ring is not at hand.
    pub published: Option<PublishedKeys>,
    /// What roles mean.
    pub policy: Policy,
    /// Epoch seconds.
    pub now: i64,
}

impl Explainer {
    /// Explains `text`: a token, perhaps with `Bearer` in front of it or in
    /// quotation marks.
    pub async fn explain(&self, text: &str) -> Explanation {
        let token = bare(text);
        if self.own.claims_to_be_ours(token) {
            return self.explain_own(token);
        }
        if let Some(other) = self.not_a_jwt(token) {
            return other;
        }
        self.explain_entra(token).await
    }

    /// What is no JWT at all, or one that is not Entra's in form.
    fn not_a_jwt(&self, token: &str) -> Option<Explanation> {
        let parts = token.split('.').count();
        let form = |detail: &str, fix: Fix| Explanation {
            kind: TokenKind::Unknown,
            summary: "no access token".to_owned(),
            facts: Vec::new(),
            checks: vec![CheckLine {
                check: "form",
                result: CheckResult::Failed,
                detail: detail.to_owned(),
            }],
            doors: doors(|_| (Some(false), detail.to_owned())),
            fixes: vec![fix],
            notes: Vec::new(),
        };
        let get = self.remedies().get_a_token();
        if token.is_empty() {
            return Some(form("nothing was given", Fix::new("Give a token.")));
        }
        match parts {
            3 => self.foreign_server(token),
            5 => Some(form(
                "an encrypted token (five parts), as Microsoft issues to its own services and for personal accounts",
                get,
            )),
            _ => Some(form(
                "no JWT: that is three parts with dots between them. A refresh token, an authorization code and a cut-off token look like this",
                get,
            )),
        }
    }

    /// One of Entrada's tokens, of a server with another base URL.
    fn foreign_server(&self, token: &str) -> Option<Explanation> {
        let header = facts::Header::of(token)?;
        if !header.is_of_entrada() {
            return None;
        }
        let unverified = self.own.unverified(token)?;
        let issuer = facts::issuer(token).unwrap_or_default();
        let detail = format!(
            "issued by {issuer}, and this server is {}",
            self.own.issuer()
        );
        Some(Explanation {
            kind: TokenKind::Own,
            summary: "an Entrada token of another server, or of this one under another name"
                .to_owned(),
            facts: facts::of_own(&unverified, &issuer, self.now),
            checks: vec![CheckLine {
                check: "issuer",
                result: CheckResult::Failed,
                detail: detail.clone(),
            }],
            doors: doors(|_| (Some(false), detail.clone())),
            fixes: vec![self.remedies().other_base_url(&issuer)],
            notes: Vec::new(),
        })
    }

    fn remedies(&self) -> remedy::Remedies<'_> {
        remedy::Remedies {
            settings: &self.settings,
            base: self.own.issuer(),
        }
    }
}

/// The token alone, as people paste it.
fn bare(text: &str) -> &str {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text
        .strip_prefix("Authorization:")
        .map_or(text, str::trim_start);
    text.split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or(text, |(_, token)| token)
        .trim()
}

fn doors(mut say: impl FnMut(Door) -> (Option<bool>, String)) -> Vec<DoorLine> {
    Door::ALL
        .into_iter()
        .map(|door| {
            let (opens, reason) = say(door);
            DoorLine {
                door: door.path(),
                opens,
                reason,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn a_token_is_found_in_what_people_paste() {
        for text in [
            "a.b.c",
            " a.b.c\n",
            "\"a.b.c\"",
            "Bearer a.b.c",
            "bearer  a.b.c",
            "Authorization: Bearer a.b.c",
        ] {
            assert_eq!(bare(text), "a.b.c", "{text}");
        }
    }
}
