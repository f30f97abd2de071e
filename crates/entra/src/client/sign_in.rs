use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::EntraClient;
use super::claims_parameter::claims_parameter;
use super::request::{CodeRedemption, SignIn, TokenSet};
use super::token_endpoint::{Form, TokenAnswer};
use crate::fetch::Patience;
use crate::{AccessToken, AccessTokenError, EntraError, IdTokenError, SubjectKind, id_token};

impl EntraClient {
    /// Redeems the code of a sign-in, and verifies both tokens that come back:
    /// each in full, and that they are of one subject. A code is good once, so
    /// the request is repeated only if it certainly never reached Entra.
    ///
    /// # Errors
    /// `InvalidGrant` for a code that is used, expired or not ours; see
    /// [`EntraError`].
    pub async fn redeem_code(&self, request: &CodeRedemption) -> Result<SignIn, EntraError> {
        let configuration = self
            .discovery
            .sign_in()
            .await
            .map_err(EntraError::unavailable)?;
        let form: Form = vec![
            ("grant_type", "authorization_code".into()),
            ("code", request.code.clone()),
            ("redirect_uri", request.redirect_uri.clone().into()),
            ("code_verifier", request.code_verifier.clone()),
            ("scope", self.settings.sign_in_scope().into()),
            ("claims", claims_parameter(None)?.into()),
        ];
        let answer = self
            .redeem(&configuration.token_endpoint, form, Patience::ONCE)
            .await?;
        let (tokens, access) = self.accept(answer).await?;
        let id_token = tokens
            .id_token
            .as_ref()
            .ok_or(EntraError::IdToken(IdTokenError::Absent))?;
        let verifier = self.validator.verifier();
        let id = id_token::verify(verifier, id_token.expose_secret(), &request.nonce)
            .await
            .map_err(EntraError::IdToken)?;
        if (id.tenant_id, id.object_id) != (access.tenant_id, access.object_id) {
            return Err(EntraError::SubjectMismatch);
        }
        Ok(SignIn { tokens, access, id })
    }

    /// Redeems a refresh token at the user's own tenant, for the same scope as
    /// at sign-in, and verifies the access token. Entra's refresh tokens may
    /// be redeemed again until they expire (Microsoft identity platform,
    /// "Refresh tokens"), so the request is repeated on 429 and 5xx.
    ///
    /// `claims` is a claims challenge (a JSON object) to be met.
    ///
    /// # Errors
    /// `InvalidGrant` when the sign-in has ended (revoked, expired, user
    /// disabled), `InteractionRequired` when the user must do something; see
    /// [`EntraError`].
    pub async fn refresh(
        &self,
        tenant: Uuid,
        refresh_token: &SecretString,
        claims: Option<&str>,
    ) -> Result<(TokenSet, Arc<AccessToken>), EntraError> {
        let configuration = self.of_tenant(tenant).await?;
        let form: Form = vec![
            ("grant_type", "refresh_token".into()),
            ("refresh_token", refresh_token.clone()),
            ("scope", self.settings.sign_in_scope().into()),
            ("claims", claims_parameter(claims)?.into()),
        ];
        let answer = self
            .redeem(&configuration.token_endpoint, form, Patience::REPEATABLE)
            .await?;
        let (tokens, access) = self.accept(answer).await?;
        if access.tenant_id != tenant {
            return Err(EntraError::SubjectMismatch);
        }
        Ok((tokens, access))
    }

    /// Verifies the access token of `answer`: a user's, that we got.
    async fn accept(
        &self,
        answer: TokenAnswer,
    ) -> Result<(TokenSet, Arc<AccessToken>), EntraError> {
        let expires_at = answer.expires_at(self.clock.unix());
        let access = self
            .validator
            .verify_own(answer.access_token.0.expose_secret())
            .await
            .map_err(EntraError::AccessToken)?;
        if access.subject_kind != SubjectKind::User {
            return Err(EntraError::AccessToken(AccessTokenError::NotAnAccessToken));
        }
        // The list of clients is about who calls us; this token is ours, so it
        // must be we who got it.
        if access.client_id != Some(self.settings.client_id) {
            return Err(EntraError::AccessToken(AccessTokenError::ClientNotAllowed));
        }
        let tokens = TokenSet {
            access_token: answer.access_token.0,
            refresh_token: answer.refresh_token.map(|token| token.0),
            id_token: answer.id_token.map(|token| token.0),
            expires_at: expires_at.min(access.expires_at),
            scope: answer.scope,
        };
        Ok((tokens, Arc::new(access)))
    }
}
