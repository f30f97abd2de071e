//! Writes, and what becomes of those whose first try may have been applied.

use azure_core::http::Method;
use azure_core::http::headers::{CONTENT_TYPE, IF_MATCH};
use uuid::Uuid;

use super::batch::{self, Failed};
use super::service::{self, Answer, Service};
use super::{AzureTables, entity, fault};
use crate::{Condition, ETag, Operation, Row, TableError, validate};

/// The version of a row that was replaced since: it never matches.
const SUPERSEDED: &str = "W/\"datetime'1601-01-01T00%3A00%3A00.0000000Z'\"";

impl AzureTables {
    /// Writes one row. `POST` inserts, `PUT` replaces, `PATCH` merges.
    pub(super) async fn write(
        &self,
        table: &str,
        row: &Row,
        method: Method,
        if_match: Option<&str>,
    ) -> Result<ETag, TableError> {
        validate::table(table)?;
        validate::row(row)?;
        let write_id = self.random.uuid_v4();
        let url = if method == Method::Post {
            self.service.url(table)
        } else {
            self.service.row_url(table, &row.partition, &row.row)
        };
        let body = entity::encode(row, write_id);
        let mut request = Service::json_request(method, &url, &body)?;
        if let Some(if_match) = if_match {
            request.insert_header(IF_MATCH, if_match.to_owned());
        }
        let Answer { response, in_doubt } = self.service.send(request).await?;
        if response.status().is_success() {
            return service::etag(&response);
        }
        let error = fault::answered(table, &response);
        if in_doubt
            && may_be_our_own(&error)
            && let Some(etag) = self
                .landed(table, &row.partition, &row.row, write_id)
                .await?
        {
            return Ok(etag);
        }
        Err(error)
    }

    /// Deletes one row.
    pub(super) async fn remove(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        validate::table(table)?;
        validate::keys(partition, row)?;
        let url = self.service.row_url(table, partition, row);
        let mut request = Service::request(Method::Delete, &url)?;
        let if_match = batch::if_match(condition).unwrap_or("*");
        request.insert_header(IF_MATCH, if_match.to_owned());
        let Answer { response, in_doubt } = self.service.send(request).await?;
        if response.status().is_success() {
            return Ok(());
        }
        match fault::answered(table, &response) {
            TableError::NotFound if *condition == Condition::None => Ok(()),
            TableError::NotFound if in_doubt => Err(unknown_delete()),
            error => Err(error),
        }
    }

    /// Applies a batch. The service has no delete of a row that may be
    /// missing, so such a delete is left out when the service says that it is
    /// the one that failed, and the rest is sent again.
    pub(super) async fn write_batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        validate::table(table)?;
        validate::batch(operations)?;
        let mut left: Vec<usize> = (0..operations.len()).collect();
        let mut tags = vec![None; operations.len()];
        while !left.is_empty() {
            let sent: Vec<&Operation> = left
                .iter()
                .filter_map(|index| operations.get(*index))
                .collect();
            match self.send_batch(table, &sent).await {
                Ok(answers) => {
                    for (index, etag) in left.iter().zip(answers) {
                        if let Some(tag) = tags.get_mut(*index) {
                            *tag = etag;
                        }
                    }
                    break;
                }
                Err(failed) => {
                    let at = failed.index.filter(|at| *at < sent.len());
                    match (failed.error, at) {
                        (TableError::NotFound, Some(at))
                            if sent
                                .get(at)
                                .is_some_and(|operation| is_unconditional(operation)) =>
                        {
                            left.remove(at);
                        }
                        (error, at) => {
                            tracing::debug!(?at, %error, "a batch was not applied");
                            return Err(error);
                        }
                    }
                }
            }
        }
        Ok(tags)
    }

    async fn send_batch(
        &self,
        table: &str,
        operations: &[&Operation],
    ) -> Result<Vec<Option<ETag>>, Failed> {
        let write_id = self.random.uuid_v4();
        let body = batch::body(&self.service, table, operations, write_id);
        let mut request = Service::request(Method::Post, &self.service.url("$batch"))?;
        request.insert_header(CONTENT_TYPE, batch::CONTENT_TYPE);
        request.set_body(entity::body(body, validate::BATCH_BYTES));
        let Answer { response, in_doubt } = self.service.send(request).await?;
        if !response.status().is_success() {
            return Err(fault::answered(table, &response).into());
        }
        let text = String::from_utf8_lossy(response.body().as_ref());
        let failed = match batch::answers(table, operations.len(), &text) {
            Err(failed) if in_doubt && may_be_our_own(&failed.error) => failed,
            answers => return answers,
        };
        match self.landed_batch(table, operations, write_id).await? {
            Some(tags) => Ok(tags),
            None => Err(failed),
        }
    }

    /// The version that this write gave the row, if the row is still as this
    /// write left it.
    async fn landed(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        write_id: Uuid,
    ) -> Result<Option<ETag>, TableError> {
        let found = self.read_row(table, partition, row).await?;
        Ok(found
            .filter(|found| found.write_id == Some(write_id))
            .and_then(|found| found.row.etag))
    }

    /// What a batch gave its rows, if a row tells that it was applied. One row
    /// is enough, since a batch is applied in full or not at all.
    async fn landed_batch(
        &self,
        table: &str,
        operations: &[&Operation],
        write_id: Uuid,
    ) -> Result<Option<Vec<Option<ETag>>>, TableError> {
        let mut tags = Vec::with_capacity(operations.len());
        let mut landed = None;
        for operation in operations {
            if matches!(operation, Operation::Delete { .. }) {
                tags.push(None);
                continue;
            }
            let (partition, row) = operation.keys();
            let etag = self.landed(table, partition, row, write_id).await?;
            landed = Some(landed == Some(true) || etag.is_some());
            tags.push(Some(etag.unwrap_or_else(|| ETag::new(SUPERSEDED))));
        }
        match landed {
            Some(true) => Ok(Some(tags)),
            // Whose deletes they were does not matter when none has a condition.
            None if !operations
                .iter()
                .all(|operation| is_unconditional(operation)) =>
            {
                Err(unknown_delete())
            }
            Some(false) | None => Ok(None),
        }
    }
}

/// Whether this answer to a second try may be about the first one's effect.
fn may_be_our_own(error: &TableError) -> bool {
    matches!(
        error,
        TableError::AlreadyExists | TableError::PreconditionFailed | TableError::NotFound
    )
}

/// Whether this is a delete that succeeds without a row to delete.
fn is_unconditional(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Delete {
            condition: Condition::None,
            ..
        }
    )
}

fn unknown_delete() -> TableError {
    TableError::unavailable("a delete was tried again, and whose delete took effect is not known")
}
