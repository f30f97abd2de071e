//! A grant and its row.

use entrada_tables::{Condition, ETag, Row, TableError};
use uuid::Uuid;

use crate::identity::{Audience, Door, UserPartition};

/// The table of grants.
pub const TABLE: &str = "entradagrants";

/// Where a grant is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantState {
    /// The person signed in; the client has not redeemed its code yet.
    Pending,
    /// In use.
    Active,
    /// Ended by logout, reuse or Entra. Kept for a while, so that what comes
    /// late is told apart from what never was.
    Ended,
}

impl GrantState {
    fn text(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Ended]
            .into_iter()
            .find(|state| state.text() == text)
    }
}

/// The one-time code of a grant.
#[derive(Debug, Clone)]
pub struct CodeState {
    /// Its hash.
    pub hash: String,
    /// The PKCE challenge (S256) that it was asked for with.
    pub challenge: Option<String>,
    /// The redirect URI that it was sent to, when a client of the
    /// authorization server asked for it.
    pub redirect_uri: Option<String>,
    /// Epoch seconds.
    pub expires_at: i64,
    /// When it was redeemed, epoch seconds.
    pub used_at: Option<i64>,
}

impl CodeState {
    /// Of a grant that never had a code: no text has the empty hash.
    #[must_use]
    pub fn none(now: i64) -> Self {
        Self {
            hash: String::new(),
            challenge: None,
            redirect_uri: None,
            expires_at: now,
            used_at: Some(now),
        }
    }
}

/// Refresh tokens of a grant: the current one and the one before.
#[derive(Debug, Clone, Default)]
pub struct RefreshState {
    /// Hash of the current token.
    pub current: Option<String>,
    /// Hash of the one before it, while the current one has not been
    /// presented.
    pub previous: Option<String>,
    /// When the current one was made, epoch seconds.
    pub rotated_at: i64,
    /// The current token, sealed for the holder of the previous one.
    pub successor: Option<Vec<u8>>,
}

/// Entra's tokens of a grant, sealed by the ring.
#[derive(Debug, Clone, Default)]
pub struct UpstreamState {
    /// Sealed access token.
    pub access: Vec<u8>,
    /// Sealed refresh token.
    pub refresh: Vec<u8>,
    /// When the access token expires, epoch seconds.
    pub expires_at: i64,
    /// When it was obtained, epoch seconds.
    pub obtained_at: i64,
}

/// One sign-in of a person with a client.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its id.
    pub id: Uuid,
    /// The person's tenant.
    pub tenant_id: Uuid,
    /// The person's object id.
    pub object_id: Uuid,
    /// The person's name, for display.
    pub name: Option<String>,
    /// The person's e-mail address, for display.
    pub email: Option<String>,
    /// Roles of the Entra token that is held.
    pub roles: Vec<String>,
    /// The client.
    pub client_id: String,
    /// What the client calls itself, for display.
    pub client_name: Option<String>,
    /// The doors that its tokens open.
    pub audience: Audience,
    /// Its scopes, separated by spaces.
    pub scope: String,
    /// Its scopes by the names that the client asked for, separated by
    /// spaces: what is echoed to it.
    pub scope_asked: String,
    /// Where it is in its life.
    pub state: GrantState,
    /// Epoch seconds.
    pub created_at: i64,
    /// Epoch seconds.
    pub last_used_at: i64,
    /// The one-time code.
    pub code: CodeState,
    /// Refresh tokens.
    pub refresh: RefreshState,
    /// Entra's tokens.
    pub upstream: UpstreamState,
    /// The row's version; none before it was stored.
    pub etag: Option<ETag>,
}

/// Days that a grant lives at most, in seconds.
pub(super) const LONGEST: i64 = 90 * 24 * 3600;
/// Days that a grant lives unused, in seconds.
const IDLE: i64 = 30 * 24 * 3600;
/// How long an ended grant is remembered, in seconds.
const REMEMBERED: i64 = 24 * 3600;
/// How long a sign-in without a redeemed code is kept, in seconds: longer
/// than the code lives, so that a late redemption is told apart.
const PENDING: i64 = 600;

impl Grant {
    /// The row key of a grant.
    #[must_use]
    pub fn row_key(id: Uuid) -> String {
        format!("grant-{}", id.simple())
    }

    /// The person's partition.
    #[must_use]
    pub fn partition(&self) -> UserPartition {
        UserPartition::of(self.tenant_id, self.object_id)
    }

    /// When the grant ends if nothing more happens, epoch seconds.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        match self.state {
            GrantState::Pending => self.created_at + PENDING,
            GrantState::Active => (self.created_at + LONGEST).min(self.last_used_at + IDLE),
            GrantState::Ended => self.last_used_at + REMEMBERED,
        }
    }

    /// The condition under which this version of the grant may be replaced.
    pub(super) fn unchanged(&self) -> Condition {
        self.etag
            .clone()
            .map_or(Condition::Exists, Condition::Matches)
    }

    /// The grant as a row.
    #[must_use]
    pub fn to_row(&self) -> Row {
        let doors: Vec<_> = Door::ALL
            .into_iter()
            .filter(|door| self.audience.opens(*door))
            .map(door_name)
            .collect();
        Row::new(self.partition().as_str(), Self::row_key(self.id))
            .with("kind", "grant")
            .with("tenant_id", self.tenant_id)
            .with("object_id", self.object_id)
            .with_optional("name", self.name.clone())
            .with_optional("email", self.email.clone())
            .with("roles", self.roles.join(" "))
            .with("client_id", self.client_id.clone())
            .with_optional("client_name", self.client_name.clone())
            .with("doors", doors.join(" "))
            .with("scope", self.scope.clone())
            .with("scope_asked", self.scope_asked.clone())
            .with("state", self.state.text())
            .with("created_at", self.created_at)
            .with("last_used_at", self.last_used_at)
            .with("expires_at", self.expires_at())
            .with("code_hash", self.code.hash.clone())
            .with_optional("code_challenge", self.code.challenge.clone())
            .with_optional("code_redirect_uri", self.code.redirect_uri.clone())
            .with("code_expires_at", self.code.expires_at)
            .with_optional("code_used_at", self.code.used_at)
            .with_optional("refresh_current", self.refresh.current.clone())
            .with_optional("refresh_previous", self.refresh.previous.clone())
            .with("refresh_rotated_at", self.refresh.rotated_at)
            .with_optional("refresh_successor", self.refresh.successor.clone())
            .with("upstream_access", self.upstream.access.clone())
            .with("upstream_refresh", self.upstream.refresh.clone())
            .with("upstream_expires_at", self.upstream.expires_at)
            .with("upstream_obtained_at", self.upstream.obtained_at)
    }

    /// A grant from its row.
    ///
    /// # Errors
    /// When a property is missing or of another type.
    pub fn from_row(row: &Row) -> Result<Self, TableError> {
        let text = |name| row.text(name).map(str::to_owned);
        let optional = |name| Ok::<_, TableError>(row.optional_text(name)?.map(str::to_owned));
        let state = GrantState::parse(row.text("state")?).ok_or(TableError::Invalid {
            reason: "a grant's state is not one that this version knows".to_owned(),
        })?;
        let id = row
            .row
            .strip_prefix("grant-")
            .and_then(|id| Uuid::try_parse(id).ok());
        Ok(Self {
            id: id.ok_or(TableError::Invalid {
                reason: "a grant's row key does not hold its id".to_owned(),
            })?,
            tenant_id: row.guid("tenant_id")?,
            object_id: row.guid("object_id")?,
            name: optional("name")?,
            email: optional("email")?,
            roles: row
                .text("roles")?
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            client_id: text("client_id")?,
            client_name: optional("client_name")?,
            audience: doors(row.text("doors")?),
            scope: text("scope")?,
            scope_asked: text("scope_asked")?,
            state,
            created_at: row.int64("created_at")?,
            last_used_at: row.int64("last_used_at")?,
            code: CodeState {
                hash: text("code_hash")?,
                challenge: optional("code_challenge")?,
                redirect_uri: optional("code_redirect_uri")?,
                expires_at: row.int64("code_expires_at")?,
                used_at: row.optional_int64("code_used_at")?,
            },
            refresh: RefreshState {
                current: optional("refresh_current")?,
                previous: optional("refresh_previous")?,
                rotated_at: row.int64("refresh_rotated_at")?,
                successor: row
                    .optional_binary("refresh_successor")?
                    .map(<[u8]>::to_vec),
            },
            upstream: UpstreamState {
                access: row.binary("upstream_access")?.to_vec(),
                refresh: row.binary("upstream_refresh")?.to_vec(),
                expires_at: row.int64("upstream_expires_at")?,
                obtained_at: row.int64("upstream_obtained_at")?,
            },
            etag: row.etag.clone(),
        })
    }
}

fn door_name(door: Door) -> &'static str {
    match door {
        Door::Api => "api",
        Door::Mcp => "mcp",
        Door::Webhook => "webhook",
    }
}

fn doors(text: &str) -> Audience {
    Door::ALL
        .into_iter()
        .filter(|door| text.split(' ').any(|name| name == door_name(*door)))
        .fold(Audience::NONE, Audience::with)
}
