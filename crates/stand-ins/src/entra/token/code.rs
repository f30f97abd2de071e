use serde_json::Value;

use super::super::error::{EntraError, OAuthError};
use super::super::grants::{CODE_LIFETIME, Code, CodeChallenge};
use super::super::scopes::SignInScope;
use super::TokenExchange;
use super::answer::{UserAnswer, malformed_grant};
use crate::encoding::{base64url, sha256};
use crate::entra::authorize::CODE;

fn invalid_grant(code: u32, message: impl Into<String>) -> EntraError {
    EntraError::new(code, OAuthError::InvalidGrant, message)
}

impl TokenExchange<'_> {
    /// Redeems an authorization code (Microsoft Learn, "OAuth 2.0
    /// authorization code flow").
    pub(super) fn authorization_code(&self) -> Result<Value, EntraError> {
        self.refuse_foreign_endpoint()?;
        let presented = self.parameters.required("code")?;
        let code: Code = self
            .entra
            .seal
            .open_value(CODE, presented)
            .ok_or_else(malformed_grant)?;
        self.check_code(&code)?;
        let (persona, _) = self.person_of_grant(&code.grant.persona, code.grant.issued)?;
        let scope = self.parameters.get("scope").unwrap_or(&code.grant.scope);
        let scopes = self.token_scopes(scope)?;
        let granted = scopes.grant(&self.entra.people, persona, self.client)?;
        // Last of all, so that a refused request does not use up the code.
        if !self
            .entra
            .redemptions
            .redeem(&code, self.entra.clock.unix())
        {
            return Err(invalid_grant(
                54005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid \
                 code or use an existing refresh token.",
            ));
        }
        self.user_answer(UserAnswer {
            persona,
            scopes: &scopes,
            granted: &granted,
            scope: &code.grant.scope,
            nonce: code.nonce.as_deref(),
            refreshable: scopes.asks(SignInScope::OfflineAccess),
            sign_in: code.grant.sign_in.clone(),
        })
    }

    fn check_code(&self, code: &Code) -> Result<(), EntraError> {
        if code.grant.client_id != self.client.client_id {
            return Err(invalid_grant(
                70000,
                "Provided grant is invalid or malformed: it was issued to another client.",
            ));
        }
        if code.authority != self.authority.name() {
            return Err(invalid_grant(
                700_005,
                "Provided Authorization Code is intended to use against other tenant, thus \
                 rejected. OAuth2 Authorization Code must be redeemed against same tenant it was \
                 acquired for (/common or /{tenant-ID} as appropriate).",
            ));
        }
        if code.grant.issued.time + CODE_LIFETIME <= self.entra.clock.unix() {
            return Err(invalid_grant(
                70008,
                "The provided authorization code or refresh token has expired due to inactivity. \
                 Send a new interactive authorization request for this user and resource.",
            ));
        }
        let redirect_uri = self.parameters.required("redirect_uri")?;
        if redirect_uri != code.redirect_uri {
            return Err(EntraError::new(
                500_112,
                OAuthError::InvalidClient,
                format!(
                    "The reply address '{redirect_uri}' does not match the reply address '{}' \
                     provided when requesting Authorization code.",
                    code.redirect_uri
                ),
            ));
        }
        check_verifier(
            code.challenge.as_ref(),
            self.parameters.get("code_verifier"),
        )
    }
}

/// PKCE (RFC 7636 section 4.6). A verifier without a challenge is refused
/// too. Inferred: the code that Entra has for that is the one for a challenge
/// of no size.
fn check_verifier(
    challenge: Option<&CodeChallenge>,
    verifier: Option<&str>,
) -> Result<(), EntraError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(invalid_grant(
            50147,
            "The size of the code challenge parameter is not valid.",
        )),
        (Some(challenge), verifier) => {
            let derived = verifier.map(|verifier| {
                if challenge.hashed {
                    base64url(&sha256(verifier.as_bytes()))
                } else {
                    verifier.to_owned()
                }
            });
            if derived.as_ref() == Some(&challenge.value) {
                Ok(())
            } else {
                Err(invalid_grant(
                    501_481,
                    "The Code_Verifier does not match the code_challenge supplied in the \
                     authorization request.",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(value: &str, hashed: bool) -> CodeChallenge {
        CodeChallenge {
            value: value.to_owned(),
            hashed,
        }
    }

    #[test]
    fn the_verifier_fits_its_challenge() {
        // RFC 7636 appendix B.
        let hashed = challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", true);
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(check_verifier(Some(&hashed), Some(verifier)).is_ok());
        let plain = challenge(verifier, false);
        assert!(check_verifier(Some(&plain), Some(verifier)).is_ok());
        assert!(check_verifier(None, None).is_ok());
    }

    #[test]
    fn a_wrong_missing_or_surplus_verifier_is_refused() {
        let hashed = challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", true);
        let code = |given: Result<(), EntraError>| given.unwrap_err().code();
        assert_eq!(code(check_verifier(Some(&hashed), Some("x"))), 501_481);
        assert_eq!(code(check_verifier(Some(&hashed), None)), 501_481);
        assert_eq!(code(check_verifier(None, Some("x"))), 50147);
    }
}
