//! Grants of daemons: applications in their own name, without a person,
//! without Entra's tokens and without refresh.

use entrada_entra::SubjectKind;
use secrecy::SecretString;
use uuid::Uuid;

use super::{CodeState, Grant, GrantError, GrantState, Grants, RefreshState, TABLE, UpstreamState};
use crate::identity::{Audience, TokenTerms};

/// What a daemon's token is issued on.
#[derive(Debug)]
pub struct NewDaemonToken {
    /// The tenant that the daemon belongs to.
    pub tenant_id: Uuid,
    /// What stands for it as a subject.
    pub object_id: Uuid,
    /// The client.
    pub client_id: String,
    /// What it calls itself.
    pub client_name: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// The doors that the token opens.
    pub audience: Audience,
    /// Its scopes.
    pub scope: String,
    /// How long it lives, in seconds.
    pub lifetime: i64,
}

/// A daemon's token.
#[derive(Debug)]
pub struct DaemonToken {
    /// Our access token.
    pub access_token: SecretString,
    /// When it expires, epoch seconds.
    pub expires_at: i64,
}

impl Grants {
    /// Opens a grant that lives as long as its one access token, so that the
    /// token can be revoked and confirmed as a person's can.
    ///
    /// # Errors
    /// When storage does not take it or the key ring cannot sign.
    pub async fn open_for_daemon(&self, new: NewDaemonToken) -> Result<DaemonToken, GrantError> {
        self.auditable().await?;
        let now = self.clock.unix();
        let expires_at = now + new.lifetime;
        let grant = Grant {
            id: self.random.uuid_v4(),
            tenant_id: new.tenant_id,
            object_id: new.object_id,
            name: new.client_name.clone(),
            email: None,
            roles: new.roles,
            client_id: new.client_id,
            client_name: new.client_name,
            audience: new.audience,
            scope_asked: new.scope.clone(),
            scope: new.scope,
            state: GrantState::Active,
            created_at: now,
            last_used_at: now,
            code: CodeState::none(now),
            refresh: RefreshState::default(),
            upstream: UpstreamState::default(),
            etag: None,
        };
        // Who is blocked gets no token that every door would refuse.
        if self.is_cut_off(&grant)? {
            return Err(GrantError::Invalid("the client was cut off"));
        }
        let row = grant.to_row().with("expires_at", expires_at);
        self.tables.insert(TABLE, &row).await?;
        self.tidy(&grant.partition());
        self.enter(&grant, "token.issued", None).await?;
        let access_token = self.keys.own.issue(TokenTerms {
            tenant_id: grant.tenant_id,
            object_id: grant.object_id,
            name: grant.name,
            email: None,
            roles: grant.roles,
            client_id: grant.client_id,
            grant_id: grant.id,
            audience: grant.audience,
            scope: grant.scope,
            kind: SubjectKind::Application,
            signed_in_at: grant.created_at,
            expires_at,
        })?;
        Ok(DaemonToken {
            access_token,
            expires_at,
        })
    }
}
