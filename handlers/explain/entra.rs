//! Tokens of Entra's.

use entrada_entra::{
    AccessToken, AccessTokenError, Check, Examination, Outcome, SubjectKind, TokenVersion,
    UnverifiedClaims,
};

use super::{CheckLine, CheckResult, Explainer, Explanation, TokenKind, doors, facts};
use crate::error::chain;
use crate::policy::ToolClass;

impl Explainer {
    pub(super) async fn explain_entra(&self, token: &str) -> Explanation {
        let examined = self.validator.examine(token).await;
        let verdict = self.validator.validate(token).await;
        let claims = examined.claims.clone().unwrap_or_default();
        let mut fixes = Vec::new();
        let mut notes =
            vec!["Whether the sign-in was revoked is known to the server alone.".to_owned()];
        if self.published.is_some() {
            notes.push(
                "The server does not say whose people, which clients and whether applications may \
                 come in, by which names it goes in version 1 tokens, and what its roles see: \
                 ENTRADA_TENANTS, ENTRADA_ALLOWED_CLIENTS, ENTRADA_ACCEPT_APP_TOKENS, \
                 ENTRADA_APPLICATION_ID_URIS and ENTRADA_POLICY are taken from this environment."
                    .to_owned(),
            );
        }
        match &verdict {
            Ok(accepted) => self.accepted(accepted, &mut fixes, &mut notes),
            Err(_) => {
                fixes.extend(
                    failures(&examined).filter_map(|error| self.remedies().of(error, &claims)),
                );
            }
        }
        if let Some(reason) = unavailable(&examined) {
            notes.push(format!(
                "The signature could not be checked, since Entra's keys could not be had: {reason}."
            ));
        }
        Explanation {
            kind: TokenKind::Entra,
            summary: summary(&examined, &claims).to_owned(),
            facts: facts::of_entra(&claims, self.now),
            checks: examined.checks.iter().map(line).collect(),
            doors: doors(|_| said(&verdict, &examined)),
            fixes,
            notes,
        }
    }

    /// Let in, but perhaps to see nothing.
    fn accepted(
        &self,
        token: &AccessToken,
        fixes: &mut Vec<crate::fix::Fix>,
        notes: &mut Vec<String>,
    ) {
        let roles = self.policy.effective_roles(token.tenant_id, &token.roles);
        let seen: Vec<_> = [
            (ToolClass::Read, "read"),
            (ToolClass::Write, "write"),
            (ToolClass::Delete, "delete"),
            (ToolClass::Admin, "admin"),
        ]
        .into_iter()
        .filter(|(class, _)| {
            self.policy.roles_allow_tool(&roles, *class)
                && (*class != ToolClass::Admin || self.policy.is_home(token.tenant_id))
        })
        .map(|(_, name)| name)
        .collect();
        if seen.is_empty() {
            notes.push(if token.roles.is_empty() {
                "It is let in and sees no tool: it carries no app role.".to_owned()
            } else {
                "It is let in and sees no tool: the policy gives nothing to its roles.".to_owned()
            });
            if token.roles.is_empty() {
                fixes.push(self.remedies().no_role(token.object_id));
            }
        } else {
            notes.push(format!("Its roles see these tools: {}.", seen.join(", ")));
        }
        if token.version == TokenVersion::V1 {
            notes.push(
                "It has the version 1 format, which is taken too; `requestedAccessTokenVersion: 2` \
                 in the app registration makes the next one version 2."
                    .to_owned(),
            );
        }
        if token.subject_kind == SubjectKind::Application {
            notes.push("It speaks for an application, not for a person.".to_owned());
        }
    }
}

fn failures(examined: &Examination) -> impl Iterator<Item = &AccessTokenError> {
    examined
        .checks
        .iter()
        .filter_map(|(_, outcome)| match outcome {
            Outcome::Failed(error) => Some(error),
            _ => None,
        })
}

fn unavailable(examined: &Examination) -> Option<String> {
    examined
        .checks
        .iter()
        .find_map(|(_, outcome)| match outcome {
            Outcome::Unavailable(error) => Some(chain(error)),
            _ => None,
        })
}

/// What the doors say. They all take Entra's tokens by the same checks.
fn said(
    verdict: &Result<std::sync::Arc<AccessToken>, AccessTokenError>,
    examined: &Examination,
) -> (Option<bool>, String) {
    match verdict {
        Ok(_) => (Some(true), "it passes every check".to_owned()),
        Err(error) if error.is_unavailable() => match failures(examined).next() {
            Some(failed) => (Some(false), failed.description()),
            None => (
                None,
                "it is let in if its signature is good, which cannot be checked now".to_owned(),
            ),
        },
        Err(error) => (Some(false), error.description()),
    }
}

fn line((check, outcome): &(Check, Outcome)) -> CheckLine {
    let (result, detail) = match outcome {
        Outcome::Passed => (CheckResult::Passed, holds(*check).to_owned()),
        Outcome::Failed(error) => (CheckResult::Failed, error.to_string()),
        Outcome::Unavailable(error) => (CheckResult::NotChecked, chain(error)),
        Outcome::Skipped => (
            CheckResult::NotChecked,
            "means nothing before the token is this app's".to_owned(),
        ),
    };
    CheckLine {
        check: name(*check),
        result,
        detail,
    }
}

fn name(check: Check) -> &'static str {
    match check {
        Check::Form => "form",
        Check::Issuer => "issuer",
        Check::Audience => "audience",
        Check::Signature => "signature",
        Check::Lifetime => "lifetime",
        Check::Kind => "kind",
        Check::Client => "client",
    }
}

fn holds(check: Check) -> &'static str {
    match check {
        Check::Form => "a JWT signed with RS256",
        Check::Issuer => "the issuer is the tenant's, and the tenant may come in",
        Check::Audience => "it is for this app",
        Check::Signature => "it is signed by a key that Entra publishes",
        Check::Lifetime => "it is within its time",
        Check::Kind => "an access token with what it needs",
        Check::Client => "its client may come in",
    }
}

fn summary(examined: &Examination, claims: &UnverifiedClaims) -> &'static str {
    if examined.claims.is_none() {
        return "a token that cannot be read";
    }
    let application = claims.kind.as_deref() == Some("app");
    match (&claims.scopes, application) {
        (Some(_), false) => "an Entra access token of a person",
        (None, true) => "an Entra access token of an application",
        (None, false) if claims.has_nonce || claims.client_id.is_none() => "an Entra id token",
        _ => "a token of Entra's that does not say what it is",
    }
}
