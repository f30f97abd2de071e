//! Redeeming a one-time code: single use, across instances.

use entrada_entra::pkce;
use entrada_tables::TableError;
use secrecy::SecretString;

use crate::identity::Door;

use super::{Grant, GrantError, GrantState, Grants, IssuedTokens, SecretCode, SecretKind, TABLE};

/// Seconds within which the same redemption again is a double click.
const DOUBLE_CLICK: i64 = 10;

/// What a redemption is called in the audit log.
const REDEEMED: &str = "grant.redeemed";

/// What a client presents.
#[derive(Debug)]
pub struct Redemption<'a> {
    /// What the code is.
    pub kind: SecretKind,
    /// The code.
    pub code: &'a SecretString,
    /// The client.
    pub client_id: &'a str,
    /// The PKCE verifier.
    pub code_verifier: Option<&'a str>,
    /// The redirect URI, if the client names it again (OAuth 2.1 does not
    /// have it do so, RFC 6749 section 4.1.3 does).
    pub redirect_uri: Option<&'a str>,
    /// The door that the client names, if it does (RFC 8707 section 2.2).
    pub door: Option<Door>,
}

impl Grants {
    /// Redeems a code: compare-and-swap to *used*, then tokens.
    ///
    /// The same code, client and verifier again within ten seconds is
    /// refused and nothing more (a double click, a retried request); any
    /// other reuse ends the grant (RFC 6749 section 4.1.2).
    ///
    /// # Errors
    /// [`GrantError::Invalid`] with the reason for the log, or what failed.
    pub async fn redeem(&self, redemption: &Redemption<'_>) -> Result<IssuedTokens, GrantError> {
        self.auditable().await?;
        let redeemed = self.redeem_code(redemption).await;
        match &redeemed {
            Ok(tokens) => self.enter(&tokens.grant, REDEEMED, None).await?,
            Err(error) => {
                let code = SecretCode::parse(redemption.kind, redemption.code);
                self.enter_refusal(code.as_ref(), REDEEMED, error).await?;
            }
        }
        redeemed
    }

    async fn redeem_code(&self, redemption: &Redemption<'_>) -> Result<IssuedTokens, GrantError> {
        let code = SecretCode::parse(redemption.kind, redemption.code)
            .ok_or(GrantError::Invalid("the code is malformed"))?;
        // The loser of a race reads the grant again and finds the code used.
        for _ in 0..3 {
            let mut grant = self.find_by_code(&code).await?;
            self.check(&grant, &code, redemption).await?;
            let now = self.clock.unix();
            let refresh = SecretCode::new(
                code.kind().refresh(),
                code.partition(),
                grant.id,
                self.random.as_ref(),
            );
            grant.code.used_at = Some(now);
            grant.state = GrantState::Active;
            grant.last_used_at = now;
            grant.refresh.current = Some(refresh.hash());
            grant.refresh.rotated_at = now;
            let written = self
                .tables
                .replace(TABLE, &grant.to_row(), &grant.unchanged())
                .await;
            match written {
                Ok(etag) => {
                    grant.etag = Some(etag);
                    self.tidy(code.partition());
                    return self.issue(grant, refresh.text().clone());
                }
                Err(TableError::PreconditionFailed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(GrantError::Contended)
    }

    async fn check(
        &self,
        grant: &Grant,
        code: &SecretCode,
        redemption: &Redemption<'_>,
    ) -> Result<(), GrantError> {
        if !code.matches(&grant.code.hash) {
            return Err(GrantError::Invalid("the code is not this grant's"));
        }
        if grant.state != GrantState::Ended {
            self.still_stands(grant).await?;
        }
        let now = self.clock.unix();
        let verified = match (&grant.code.challenge, redemption.code_verifier) {
            (Some(challenge), Some(verifier)) => pkce::verify(verifier, challenge),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let same_client = grant.client_id == redemption.client_id;
        if let Some(used_at) = grant.code.used_at {
            if !(verified && same_client && now - used_at <= DOUBLE_CLICK) {
                tracing::warn!(grant = %grant.id, "a used code was presented again: the grant is ended");
                if grant.state != GrantState::Ended {
                    self.end(grant).await?;
                }
            }
            return Err(GrantError::Invalid("the code was used already"));
        }
        if !same_client {
            return Err(GrantError::Invalid("the code was issued to another client"));
        }
        if grant.state != GrantState::Pending || grant.code.expires_at <= now {
            return Err(GrantError::Invalid("the code has expired"));
        }
        let same_place = redemption
            .redirect_uri
            .is_none_or(|uri| grant.code.redirect_uri.as_deref() == Some(uri));
        if !same_place {
            return Err(GrantError::Invalid(
                "the redirect URI is not the one that the code was sent to",
            ));
        }
        if redemption
            .door
            .is_some_and(|door| !grant.audience.opens(door))
        {
            return Err(GrantError::Audience);
        }
        if !verified {
            return Err(GrantError::Invalid(
                "the code verifier is missing or does not match the challenge",
            ));
        }
        Ok(())
    }
}
