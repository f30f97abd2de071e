//! What an agent asked, as it is kept with its message: encrypted, since a
//! consent link is worth as much as the consent.

use secrecy::{ExposeSecret, SecretString};

use super::Chat;
use super::events::Ask;
use super::message::{self, StoredMessage};
use crate::error::chain;
use crate::identity::{Place, SealedColumn, UserPartition};

/// Bytes beyond which asks are not kept with the message. They were told all
/// the same; only a client that comes back later misses them.
const LONGEST: usize = 48 * 1024;

/// Encrypts what was asked for its message; `None` when nothing was, or when
/// it cannot be kept.
pub(super) fn seal_asks(
    chat: &Chat,
    partition: &UserPartition,
    stored: &StoredMessage,
    asks: &[Ask],
) -> Option<Vec<u8>> {
    if asks.is_empty() {
        return None;
    }
    let text = serde_json::to_string(asks).ok()?;
    if text.len() > LONGEST {
        tracing::warn!(
            bytes = text.len(),
            "what an agent asked is too long to keep"
        );
        return None;
    }
    let row = message::row_key(stored.message.session_id, stored.number);
    let ring = chat.rings.current().ok()?;
    match ring.seal(
        &SecretString::from(text),
        place(partition, &row),
        chat.random.as_ref(),
    ) {
        Ok(sealed) => Some(sealed),
        Err(error) => {
            tracing::warn!(error = chain(&error), "what an agent asked was not kept");
            None
        }
    }
}

/// What was asked in a stored message; nothing when it cannot be read.
pub(super) fn open_asks(
    chat: &Chat,
    partition: &UserPartition,
    stored: &StoredMessage,
) -> Vec<Ask> {
    let row = message::row_key(stored.message.session_id, stored.number);
    stored
        .asks
        .as_ref()
        .and_then(|sealed| {
            let ring = chat.rings.current().ok()?;
            let text = ring.open(sealed, place(partition, &row)).ok()?;
            serde_json::from_str(text.expose_secret()).ok()
        })
        .unwrap_or_default()
}

fn place<'a>(partition: &'a UserPartition, row: &'a str) -> Place<'a> {
    Place {
        column: SealedColumn::CHAT_ASKS,
        partition: partition.as_str(),
        row,
    }
}
