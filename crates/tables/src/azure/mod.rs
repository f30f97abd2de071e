//! The backend that speaks to Azure Table Storage.

mod batch;
mod connection;
mod entity;
mod fault;
mod service;
mod shared_key;
mod tries;
mod write;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::http::headers::HeaderName;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Method, RawResponse, Transport};
use entrada_ambient::{Clock, Random};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use url::Url;

pub use self::connection::ConnectionError;
use self::entity::Written;
use self::service::Service;
use self::shared_key::SharedKeyLite;
use crate::continuation::Position;
use crate::expiry::{EXPIRES_AT, expired_filter};
use crate::{
    Condition, Continuation, ETag, Operation, Page, Query, Row, TableError, Tables, validate,
};

/// What a token for the service must be for (Microsoft: "Authorize access to
/// tables using Microsoft Entra ID").
const SCOPE: &str = "https://storage.azure.com/.default";

const NEXT_PARTITION: HeaderName = HeaderName::from_static("x-ms-continuation-nextpartitionkey");
const NEXT_ROW: HeaderName = HeaderName::from_static("x-ms-continuation-nextrowkey");

/// Where a connection string leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAddress {
    /// The address of the table service.
    pub url: Url,
    /// Whether it is the emulator's (`UseDevelopmentStorage`), whose key is
    /// public.
    pub is_emulator: bool,
}

/// Tables in an Azure storage account, or in Azurite, over REST.
///
/// A request is tried at most four times within 8 s and ends after 15 s, not
/// counting the time in which a token is fetched. A write that was tried
/// again may meet its own first try ("already exists", "changed meanwhile"):
/// each write leaves an id in a hidden property of its rows, and by it such an
/// answer is told from one about somebody else's write. A delete leaves
/// nothing to tell by, so "not found" after a retry becomes
/// [`TableError::Unavailable`]. When a write gets no answer at all, it may or
/// may not have been applied.
pub struct AzureTables {
    service: Service,
    random: Arc<dyn Random>,
}

impl AzureTables {
    /// Where a connection string leads to.
    ///
    /// # Errors
    /// [`ConnectionError`] when the string does not describe an account.
    pub fn account_address(
        connection_string: &SecretString,
    ) -> Result<AccountAddress, ConnectionError> {
        let account = connection::parse(connection_string)?;
        Ok(AccountAddress {
            url: account.endpoint,
            is_emulator: account.is_emulator,
        })
    }

    /// The account of a connection string, by its key.
    ///
    /// # Errors
    /// [`ConnectionError`] when the string does not describe an account.
    pub fn from_connection_string(
        connection_string: &SecretString,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ConnectionError> {
        let account = connection::parse(connection_string)?;
        let signer = SharedKeyLite::new(account.name, account.key, clock);
        Ok(Self {
            service: Service::new(
                &account.endpoint,
                transport(http),
                Arc::new(signer),
                service::deadline(),
            ),
            random,
        })
    }

    /// The table service at `service_url`
    /// (`https://{account}.table.core.windows.net`), by tokens of
    /// `credential`: a managed identity with the role *Storage Table Data
    /// Contributor*, for instance.
    ///
    /// # Errors
    /// [`ConnectionError::Address`] and [`ConnectionError::NotHttps`] when the
    /// address cannot be used.
    pub fn with_credential(
        service_url: &Url,
        credential: Arc<dyn TokenCredential>,
        http: reqwest::Client,
        random: Arc<dyn Random>,
    ) -> Result<Self, ConnectionError> {
        connection::check_service_url(service_url, "address of the table service")?;
        if service_url.scheme() != "https" {
            return Err(ConnectionError::NotHttps);
        }
        Ok(Self::by_tokens(
            service_url,
            credential,
            transport(http),
            random,
        ))
    }

    /// The time in which a token is fetched is not the service's: it ends as
    /// the token's source says.
    fn by_tokens(
        service_url: &Url,
        credential: Arc<dyn TokenCredential>,
        transport: Transport,
        random: Arc<dyn Random>,
    ) -> Self {
        let deadline = service::deadline();
        let credential = deadline.not_counting(credential);
        let bearer = BearerTokenAuthorizationPolicy::new(credential, [SCOPE]);
        Self {
            service: Service::new(service_url, transport, Arc::new(bearer), deadline),
            random,
        }
    }

    /// The row of these keys with the id of its last write.
    async fn read_row(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Written>, TableError> {
        let url = self.service.row_url(table, partition, row);
        let request = Service::request(Method::Get, &url)?;
        match self.service.read(table, request).await {
            Ok(response) => entity::decode(&service::json(&response)?).map(Some),
            Err(TableError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One page of what `parameters` describe.
    async fn page(
        &self,
        table: &str,
        mut parameters: Vec<(&str, &str)>,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        match continuation.map(Continuation::position) {
            None => {}
            Some(Position::Azure(partition, row)) => {
                parameters.push(("NextPartitionKey", partition));
                if let Some(row) = row {
                    parameters.push(("NextRowKey", row));
                }
            }
            Some(Position::Embedded(..)) => return Err(validate::foreign_continuation()),
        }
        let url = self.service.url_with(&format!("{table}()"), &parameters);
        let request = Service::request(Method::Get, &url)?;
        let response = self.service.read(table, request).await?;
        let body = service::json(&response)?;
        let rows = body
            .get("value")
            .and_then(Json::as_array)
            .ok_or_else(|| TableError::corrupt("a page of rows"))?;
        Ok(Page {
            rows: rows
                .iter()
                .map(|json| entity::decode(json).map(|written| written.row))
                .collect::<Result<_, _>>()?,
            continuation: next_page(&response)?,
        })
    }
}

fn transport(http: reqwest::Client) -> Transport {
    Transport::new(Arc::new(http))
}

fn next_page(response: &RawResponse) -> Result<Option<Continuation>, TableError> {
    let header = |name: &HeaderName| {
        let text = response.headers().get_optional_str(name);
        text.map(str::to_owned)
    };
    header(&NEXT_PARTITION)
        .map(|partition| Continuation::new(Position::Azure(partition, header(&NEXT_ROW))))
        .transpose()
}

/// `$select` for these properties. `Timestamp` comes along, since without it
/// not every version of the service gives the row's `ETag`.
fn selection<'name>(names: impl IntoIterator<Item = &'name str>) -> String {
    let mut selection = "PartitionKey,RowKey,Timestamp".to_owned();
    for name in names {
        selection.push(',');
        selection.push_str(name);
    }
    selection
}

#[async_trait]
impl Tables for AzureTables {
    async fn create_table(&self, table: &str) -> Result<(), TableError> {
        validate::table(table)?;
        let url = self.service.url("Tables");
        let request = Service::json_request(Method::Post, &url, &json!({"TableName": table}))?;
        let answer = self.service.send(request).await?;
        let code = answer
            .response
            .headers()
            .get_optional_str(&service::ERROR_CODE);
        if answer.response.status().is_success() || code == Some("TableAlreadyExists") {
            return Ok(());
        }
        Err(fault::answered(table, &answer.response))
    }

    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError> {
        self.write(table, row, Method::Post, None).await
    }

    async fn get(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, TableError> {
        validate::table(table)?;
        validate::keys(partition, row)?;
        let written = self.read_row(table, partition, row).await?;
        Ok(written.map(|written| written.row))
    }

    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        let if_match = batch::if_match(condition);
        self.write(table, row, Method::Put, if_match).await
    }

    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        let if_match = batch::if_match(condition);
        self.write(table, row, Method::Patch, if_match).await
    }

    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        self.remove(table, partition, row, condition).await
    }

    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError> {
        validate::table(table)?;
        validate::query(query)?;
        let filter = query.to_odata();
        let mut parameters = vec![("$filter", filter.as_str())];
        let select = query
            .select
            .as_ref()
            .map(|names| selection(names.iter().map(String::as_str)));
        if let Some(select) = &select {
            parameters.push(("$select", select));
        }
        let limit = query.limit.map(|limit| limit.to_string());
        if let Some(limit) = &limit {
            parameters.push(("$top", limit));
        }
        self.page(table, parameters, query.continuation.as_ref())
            .await
    }

    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        self.write_batch(table, operations).await
    }

    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        validate::table(table)?;
        let limit = validate::page_rows(Some(limit))?.to_string();
        let filter = expired_filter(now).to_odata();
        let select = selection([EXPIRES_AT]);
        let parameters = vec![
            ("$filter", filter.as_str()),
            ("$select", select.as_str()),
            ("$top", limit.as_str()),
        ];
        self.page(table, parameters, continuation).await
    }

    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        validate::table(table)?;
        let limit = validate::page_rows(Some(limit))?.to_string();
        let select = selection(select.iter().copied());
        let parameters = vec![("$select", select.as_str()), ("$top", limit.as_str())];
        self.page(table, parameters, continuation).await
    }

    async fn ping(&self) -> Result<(), TableError> {
        let url = self.service.url_with("Tables", &[("$top", "1")]);
        let request = Service::request(Method::Get, &url)?;
        self.service.read("Tables", request).await.map(|_| ())
    }
}

impl fmt::Debug for AzureTables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AzureTables")
            .field("service", &self.service.url(""))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use azure_core::credentials::{AccessToken, TokenRequestOptions};
    use azure_core::http::headers::Headers;
    use azure_core::http::policies::{Policy, PolicyResult};
    use azure_core::http::{AsyncRawResponse, Context, Request, StatusCode};
    use entrada_ambient::{SystemClock, SystemRandom};

    use super::*;

    /// A token takes this long, as that of a command line tool may.
    const TOKEN: Duration = Duration::from_secs(20);

    #[derive(Debug)]
    struct Slow;

    #[async_trait]
    impl TokenCredential for Slow {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            tokio::time::sleep(TOKEN).await;
            let expires = SystemClock::new().now() + TOKEN * 100;
            Ok(AccessToken::new("token", expires))
        }
    }

    /// Answers at once, or never.
    #[derive(Debug)]
    struct Network {
        answers: bool,
    }

    #[async_trait]
    impl Policy for Network {
        async fn send(&self, _: &Context, _: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
            if !self.answers {
                std::future::pending::<()>().await;
            }
            let status = StatusCode::Ok;
            Ok(AsyncRawResponse::from_bytes(status, Headers::new(), "{}"))
        }
    }

    /// What comes of a question, and after how many seconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time of the runtime, which stands still, is measured"
    )]
    async fn ping(answers: bool) -> (Result<(), TableError>, u64) {
        let url = Url::parse("https://acc.table.core.windows.net").unwrap();
        let transport = Transport::with_policy(Arc::new(Network { answers }));
        let tables =
            AzureTables::by_tokens(&url, Arc::new(Slow), transport, Arc::new(SystemRandom));
        let started = tokio::time::Instant::now();
        let answer = tables.ping().await;
        (answer, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_token_takes_is_not_the_services() {
        let (answer, seconds) = ping(true).await;
        answer.unwrap();
        assert_eq!(seconds, 20);
        let (silence, seconds) = ping(false).await;
        let error = silence.unwrap_err();
        assert!(matches!(error, TableError::Unavailable { .. }), "{error}");
        assert_eq!(seconds, 20 + 15);
    }
}
