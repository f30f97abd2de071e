//! How rows are authenticated: each carries an HMAC over its place and all
//! that it holds, the HMAC of the row before included.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_tables::{Row, Value};

use crate::identity::{KeyRing, SealError};

/// The property that holds the HMAC.
pub(super) const TAG: &str = "tag";
/// The property that names the key of the HMAC. It is not under it: another
/// name is another key, and then the HMAC is wrong.
const KID: &str = "kid";

/// Separates these HMACs from others under the same key.
const DOMAIN: &[u8] = b"entrada audit row 1\0";

/// What the HMAC of a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    /// The row is as it was written, where it was written.
    Sound,
    /// It is not.
    Broken,
    /// The key ring does not have the key.
    UnknownKey,
}

/// The row with its HMAC.
///
/// # Errors
/// When the ring has no current authentication key.
pub(super) fn sign(ring: &KeyRing, row: Row) -> Result<(Row, String), SealError> {
    let (kid, tag) = ring.authenticate(&message(&row))?;
    let tag = URL_SAFE_NO_PAD.encode(tag);
    let row = row.with(KID, kid).with(TAG, tag.as_str());
    Ok((row, tag))
}

/// Checks the HMAC of a row as it was read.
pub(super) fn check(ring: &KeyRing, row: &Row) -> Seal {
    let text = |name| row.optional_text(name).ok().flatten();
    let (Some(kid), Some(tag)) = (text(KID), text(TAG)) else {
        return Seal::Broken;
    };
    let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else {
        return Seal::Broken;
    };
    match ring.verify_authentication(kid, &message(row), &tag) {
        Some(true) => Seal::Sound,
        Some(false) => Seal::Broken,
        None => Seal::UnknownKey,
    }
}

/// Everything of a row, each part after its length, so that no two rows give
/// the same bytes.
fn message(row: &Row) -> Vec<u8> {
    let mut message = DOMAIN.to_vec();
    let mut push = |part: &[u8]| {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    };
    push(row.partition.as_bytes());
    push(row.row.as_bytes());
    for (name, value) in &row.properties {
        if name == KID || name == TAG {
            continue;
        }
        push(name.as_bytes());
        push(value.type_name().as_bytes());
        match value {
            Value::String(text) => push(text.as_bytes()),
            Value::Binary(bytes) => push(bytes),
            Value::Boolean(boolean) => push(&[u8::from(*boolean)]),
            Value::Int32(number) => push(&number.to_be_bytes()),
            Value::Int64(number) => push(&number.to_be_bytes()),
            Value::Double(number) => push(&number.to_bits().to_be_bytes()),
            Value::DateTime(moment) => push(&moment.unix_timestamp_nanos().to_be_bytes()),
            Value::Guid(guid) => push(guid.as_bytes()),
        }
    }
    message
}
