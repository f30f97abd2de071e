//! Opening a grant after a sign-in.

use entrada_entra::SignIn;

use super::store::place;
use super::{
    CodeState, Grant, GrantError, GrantState, Grants, RefreshState, SecretCode, SecretKind, TABLE,
    UpstreamState,
};
use crate::identity::{Audience, SealedColumn, UserPartition};

/// What a grant is opened with beside the sign-in.
#[derive(Debug)]
pub struct NewGrant {
    /// The client.
    pub client_id: String,
    /// What the client calls itself.
    pub client_name: Option<String>,
    /// The doors that its tokens open.
    pub audience: Audience,
    /// Its scopes, separated by spaces.
    pub scope: String,
    /// Its scopes by the names that the client asked for.
    pub scope_asked: String,
    /// The redirect URI that the code is sent to.
    pub redirect_uri: Option<String>,
    /// The PKCE challenge (S256) that the code is bound to.
    pub code_challenge: Option<String>,
    /// The kind of the code.
    pub code_kind: SecretKind,
    /// How long the code lives, in seconds.
    pub code_lifetime: i64,
}

impl Grants {
    /// Stores a grant for a sign-in and gives its one-time code: one write.
    ///
    /// # Errors
    /// When storage does not take it or the key ring cannot encrypt.
    pub async fn open(&self, sign_in: &SignIn, new: NewGrant) -> Result<SecretCode, GrantError> {
        let access = &sign_in.access;
        let partition = UserPartition::of(access.tenant_id, access.object_id);
        let id = self.random.uuid_v4();
        let code = SecretCode::new(new.code_kind, &partition, id, self.random.as_ref());
        let now = self.clock.unix();
        let mut grant = Grant {
            id,
            tenant_id: access.tenant_id,
            object_id: access.object_id,
            name: access.name.clone(),
            email: access.email.clone(),
            roles: access.roles.clone(),
            client_id: new.client_id,
            client_name: new.client_name,
            audience: new.audience,
            scope: new.scope,
            scope_asked: new.scope_asked,
            state: GrantState::Pending,
            created_at: now,
            last_used_at: now,
            code: CodeState {
                hash: code.hash(),
                challenge: new.code_challenge,
                redirect_uri: new.redirect_uri,
                expires_at: now + new.code_lifetime,
                used_at: None,
            },
            refresh: RefreshState::default(),
            upstream: UpstreamState::default(),
            etag: None,
        };
        self.hold(&mut grant, &sign_in.tokens)?;
        self.tables.insert(TABLE, &grant.to_row()).await?;
        self.enter(&grant, "sign_in", None).await?;
        Ok(code)
    }

    /// Puts Entra's tokens into a grant, sealed for their place.
    pub(super) fn hold(
        &self,
        grant: &mut Grant,
        tokens: &entrada_entra::TokenSet,
    ) -> Result<(), GrantError> {
        let ring = self.keys.rings.current()?;
        let partition = grant.partition();
        let row = Grant::row_key(grant.id);
        let random = self.random.as_ref();
        grant.upstream.access = ring.seal(
            &tokens.access_token,
            place(&partition, &row, SealedColumn::GRANT_ACCESS),
            random,
        )?;
        if let Some(refresh) = &tokens.refresh_token {
            grant.upstream.refresh = ring.seal(
                refresh,
                place(&partition, &row, SealedColumn::GRANT_REFRESH),
                random,
            )?;
        }
        grant.upstream.expires_at = tokens.expires_at;
        grant.upstream.obtained_at = self.clock.unix();
        Ok(())
    }
}
