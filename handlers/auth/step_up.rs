//! `GET /auth/step-up/{id}`: a downstream service wants more of the person
//! than the sign-in has (a second factor, a consent), and a grant is to get
//! it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use entrada_ambient::{Clock, Random};
use entrada_entra::SignIn;
use entrada_tables::{Condition, Row, TableError, Tables};
use http::{HeaderMap, StatusCode};
use moka::future::Cache;
use thiserror::Error;
use uuid::Uuid;

use super::callback::show;
use super::callback_page::{self, Origin};
use super::flow::{LIFETIME, Purpose, StepUpFlow, tidy};
use super::sign_ins::{FlowSecrets, SignIns, Wishes};
use super::spot::{Spot, TABLE};
use super::tokens::{begin_error, grant_error};
use crate::config::BaseUrl;
use crate::error::ApiError;
use crate::grants::Grants;
use crate::identity::Principal;
use crate::pages::redirect;

/// What comes before the id in the path of a step-up.
pub(crate) const PATH: &str = "/auth/step-up/";

/// Until when a link can be opened, epoch seconds.
const OPENS_UNTIL: &str = "opens_until";

/// How long a link is given again to who needs the same: calls that a client
/// makes side by side, or again at once, are all met by following one.
const SHARED: Duration = Duration::from_mins(2);
/// Needs whose links are remembered.
const REMEMBERED: u64 = 1_000;

/// What a downstream service asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct StepUpNeed {
    /// A claims challenge: the decoded JSON.
    pub claims: Option<String>,
    /// Scopes that the person has to consent to, such as
    /// `https://graph.microsoft.com/User.Read`.
    pub scopes: Vec<String>,
}

/// Where one person can do what is needed, once. It is shown to that person and
/// to nobody else: `Debug` keeps it to itself.
#[derive(Clone, PartialEq, Eq)]
pub struct StepUpLink(String);

impl StepUpLink {
    /// The address to open in a browser.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StepUpLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StepUpLink").finish_non_exhaustive()
    }
}

/// Why a step-up cannot be offered.
#[derive(Debug, Error)]
pub enum StepUpError {
    /// The caller came with Entra's own token (whose client meets the
    /// challenge itself, from 401 `insufficient_claims`), or is a daemon.
    #[error("there is no sign-in of a person here to strengthen")]
    NoGrant,
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] Arc<TableError>),
}

/// Offers to step up.
#[derive(Debug)]
pub struct StepUps {
    tables: Arc<dyn Tables>,
    sign_ins: Arc<SignIns>,
    base: BaseUrl,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// What became of the latest need of each kind of a grant.
    offered: Cache<(Uuid, StepUpNeed), Result<Offered, Arc<TableError>>>,
}

/// An offer that was made.
#[derive(Debug, Clone)]
struct Offered {
    link: StepUpLink,
    spot: Spot,
    made_at: Duration,
}

/// An offer that somebody follows.
struct Offer {
    flow: StepUpFlow,
    wishes: Wishes,
}

impl StepUps {
    /// Offers in `tables`.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        sign_ins: Arc<SignIns>,
        base: BaseUrl,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            tables,
            sign_ins,
            base,
            clock,
            random,
            offered: Cache::new(REMEMBERED),
        }
    }

    /// The address where the caller's person can do what is needed: good
    /// once, for that person alone, for eight minutes and up to ten. The same
    /// need within two minutes gets the same one until it is used up.
    ///
    /// # Errors
    /// [`StepUpError::NoGrant`] when the caller has no sign-in here; when
    /// storage fails.
    pub async fn offer(
        &self,
        caller: &Principal,
        need: &StepUpNeed,
    ) -> Result<StepUpLink, StepUpError> {
        let grant_id = caller.grant_id().ok_or(StepUpError::NoGrant)?;
        if caller.kind() != entrada_entra::SubjectKind::User {
            return Err(StepUpError::NoGrant);
        }
        let key = (grant_id, need.clone());
        let is_recent =
            |offered: &Offered| self.clock.monotonic().saturating_sub(offered.made_at) < SHARED;
        let mut used_up = None;
        if let Some(Ok(offered)) = self.offered.get(&key).await
            && is_recent(&offered)
        {
            if self.is_there(&offered.spot).await? {
                return Ok(offered.link);
            }
            used_up = Some(offered.link);
        }
        let is_over = |outcome: &Result<Offered, _>| match outcome {
            Ok(offered) => !is_recent(offered) || used_up.as_ref() == Some(&offered.link),
            Err(_) => true,
        };
        let making = async { self.make(caller, grant_id, need).await.map_err(Arc::new) };
        let made = self.offered.entry(key).or_insert_with_if(making, is_over);
        Ok(made.await.into_value()?.link)
    }

    /// Whether nobody has come back by an offer.
    async fn is_there(&self, offer: &Spot) -> Result<bool, Arc<TableError>> {
        let row = self.tables.get(TABLE, &offer.partition, &offer.row).await?;
        Ok(row.is_some())
    }

    async fn make(
        &self,
        caller: &Principal,
        grant_id: Uuid,
        need: &StepUpNeed,
    ) -> Result<Offered, TableError> {
        let id = self.random.secret();
        let spot = Spot::of("stepup", &id);
        let now = self.clock.unix();
        let row = Row::new(&spot.partition, &spot.row)
            .with("grant_id", grant_id)
            .with("tenant_id", caller.tenant_id())
            .with("object_id", caller.object_id())
            .with_optional("login_hint", caller.email().map(str::to_owned))
            .with_optional("claims", need.claims.clone())
            .with("scopes", need.scopes.join(" "))
            .with(OPENS_UNTIL, now + LIFETIME)
            // Who opens it late still has the time that a sign-in may take.
            .with("expires_at", now + 2 * LIFETIME);
        self.tables.insert(TABLE, &row).await?;
        tidy(self.tables.as_ref(), &spot.partition, now).await;
        Ok(Offered {
            link: StepUpLink(self.base.join(&format!("{PATH}{id}"))),
            spot,
            made_at: self.clock.monotonic(),
        })
    }

    /// The offer of a link, which is not used up: programs that look at links
    /// before people do must not take it from them.
    async fn look_up(&self, id: &str) -> Result<Option<Offer>, TableError> {
        let spot = Spot::of("stepup", id);
        let now = self.clock.unix();
        let row = self.tables.get(TABLE, &spot.partition, &spot.row).await?;
        let Some(row) = row.filter(|row| !row.is_expired(now)) else {
            return Ok(None);
        };
        if row.int64(OPENS_UNTIL)? <= now {
            return Ok(None);
        }
        let optional = |name| Ok::<_, TableError>(row.optional_text(name)?.map(str::to_owned));
        Ok(Some(Offer {
            flow: StepUpFlow {
                grant_id: row.guid("grant_id")?,
                tenant_id: row.guid("tenant_id")?,
                object_id: row.guid("object_id")?,
                offer: spot,
            },
            wishes: Wishes {
                login_hint: optional("login_hint")?,
                claims: optional("claims")?,
                extra_scopes: row
                    .text("scopes")?
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect(),
                ..Wishes::default()
            },
        }))
    }

    /// Uses an offer up; of two that try, one succeeds.
    async fn use_up(&self, offer: &Spot) -> Result<(), ApiError> {
        let gone = self
            .tables
            .delete(TABLE, &offer.partition, &offer.row, &Condition::Exists)
            .await;
        match gone {
            Ok(()) => Ok(()),
            Err(TableError::NotFound | TableError::PreconditionFailed) => Err(unknown()),
            Err(error) => Err(error.into()),
        }
    }

    async fn begin(&self, id: &str) -> Result<Response, ApiError> {
        let offer = self.look_up(id).await?.ok_or_else(unknown)?;
        let secrets = FlowSecrets::random(self.random.as_ref());
        let departure = self
            .sign_ins
            .begin(Purpose::StepUp(offer.flow), offer.wishes, secrets)
            .await
            .map_err(|error| begin_error(&error))?;
        Ok(redirect(
            StatusCode::FOUND,
            departure.location.as_str(),
            &[&departure.cookie],
        ))
    }
}

fn unknown() -> ApiError {
    ApiError::not_found(
        "STEP_UP_UNKNOWN",
        "This link was used already or is older than ten minutes. Go back to where it came from, \
         try again there, and you get a new one.",
    )
}

/// Sends the person to Entra with what the downstream service asked for.
/// That alone does not use the link up: coming back as that person does.
pub async fn step_up(
    State(step_ups): State<Arc<StepUps>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key("sec-purpose") {
        let error = ApiError::new(
            StatusCode::FORBIDDEN,
            "NOT_VISITED",
            "This link works when somebody opens it.",
        );
        return show(&error, Origin::Application);
    }
    match step_ups.begin(&id).await {
        Ok(response) => response,
        Err(error) => show(&error, Origin::Application),
    }
}

/// Puts the stronger sign-in into its grant, if it is the same person's and the
/// first by its link.
pub(super) async fn finish(
    (step_ups, grants): (&StepUps, &Grants),
    flow: &StepUpFlow,
    signed_in: Result<SignIn, ApiError>,
) -> Response {
    let strengthened = match signed_in {
        Ok(sign_in) => strengthen(step_ups, grants, flow, &sign_in).await,
        Err(error) => Err(error),
    };
    match strengthened {
        Ok(()) => callback_page::stepped_up(),
        Err(error) => show(&error, Origin::Application),
    }
}

async fn strengthen(
    step_ups: &StepUps,
    grants: &Grants,
    flow: &StepUpFlow,
    sign_in: &SignIn,
) -> Result<(), ApiError> {
    let access = &sign_in.access;
    if (access.tenant_id, access.object_id) != (flow.tenant_id, flow.object_id) {
        grants.enter_stranger(flow.grant_id, sign_in).await;
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "ANOTHER_ACCOUNT",
            "This was another account than the one that the link was made for. Nothing was \
             changed. Try again and choose the account that you use there.",
        ));
    }
    step_ups.use_up(&flow.offer).await?;
    grants
        .strengthen(flow.grant_id, sign_in)
        .await
        .map_err(grant_error)
}
