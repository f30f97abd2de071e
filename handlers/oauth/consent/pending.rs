//! Requests that wait for the person's answer.

use entrada_ambient::Clock;
use entrada_tables::{Condition, ETag, Row, TableError, Tables};

use crate::auth::{FLOW_LIFETIME, FLOWS_TABLE, Spot, tidy};
use crate::error::{ApiError, chain};
use crate::oauth::AuthorizationRequest;

/// What the person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

impl Decision {
    /// How forms and rows name it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Approve, Self::Deny]
            .into_iter()
            .find(|decision| decision.text() == text)
    }
}

/// A request that waits, or was answered.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: AuthorizationRequest,
    pub(super) decision: Option<Decision>,
    etag: Option<ETag>,
}

/// Requests that wait, in storage.
#[derive(Debug, Clone, Copy)]
pub(in crate::oauth) struct Pending<'a> {
    pub(in crate::oauth) tables: &'a dyn Tables,
    pub(in crate::oauth) clock: &'a dyn Clock,
}

fn spot(id: &str) -> Spot {
    Spot::of("consent", id)
}

impl Pending<'_> {
    /// Keeps a request under its id.
    pub(in crate::oauth) async fn keep(
        self,
        id: &str,
        request: &AuthorizationRequest,
    ) -> Result<(), ApiError> {
        let spot = spot(id);
        let now = self.clock.unix();
        let text = serde_json::to_string(request).map_err(ApiError::internal)?;
        let row = Row::new(&spot.partition, &spot.row)
            .with("request", text)
            .with("expires_at", now + FLOW_LIFETIME);
        self.tables.insert(FLOWS_TABLE, &row).await?;
        tidy(self.tables, &spot.partition, now).await;
        Ok(())
    }

    /// The request of an id; `None` when there is none (any more).
    pub(super) async fn find(self, id: &str) -> Result<Option<Waiting>, ApiError> {
        let spot = spot(id);
        let row = self
            .tables
            .get(FLOWS_TABLE, &spot.partition, &spot.row)
            .await?
            .filter(|row| !row.is_expired(self.clock.unix()));
        let Some(row) = row else {
            return Ok(None);
        };
        let request = serde_json::from_str(row.text("request")?)
            .map_err(|error| ApiError::internal(chain(&error)))?;
        Ok(Some(Waiting {
            request,
            decision: row.optional_text("decision")?.and_then(Decision::parse),
            etag: row.etag.clone(),
        }))
    }

    /// Notes the answer; of two different ones the first counts, and the
    /// same again is the same. `None` when the other was given.
    pub(super) async fn decide(
        self,
        id: &str,
        decision: Decision,
    ) -> Result<Option<AuthorizationRequest>, ApiError> {
        let spot = spot(id);
        for _ in 0..5 {
            let Some(waiting) = self.find(id).await? else {
                return Ok(None);
            };
            match (waiting.decision, waiting.etag) {
                (Some(given), _) => return Ok((given == decision).then_some(waiting.request)),
                (None, None) => return Ok(None),
                (None, Some(etag)) => {
                    let row =
                        Row::new(&spot.partition, &spot.row).with("decision", decision.text());
                    let written = self
                        .tables
                        .merge(FLOWS_TABLE, &row, &Condition::Matches(etag))
                        .await;
                    match written {
                        Ok(_) => return Ok(Some(waiting.request)),
                        Err(TableError::PreconditionFailed) => {}
                        Err(TableError::NotFound) => return Ok(None),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        Err(ApiError::internal("a consent was contended"))
    }
}
