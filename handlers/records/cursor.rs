//! Cursors: where a page ended, sealed.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Random;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::order::SortKey;
use super::query::RecordQuery;
use crate::identity::{KeyRing, Place, SealError, SealedColumn};

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Position {
    /// After the row of this key.
    Row(String),
    /// Where storage goes on.
    Page(String),
    /// After this place in the order, and among its equals after the row of
    /// this key.
    Order(SortKey, String),
}

/// Seals a position. The tenant and what was asked are authenticated with it:
/// a cursor of another tenant or another query does not open, nor does one
/// that somebody made up.
///
/// # Errors
/// When the ring has no key.
pub(super) fn seal(
    position: &Position,
    tenant: Uuid,
    query: &RecordQuery,
    ring: &KeyRing,
    random: &dyn Random,
) -> Result<String, SealError> {
    let json = serde_json::to_string(position).map_err(|_| SealError)?;
    let (partition, fingerprint) = (tenant.to_string(), fingerprint(query)?);
    let sealed = ring.seal(
        &SecretString::from(json),
        place(&partition, &fingerprint),
        random,
    )?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// Opens a cursor that was sealed for this tenant and query.
///
/// # Errors
/// When it was not.
pub(super) fn open(
    cursor: &str,
    tenant: Uuid,
    query: &RecordQuery,
    ring: &KeyRing,
) -> Result<Position, SealError> {
    let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| SealError)?;
    let (partition, fingerprint) = (tenant.to_string(), fingerprint(query)?);
    let json = ring.open(&sealed, place(&partition, &fingerprint))?;
    serde_json::from_str(json.expose_secret()).map_err(|_| SealError)
}

fn place<'a>(partition: &'a str, fingerprint: &'a str) -> Place<'a> {
    Place {
        column: SealedColumn::RECORD_CURSOR,
        partition,
        row: fingerprint,
    }
}

/// What was asked, but for how much of it at a time.
fn fingerprint(query: &RecordQuery) -> Result<String, SealError> {
    let asked = serde_json::to_vec(&(&query.text, &query.filters, &query.sort));
    let asked = asked.map_err(|_| SealError)?;
    Ok(URL_SAFE_NO_PAD.encode(digest(&SHA256, &asked)))
}
