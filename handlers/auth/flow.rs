//! Flows: sign-ins under way, before the person is known.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, ETag, Row, TableError, Tables};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::grants::hash;
use crate::identity::{KeyRings, NoKeyRing, Place, SealError};

/// The table of flows.
pub const TABLE: &str = "entradaflows";

/// How long a sign-in may take, in seconds.
pub(super) const LIFETIME: i64 = 600;

/// Why a flow cannot be kept or taken.
#[derive(Debug, Error)]
pub enum FlowError {
    /// There is none with this state: never, not any more, or used.
    #[error("there is no such sign-in under way")]
    Unknown,
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] TableError),
    /// No key ring.
    #[error(transparent)]
    NoKeys(#[from] NoKeyRing),
    /// Not to be decrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
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
    /// Where the front end wants the code; none: our own page shows it.
    pub redirect_uri: Option<String>,
    /// The front end's own state.
    pub client_state: Option<String>,
    /// The front end's PKCE challenge.
    pub code_challenge: Option<String>,
}

/// Flows in storage, spread over 256 partitions by the hash of their state.
#[derive(Debug)]
pub struct Flows {
    tables: Arc<dyn Tables>,
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// Where a flow lies.
struct Spot {
    partition: String,
    row: String,
}

impl Spot {
    fn of(state: &str) -> Self {
        let row = hash(state);
        let first = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, state.as_bytes());
        let partition = format!(
            "{:02x}",
            first.as_ref().first().copied().unwrap_or_default()
        );
        Self { partition, row }
    }

    fn place(&self) -> Place<'_> {
        Place {
            table: TABLE,
            partition: &self.partition,
            row: &self.row,
            column: "code_verifier",
        }
    }
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
    /// When storage or the key ring fails.
    pub async fn keep(&self, state: &str, flow: &Flow) -> Result<(), FlowError> {
        let spot = Spot::of(state);
        let sealed =
            self.rings
                .current()?
                .seal(&flow.code_verifier, spot.place(), self.random.as_ref())?;
        let now = self.clock.unix();
        let row = Row::new(&spot.partition, &spot.row)
            .with("code_verifier", sealed)
            .with("nonce", flow.nonce.clone())
            .with("binding_hash", flow.binding_hash.clone())
            .with_optional("redirect_uri", flow.redirect_uri.clone())
            .with_optional("client_state", flow.client_state.clone())
            .with_optional("code_challenge", flow.code_challenge.clone())
            .with("created_at", now)
            .with("expires_at", now + LIFETIME);
        self.tables.insert(TABLE, &row).await?;
        let swept =
            entrada_tables::sweep(self.tables.as_ref(), TABLE, &spot.partition, now, 5).await;
        if let Err(error) = swept {
            tracing::debug!(
                error = crate::error::chain(&error),
                "expired flows were left"
            );
        }
        Ok(())
    }

    /// The flow of a state, without using it up.
    ///
    /// # Errors
    /// [`FlowError::Unknown`] when there is none.
    pub async fn look_up(&self, state: &str) -> Result<(Flow, ETag), FlowError> {
        let spot = Spot::of(state);
        let row = self
            .tables
            .get(TABLE, &spot.partition, &spot.row)
            .await?
            .filter(|row| !row.is_expired(self.clock.unix()))
            .ok_or(FlowError::Unknown)?;
        let verifier = self
            .rings
            .current()?
            .open(row.binary("code_verifier")?, spot.place())?;
        let optional = |name| Ok::<_, TableError>(row.optional_text(name)?.map(str::to_owned));
        let flow = Flow {
            code_verifier: SecretString::from(verifier.expose_secret()),
            nonce: row.text("nonce")?.to_owned(),
            binding_hash: row.text("binding_hash")?.to_owned(),
            redirect_uri: optional("redirect_uri")?,
            client_state: optional("client_state")?,
            code_challenge: optional("code_challenge")?,
        };
        let etag = row.etag.clone().ok_or(FlowError::Unknown)?;
        Ok((flow, etag))
    }

    /// Uses a flow up; of two that try, one succeeds.
    ///
    /// # Errors
    /// [`FlowError::Unknown`] when somebody else was faster.
    pub async fn use_up(&self, state: &str, etag: ETag) -> Result<(), FlowError> {
        let spot = Spot::of(state);
        self.tables
            .delete(TABLE, &spot.partition, &spot.row, &Condition::Matches(etag))
            .await
            .map_err(|error| match error {
                TableError::PreconditionFailed | TableError::NotFound => FlowError::Unknown,
                other => FlowError::Storage(other),
            })
    }
}
