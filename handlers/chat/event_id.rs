//! The ids of streamed events: how far the client has come, sealed, so that
//! `Last-Event-ID` resumes on any instance and says nothing to anybody else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Random;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::events::Position;
use super::session;
use crate::identity::{KeyRing, Place, SealedColumn, UserPartition};

/// Longest id that is looked at, in bytes.
const LONGEST: usize = 1024;

/// Makes and reads event ids of one session of one person: an id opens for
/// them alone.
#[derive(Debug)]
pub(super) struct EventIds<'a> {
    pub(super) ring: &'a KeyRing,
    pub(super) partition: &'a UserPartition,
    pub(super) session_id: Uuid,
}

impl EventIds<'_> {
    /// The id of an event; `None` when the ring cannot encrypt, and then the
    /// stream cannot be resumed from there.
    pub(super) fn seal(
        &self,
        position: &Position,
        response_id: Option<&str>,
        random: &dyn Random,
    ) -> Option<String> {
        let Position {
            number,
            sequence,
            offset,
        } = position;
        let response_id = response_id.unwrap_or_default();
        let text = SecretString::from(format!("{number} {sequence} {offset} {response_id}"));
        let row = session::row_key(self.session_id);
        self.ring
            .seal(&text, self.place(&row), random)
            .ok()
            .map(|sealed| URL_SAFE_NO_PAD.encode(sealed))
    }

    /// How far the client had come, and in which response of the agent's;
    /// `None` for what is not an id of this session.
    pub(super) fn open(&self, id: &str) -> Option<(Position, Option<String>)> {
        if id.len() > LONGEST {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(id).ok()?;
        let row = session::row_key(self.session_id);
        let text = self.ring.open(&sealed, self.place(&row)).ok()?;
        let mut parts = text.expose_secret().split(' ');
        let position = Position {
            number: parts.next()?.parse().ok()?,
            sequence: parts.next()?.parse().ok()?,
            offset: parts.next()?.parse().ok()?,
        };
        let response_id = parts.next().filter(|id| !id.is_empty());
        Some((position, response_id.map(str::to_owned)))
    }

    fn place<'a>(&'a self, row: &'a str) -> Place<'a> {
        Place {
            column: SealedColumn::EVENT_ID,
            partition: self.partition.as_str(),
            row,
        }
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{SystemClock, SystemRandom};

    use super::*;

    #[test]
    fn an_event_id_opens_for_its_own_person_and_session_alone() {
        let json = KeyRing::generate(&SystemClock::new(), &SystemRandom).unwrap();
        let ring = KeyRing::parse(&json).unwrap();
        let mine = UserPartition::of(Uuid::from_u128(1), Uuid::from_u128(2));
        let theirs = UserPartition::of(Uuid::from_u128(1), Uuid::from_u128(3));
        let ids = |partition, session| EventIds {
            ring: &ring,
            partition,
            session_id: Uuid::from_u128(session),
        };
        let position = Position {
            number: 3,
            sequence: 17,
            offset: 1200,
        };
        let id = ids(&mine, 7)
            .seal(&position, Some("resp_1"), &SystemRandom)
            .unwrap();
        let opened = Some((position, Some("resp_1".to_owned())));
        assert_eq!(ids(&mine, 7).open(&id), opened);
        assert_eq!(ids(&mine, 8).open(&id), None);
        assert_eq!(ids(&theirs, 7).open(&id), None);
        assert_eq!(ids(&mine, 7).open("garbage"), None);
        assert!(!id.contains("resp_1"));
    }
}
