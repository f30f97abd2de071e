use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use entrada_ambient::Random;
use http::HeaderMap;

/// Sessions that are remembered; the oldest are forgotten.
const REMEMBERED: usize = 4096;

/// The header that carries a session's id, in both directions.
pub(super) const SESSION_HEADER: &str = "mcp-session-id";

/// Issues and recognises session ids. The extension seals client and instance
/// into the id with the app's key and remembers nothing; here the ids that were
/// issued are remembered instead, which a client cannot tell apart.
#[derive(Debug)]
pub(super) struct Sessions {
    plain: bool,
    instance: String,
    issued: Mutex<VecDeque<String>>,
    random: Arc<dyn Random>,
}

/// What became of the session id in a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// None, or an empty one.
    None,
    Known,
    /// One that does not unseal: the extension fails without a word.
    Foreign,
    /// One that is not `client|instance` where ids are plain.
    Malformed,
}

impl Sessions {
    /// `plain`: ids are `client|instance`, unsealed, as under Core Tools or with
    /// `extensions.mcp.encryptClientState` false.
    pub(super) fn new(plain: bool, random: Arc<dyn Random>) -> Self {
        Self {
            plain,
            instance: short_id(random.as_ref()),
            issued: Mutex::new(VecDeque::new()),
            random,
        }
    }

    /// An id for a client that initialises.
    pub(super) fn issue(&self) -> String {
        if self.plain {
            return format!("{}|{}", short_id(self.random.as_ref()), self.instance);
        }
        // Three secrets: about as long as the real ones, which are opaque too.
        let id: String = (0..3).map(|_| self.random.secret()).collect();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() == REMEMBERED {
            issued.pop_front();
        }
        issued.push_back(id.clone());
        id
    }

    /// Looks at the id in a request's headers. Two headers are one value, with
    /// a comma, and no id.
    pub(super) fn look_up(&self, headers: &HeaderMap) -> Presented {
        let values: Vec<_> = headers
            .get_all(SESSION_HEADER)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let id = values.join(",");
        if id.is_empty() {
            return Presented::None;
        }
        if self.plain {
            let parts = id.split('|').filter(|part| !part.is_empty()).count();
            return if parts == 2 {
                Presented::Known
            } else {
                Presented::Malformed
            };
        }
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.contains(&id) {
            Presented::Known
        } else {
            Presented::Foreign
        }
    }
}

/// Sixteen lower-case letters and digits.
pub(super) fn short_id(random: &dyn Random) -> String {
    let id = random.uuid_v4().simple().to_string();
    id.chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use entrada_ambient::SystemRandom;

    use super::*;

    fn headers(id: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(SESSION_HEADER),
            http::HeaderValue::from_str(id).unwrap(),
        )])
    }

    #[test]
    fn issued_ids_are_known_and_others_foreign() {
        let sessions = Sessions::new(false, Arc::new(SystemRandom));
        let id = sessions.issue();
        assert_eq!(sessions.look_up(&headers(&id)), Presented::Known);
        assert_eq!(sessions.look_up(&headers("wrong")), Presented::Foreign);
        assert_eq!(sessions.look_up(&headers("")), Presented::None);
        let mut twice = headers(&id);
        twice.append(SESSION_HEADER, http::HeaderValue::from_str(&id).unwrap());
        assert_eq!(sessions.look_up(&twice), Presented::Foreign);
    }

    #[test]
    fn plain_ids_need_two_parts() {
        let sessions = Sessions::new(true, Arc::new(SystemRandom));
        for (id, expected) in [
            (sessions.issue().as_str(), Presented::Known),
            ("abc|def", Presented::Known),
            ("wrong", Presented::Malformed),
            ("a|b|c", Presented::Malformed),
            ("|", Presented::Malformed),
        ] {
            assert_eq!(sessions.look_up(&headers(id)), expected, "{id}");
        }
    }
}
