//! Storage that answers in its own way.

use async_trait::async_trait;
use entrada_tables::{Continuation, ETag, Operation, Page, Query, TableError};

use super::*;
use crate::limits::{AddressLimit, LimitsStatus};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Nothing is ever answered.
    Silence,
    /// Somebody else was always faster.
    Contention,
}

/// Tables without a row.
#[derive(Debug)]
struct Troubled(Trouble);

impl Troubled {
    async fn write<T>(&self) -> Result<T, TableError> {
        match self.0 {
            Trouble::Silence => std::future::pending().await,
            Trouble::Contention => Err(TableError::AlreadyExists),
        }
    }

    async fn read<T: Default>(&self) -> Result<T, TableError> {
        match self.0 {
            Trouble::Silence => std::future::pending().await,
            Trouble::Contention => Ok(T::default()),
        }
    }
}

#[async_trait]
impl Tables for Troubled {
    async fn create_table(&self, _: &str) -> Result<(), TableError> {
        self.read().await
    }

    async fn insert(&self, _: &str, _: &Row) -> Result<ETag, TableError> {
        self.write().await
    }

    async fn get(&self, _: &str, _: &str, _: &str) -> Result<Option<Row>, TableError> {
        self.read().await
    }

    async fn replace(&self, _: &str, _: &Row, _: &Condition) -> Result<ETag, TableError> {
        self.write().await
    }

    async fn merge(&self, _: &str, _: &Row, _: &Condition) -> Result<ETag, TableError> {
        self.write().await
    }

    async fn delete(&self, _: &str, _: &str, _: &str, _: &Condition) -> Result<(), TableError> {
        self.write().await
    }

    async fn query(&self, _: &str, _: &Query) -> Result<Page, TableError> {
        self.write().await
    }

    async fn batch(&self, _: &str, _: &[Operation]) -> Result<Vec<Option<ETag>>, TableError> {
        self.write().await
    }

    async fn expired(
        &self,
        _: &str,
        _: i64,
        _: u32,
        _: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.write().await
    }

    async fn scan(
        &self,
        _: &str,
        _: &[&str],
        _: u32,
        _: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.write().await
    }

    async fn ping(&self) -> Result<(), TableError> {
        self.read().await
    }
}

fn instance(trouble: Trouble) -> Arc<Limits> {
    let clock = Arc::new(ManualClock::at(OffsetDateTime::UNIX_EPOCH));
    let tables = Arc::new(Troubled(trouble));
    Arc::new(Limits::new(from_one(10), tables, clock))
}

/// Tokio's clock stands still too, and jumps to what is waited for.
#[tokio::test(start_paused = true)]
async fn storage_that_keeps_silent_is_given_up_after_two_seconds() {
    let instance = instance(Trouble::Silence);
    let stranger = instance.charge_address(AddressLimit::SignIn, Some(address("192.0.2.1")));
    let within = |millis| Duration::from_millis(millis);
    let answer = tokio::time::timeout(within(2_100), stranger).await;
    assert_eq!(answer, Ok(Ok(())));
    assert_eq!(instance.status(), LimitsStatus::Local);
    let others = at_once(&instance, user(1), 30);
    let through = tokio::time::timeout(within(10), others).await;
    assert_eq!(through, Ok(20), "and nobody waits again");
}

#[tokio::test]
async fn a_bucket_that_others_change_all_the_time_is_served_from_here_and_is_no_outage() {
    let instance = instance(Trouble::Contention);
    let through = at_once(&instance, user(1), 30).await;
    assert!((20..=22).contains(&through), "{through}");
    assert_eq!(instance.status(), LimitsStatus::Operational);
}
