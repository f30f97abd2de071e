//! Flows: sign-ins under way at Entra, before the person is known.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, ETag, Row, TableError, Tables};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::spot::{Spot, TABLE};
use crate::identity::{KeyRings, NoKeyRing, SealError, SealedColumn};
use crate::oauth::ClientFlow;

/// How long a sign-in may take, in seconds.
pub(crate) const LIFETIME: i64 = 600;

/// Why a flow cannot be kept or taken.
#[derive(Debug, Error)]
pub enum FlowError {
    /// There is none with this state: never, not any more, or used.
    #[error("there is no such sign-in under way")]
    Unknown,
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] TableError),
    /// What is stored cannot be read.
    #[error("a stored flow cannot be read")]
    Format(#[from] serde_json::Error),
    /// No key ring.
    #[error(transparent)]
    NoKeys(#[from] NoKeyRing),
    /// Not to be decrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Whom a sign-in is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Purpose {
    /// A front end that exchanges a one-time code at `/auth/exchange`.
    FrontEnd(FrontEndFlow),
    /// A client of the authorization server.
    Client(Box<ClientFlow>),
    /// Nobody new: the grant that is there needs a stronger sign-in.
    StepUp(StepUpFlow),
}

/// What a front end asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FrontEndFlow {
    /// Where it wants the code; none: our own page shows it.
    pub redirect_uri: Option<String>,
    /// Its own state.
    pub state: Option<String>,
    /// Its PKCE challenge.
    pub code_challenge: Option<String>,
}

/// The grant that a sign-in is to strengthen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepUpFlow {
    /// The grant.
    pub grant_id: Uuid,
    /// Whose it is.
    pub tenant_id: Uuid,
    /// Whose it is.
    pub object_id: Uuid,
    /// The row of the offer in the table of flows, which is used up when the
    /// person comes back.
    pub offer: Spot,
}

/// A sign-in under way.
#[derive(Debug)]
pub struct Flow {
    /// The PKCE verifier of our request to Entra.
    pub code_verifier: SecretString,
    /// The nonce that the id token must carry.
    pub nonce: String,
    /// SHA-256 of the cookie that binds the flow to the browser.
    pub binding_hash: String,
    /// The claims (JSON) that the sign-in was asked to meet.
    pub claims: Option<String>,
    /// Whom it is for.
    pub purpose: Purpose,
}

/// Flows in storage.
#[derive(Debug)]
pub struct Flows {
    tables: Arc<dyn Tables>,
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Flows {
    /// Flows in `tables`.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        rings: Arc<KeyRings>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            tables,
            rings,
            clock,
            random,
        }
    }

    /// Keeps a flow under its state.
    ///
    /// # Errors
    /// [`TableError::AlreadyExists`] when there is or was one with this
    /// state; when storage or the key ring fails.
    pub async fn keep(&self, state: &str, flow: &Flow) -> Result<(), FlowError> {
        let spot = Spot::of("flow", state);
        let sealed = self.rings.current_soon().await?.seal(
            &flow.code_verifier,
            spot.place(SealedColumn::FLOW_VERIFIER),
            self.random.as_ref(),
        )?;
        let now = self.clock.unix();
        let row = Row::new(&spot.partition, &spot.row)
            .with("code_verifier", sealed)
            .with("nonce", flow.nonce.clone())
            .with("binding_hash", flow.binding_hash.clone())
            .with_optional("claims", flow.claims.clone())
            .with("purpose", serde_json::to_string(&flow.purpose)?)
            .with("created_at", now)
            .with("expires_at", now + LIFETIME);
        self.tables.insert(TABLE, &row).await?;
        tidy(self.tables.as_ref(), &spot.partition, now).await;
        Ok(())
    }

    /// The flow of a state, without using it up.
    ///
    /// # Errors
    /// [`FlowError::Unknown`] when there is none, or none any more.
    pub async fn look_up(&self, state: &str) -> Result<(Flow, ETag), FlowError> {
        let spot = Spot::of("flow", state);
        let row = self
            .tables
            .get(TABLE, &spot.partition, &spot.row)
            .await?
            .filter(|row| !row.is_expired(self.clock.unix()))
            .ok_or(FlowError::Unknown)?;
        if row.optional_boolean("used")? == Some(true) {
            return Err(FlowError::Unknown);
        }
        let code_verifier = self.rings.current_soon().await?.open(
            row.binary("code_verifier")?,
            spot.place(SealedColumn::FLOW_VERIFIER),
        )?;
        let flow = Flow {
            code_verifier,
            nonce: row.text("nonce")?.to_owned(),
            binding_hash: row.text("binding_hash")?.to_owned(),
            claims: row.optional_text("claims")?.map(str::to_owned),
            purpose: serde_json::from_str(row.text("purpose")?)?,
        };
        let etag = row.etag.clone().ok_or(FlowError::Unknown)?;
        Ok((flow, etag))
    }

    /// Uses a flow up; of two that try, one succeeds. That it was used is
    /// remembered until it would have ended, so that its state cannot come
    /// to life again.
    ///
    /// # Errors
    /// [`FlowError::Unknown`] when somebody else was faster.
    pub async fn use_up(&self, state: &str, etag: ETag) -> Result<(), FlowError> {
        let spot = Spot::of("flow", state);
        let used = Row::new(&spot.partition, &spot.row)
            .with("used", true)
            .with("expires_at", self.clock.unix() + LIFETIME);
        let written = self
            .tables
            .replace(TABLE, &used, &Condition::Matches(etag))
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(TableError::PreconditionFailed | TableError::NotFound) => Err(FlowError::Unknown),
            Err(other) => Err(other.into()),
        }
    }
}

/// Deletes a few rows of a partition of flows whose time is over. Failing is
/// no harm.
pub(crate) async fn tidy(tables: &dyn Tables, partition: &str, now: i64) {
    if let Err(error) = entrada_tables::sweep(tables, TABLE, partition, now, 5).await {
        tracing::debug!(
            error = crate::error::chain(&error),
            "expired flows were left"
        );
    }
}
