//! Which bucket a call is charged to.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use entrada_ambient::Clock;
use entrada_tables::Tables;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::Exceeded;
use super::address::Network;
use super::bucket::Bucket;
use super::leases::{Leases, Standing};
use super::ledger::Place;
use super::rate::Rate;

/// Callers, tenants and addresses that an instance remembers, each. One that
/// was forgotten leases again, so nothing but a round trip is lost.
const REMEMBERED: u64 = 20_000;

/// How long a request without an address is remembered.
const NOTED: Duration = Duration::from_mins(10);

/// The limits, each in calls a minute; `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Of a signed-in person or application.
    pub user: Option<NonZeroU32>,
    /// Of one with the role `MCPServer.Admin`.
    pub admin: Option<NonZeroU32>,
    /// Of everybody in a tenant together.
    pub tenant: Option<NonZeroU32>,
    /// Of all signed-in callers together, and again of all requests without
    /// an address together.
    pub global: Option<NonZeroU32>,
    /// Of calls of public tools without a token, by address.
    pub public_tool: Option<NonZeroU32>,
    /// Of tokens that were refused, by address.
    pub refused_token: Option<NonZeroU32>,
    /// Of requests to sign-in and OAuth routes and of requests whose token is
    /// missing or has ended, by address.
    pub sign_in: Option<NonZeroU32>,
    /// Of clients that register themselves, by address. A row stays of each.
    pub registration: Option<NonZeroU32>,
}

impl Figures {
    /// No limits at all.
    pub const NONE: Self = Self {
        user: None,
        admin: None,
        tenant: None,
        global: None,
        public_tool: None,
        refused_token: None,
        sign_in: None,
        registration: None,
    };

    /// All limits from one figure.
    ///
    /// Of the sign-in routes, five times as much: the longest way in (an MCP
    /// client that registers itself) touches them seven times, and 100 people
    /// behind one address must find room at the default of 100 (capacity
    /// 1,000) even when they all come in the same second, when some requests
    /// are repeated and when a block lies unused with another instance.
    #[must_use]
    pub fn from_one(requests_per_minute: NonZeroU32) -> Self {
        let times = |factor: u32| {
            let factor = NonZeroU32::new(factor)?;
            Some(requests_per_minute.saturating_mul(factor))
        };
        let fifth = NonZeroU32::new(requests_per_minute.get().div_ceil(5));
        Self {
            user: times(1),
            admin: times(10),
            tenant: times(10),
            global: times(100),
            public_tool: fifth,
            refused_token: fifth,
            sign_in: times(5),
            registration: times(1),
        }
    }
}

/// A limit of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressLimit {
    /// Calls of public tools without a token.
    PublicTool,
    /// Tokens that were refused.
    RefusedToken,
    /// Sign-in and OAuth routes, and tokens that are missing or have ended.
    SignIn,
    /// Clients that register themselves.
    Registration,
}

/// Who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallerKey {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person or application.
    pub object_id: Uuid,
    /// Whether the limit of administrators counts.
    pub admin: bool,
}

/// How the limits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitsStatus {
    /// They hold across instances.
    Operational,
    /// Storage is away: each instance limits by itself.
    Local,
    /// Nothing is limited.
    Off,
}

/// Whether requests come with their callers' addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressesStatus {
    /// They do.
    Known,
    /// Some did not lately: they share one limit.
    Missing,
    /// None has come yet that would be limited by address.
    Unseen,
}

/// The buckets of a caller, found by one look-up.
#[derive(Debug)]
struct Account {
    own: Option<Arc<Bucket>>,
    tenant: Option<Arc<Bucket>>,
}

/// The limits of one instance.
#[derive(Debug)]
pub struct Limits {
    figures: Figures,
    leases: Arc<Leases>,
    accounts: Cache<CallerKey, Arc<Account>>,
    tenants: Cache<Uuid, Arc<Bucket>>,
    addresses: Cache<(AddressLimit, Option<Network>), Arc<Bucket>>,
    global: Option<Arc<Bucket>>,
    without_address: Option<Arc<Bucket>>,
    /// Whether a request has come with its caller's address.
    address_seen: AtomicBool,
    /// Milliseconds of the monotonic clock, and one more; 0: never.
    no_address_at: AtomicU64,
}

impl Limits {
    /// Limits of these figures, kept in `tables`.
    #[must_use]
    pub fn new(figures: Figures, tables: Arc<dyn Tables>, clock: Arc<dyn Clock>) -> Self {
        Self {
            figures,
            leases: Arc::new(Leases::new(tables, clock)),
            accounts: cache(),
            tenants: cache(),
            addresses: cache(),
            global: bucket(figures.global, "global", &[]),
            without_address: bucket(figures.global, "without-address", &[]),
            address_seen: AtomicBool::new(false),
            no_address_at: AtomicU64::new(0),
        }
    }

    /// How the limits are.
    #[must_use]
    pub fn status(&self) -> LimitsStatus {
        if self.figures == Figures::NONE {
            LimitsStatus::Off
        } else if self.leases.local() {
            LimitsStatus::Local
        } else {
            LimitsStatus::Operational
        }
    }

    /// Whether limits by address hold.
    #[must_use]
    pub fn addresses(&self) -> AddressesStatus {
        let last = self.no_address_at.load(Ordering::Relaxed);
        if last != 0 && self.leases.now() <= Duration::from_millis(last) + NOTED {
            AddressesStatus::Missing
        } else if self.address_seen.load(Ordering::Relaxed) {
            AddressesStatus::Known
        } else {
            AddressesStatus::Unseen
        }
    }

    /// Charges a call to its caller, then to the tenant, then to all: who is
    /// over the own limit takes nothing from the others.
    ///
    /// # Errors
    /// [`Exceeded`] when one of them has no call left.
    pub async fn charge_caller(&self, caller: &CallerKey) -> Result<(), Exceeded> {
        let account = self
            .accounts
            .get_with_by_ref(caller, || Arc::new(self.account(caller)));
        let buckets = [&account.own, &account.tenant, &self.global];
        let now = self.leases.now();
        for bucket in buckets.into_iter().flatten() {
            self.leases
                .take(bucket, Standing::Known, now)
                .await
                .map_err(Exceeded::new)?;
        }
        Ok(())
    }

    /// Charges a request to its address. Without one it is charged to a
    /// bucket that all such requests share, of the size of the global limit
    /// but apart from it: signed-in callers must not stand outside because
    /// somebody unknown floods the sign-in. Where there is no global limit
    /// they share one of the size of this limit.
    ///
    /// # Errors
    /// [`Exceeded`] when there is no call left.
    pub async fn charge_address(
        &self,
        limit: AddressLimit,
        address: Option<IpAddr>,
    ) -> Result<(), Exceeded> {
        let Some((figure, kind)) = self.address_limit(limit) else {
            return Ok(());
        };
        let network = address.map(Network::of);
        if network.is_some() {
            self.address_seen.store(true, Ordering::Relaxed);
        } else {
            self.note_no_address();
        }
        let bucket = match (network, &self.without_address) {
            (None, Some(shared)) => shared.clone(),
            _ => self.addresses.get_with((limit, network), || {
                let owner = network.map(Network::bytes);
                let owner = owner.as_ref().map_or(&[][..], |bytes| bytes);
                Arc::new(new_bucket(figure, kind, owner))
            }),
        };
        self.leases
            .take(&bucket, Standing::Stranger, self.leases.now())
            .await
            .map_err(Exceeded::new)
    }

    fn note_no_address(&self) {
        let before = self.addresses();
        let now = u64::try_from(self.leases.now().as_millis()).unwrap_or(u64::MAX);
        self.no_address_at
            .store(now.saturating_add(1), Ordering::Relaxed);
        if before != AddressesStatus::Missing {
            tracing::warn!(
                "limits: a request came without its caller's address, so limits by address \
                 cannot hold; one limit for all such requests does"
            );
        }
    }

    fn account(&self, caller: &CallerKey) -> Account {
        let owner = [caller.tenant_id.into_bytes(), caller.object_id.into_bytes()].concat();
        let own = if caller.admin {
            bucket(self.figures.admin, "admin", &owner)
        } else {
            bucket(self.figures.user, "user", &owner)
        };
        let tenant = self.figures.tenant.map(|figure| {
            let id = caller.tenant_id;
            self.tenants
                .get_with(id, || Arc::new(new_bucket(figure, "tenant", id.as_bytes())))
        });
        Account { own, tenant }
    }

    fn address_limit(&self, limit: AddressLimit) -> Option<(NonZeroU32, &'static str)> {
        let (figure, kind) = match limit {
            AddressLimit::PublicTool => (self.figures.public_tool, "public-tool"),
            AddressLimit::RefusedToken => (self.figures.refused_token, "refused-token"),
            AddressLimit::SignIn => (self.figures.sign_in, "sign-in"),
            AddressLimit::Registration => (self.figures.registration, "registration"),
        };
        Some((figure?, kind))
    }
}

fn new_bucket(figure: NonZeroU32, kind: &str, owner: &[u8]) -> Bucket {
    Bucket::new(Place::of(kind, owner), Rate::per_minute(figure))
}

fn bucket(figure: Option<NonZeroU32>, kind: &str, owner: &[u8]) -> Option<Arc<Bucket>> {
    figure.map(|figure| Arc::new(new_bucket(figure, kind, owner)))
}

/// The least recently used goes first: a newcomer always gets a place, so
/// that a flood of new names cannot make every call of one a question to
/// storage.
fn cache<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(REMEMBERED)
        .eviction_policy(EvictionPolicy::lru())
        .build()
}
