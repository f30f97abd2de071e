//! Entrada's own tokens.

use super::{CheckLine, CheckResult, Explainer, Explanation, TokenKind, doors, facts};
use crate::identity::{Door, NoKeyRing, OwnTokenError, Refusal, check_door};

impl Explainer {
    pub(super) fn explain_own(&self, token: &str) -> Explanation {
        let verified = self.verify_own(token);
        let unverified = self.own.unverified(token);
        let remedies = self.remedies();
        let mut checks = vec![signature(&verified)];
        let mut fixes = Vec::new();
        let mut notes =
            vec!["Whether the sign-in was revoked is known to the server alone.".to_owned()];
        let ended = unverified
            .as_ref()
            .is_some_and(|token| token.lifetime().1 <= self.now);
        if let Err(error) = &verified {
            fixes.extend(remedies.of_own(said(error, ended)));
            if matches!(error, OwnTokenError::KeysUnavailable(_)) {
                notes.push(
                    "The signature could not be checked: neither the key ring (ENTRADA_KEY_RING) \
                     nor the server's published keys (--url) are at hand."
                        .to_owned(),
                );
            }
        }
        if unverified.is_some() {
            checks.push(lifetime(ended));
        }
        let lines = doors(|door| {
            let by_claims = unverified
                .as_ref()
                .map_or(Ok(()), |token| check_door(token, door));
            match (&verified, by_claims) {
                (Ok(()), Ok(())) => (Some(true), "it passes every check".to_owned()),
                (_, Err(refusal)) => (Some(false), refusal.description()),
                (Err(OwnTokenError::KeysUnavailable(_)), Ok(())) if !ended => (
                    None,
                    "it is let in if its signature is good, which cannot be checked here"
                        .to_owned(),
                ),
                (Err(error), Ok(())) => (Some(false), said(error, ended).to_string()),
            }
        });
        if verified.is_ok() {
            fixes.extend(Door::ALL.into_iter().find_map(|door| {
                let token = unverified.as_ref()?;
                let refusal = check_door(token, door).err()?;
                matches!(refusal, Refusal::Audience(_)).then(|| remedies.other_door(token))
            }));
        }
        Explanation {
            kind: TokenKind::Own,
            summary: "an Entrada access token".to_owned(),
            facts: unverified
                .as_ref()
                .map(|token| facts::of_own(token, self.own.issuer(), self.now))
                .unwrap_or_default(),
            checks,
            doors: lines,
            fixes,
            notes,
        }
    }

    /// By the key ring, or by the keys that the server publishes.
    fn verify_own(&self, token: &str) -> Result<(), OwnTokenError> {
        match &self.published {
            None => self.own.verify(token).map(drop),
            Some(published) => self
                .own
                .verify_by(token, |kid, message, signature| {
                    Ok::<_, NoKeyRing>(published.verify(kid, message, signature))
                })
                .map(drop),
        }
    }
}

/// What is at fault: a token that has ended is refused for that by every
/// server, whatever its signature.
fn said(error: &OwnTokenError, ended: bool) -> &OwnTokenError {
    match error {
        OwnTokenError::KeysUnavailable(_) if ended => &OwnTokenError::Expired,
        error => error,
    }
}

fn signature(verified: &Result<(), OwnTokenError>) -> CheckLine {
    let (result, detail) = match verified {
        Ok(()) | Err(OwnTokenError::Expired) => (
            CheckResult::Passed,
            "it is signed by a key of this server".to_owned(),
        ),
        Err(error @ OwnTokenError::KeysUnavailable(_)) => {
            (CheckResult::NotChecked, error.to_string())
        }
        Err(error) => (CheckResult::Failed, error.to_string()),
    };
    CheckLine {
        check: "signature",
        result,
        detail,
    }
}

fn lifetime(ended: bool) -> CheckLine {
    let (result, detail) = if ended {
        (CheckResult::Failed, "the token has expired")
    } else {
        (CheckResult::Passed, "it is within its time")
    };
    CheckLine {
        check: "lifetime",
        result,
        detail: detail.to_owned(),
    }
}
