use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use entrada_ambient::Random;
use http::HeaderMap;

/// Texts that are remembered; the oldest are forgotten.
const REMEMBERED: usize = 4096;

/// The header that carries a session's id, in both directions.
pub(super) const SESSION_HEADER: &str = "mcp-session-id";

/// A client, and the instance of the app that made its acquaintance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientState {
    pub(super) client: String,
    pub(super) instance: String,
}

/// Writes and reads texts of client states: session ids, and the names of
/// streams of server-sent events (azure-functions-mcp-extension,
/// `ClientStateManager`). The extension seals them with the app's key and
/// remembers nothing; here the texts that were issued are remembered instead,
/// which a client cannot tell apart.
#[derive(Debug)]
pub(super) struct ClientStates {
    plain: bool,
    instance: String,
    issued: Mutex<VecDeque<(String, ClientState)>>,
    random: Arc<dyn Random>,
}

/// Why a text is no client state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It does not unseal: the extension fails without a word.
    Foreign,
    /// It is not `client|instance` where texts are plain.
    Malformed,
}

/// What became of the session id in a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented {
    /// None, or an empty one.
    None,
    Known,
    Unreadable(Unreadable),
}

impl ClientStates {
    /// `plain`: texts are `client|instance`, unsealed, as under Core Tools or
    /// with `extensions.mcp.encryptClientState` false.
    pub(super) fn new(plain: bool, random: Arc<dyn Random>) -> Self {
        Self {
            plain,
            instance: short_id(random.as_ref()),
            issued: Mutex::default(),
            random,
        }
    }

    /// A new client, and the text that stands for it.
    pub(super) fn issue(&self) -> (ClientState, String) {
        let state = ClientState {
            client: short_id(self.random.as_ref()),
            instance: self.instance.clone(),
        };
        if self.plain {
            let text = format!("{}|{}", state.client, state.instance);
            return (state, text);
        }
        // Three secrets: about as long as the real ones, which are opaque too.
        let text: String = (0..3).map(|_| self.random.secret()).collect();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() == REMEMBERED {
            issued.pop_front();
        }
        issued.push_back((text.clone(), state.clone()));
        (state, text)
    }

    /// Reads a text.
    pub(super) fn read(&self, text: &str) -> Result<ClientState, Unreadable> {
        if !self.plain {
            let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
            return issued
                .iter()
                .find(|(other, _)| other == text)
                .map(|(_, state)| state.clone())
                .ok_or(Unreadable::Foreign);
        }
        let mut parts = text.split('|').filter(|part| !part.is_empty());
        match (parts.next(), parts.next(), parts.next()) {
            (Some(client), Some(instance), None) => Ok(ClientState {
                client: client.to_owned(),
                instance: instance.to_owned(),
            }),
            _ => Err(Unreadable::Malformed),
        }
    }

    /// Whether a client belongs to this instance.
    pub(super) fn is_of_here(&self, state: &ClientState) -> bool {
        self.instance.eq_ignore_ascii_case(&state.instance)
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
        match self.read(&id) {
            Ok(_) => Presented::Known,
            Err(unreadable) => Presented::Unreadable(unreadable),
        }
    }
}

/// Sixteen lower-case letters and digits.
fn short_id(random: &dyn Random) -> String {
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
    fn issued_texts_are_known_and_others_foreign() {
        let states = ClientStates::new(false, Arc::new(SystemRandom));
        let (state, id) = states.issue();
        assert_eq!(states.read(&id), Ok(state.clone()));
        assert!(states.is_of_here(&state) && !id.contains(&state.client));
        assert_eq!(states.look_up(&headers(&id)), Presented::Known);
        let foreign = Presented::Unreadable(Unreadable::Foreign);
        assert_eq!(states.look_up(&headers("wrong")), foreign);
        assert_eq!(states.look_up(&headers("")), Presented::None);
        let mut twice = headers(&id);
        twice.append(SESSION_HEADER, http::HeaderValue::from_str(&id).unwrap());
        assert_eq!(states.look_up(&twice), foreign);
    }

    #[test]
    fn plain_texts_need_two_parts() {
        let states = ClientStates::new(true, Arc::new(SystemRandom));
        let (state, id) = states.issue();
        assert_eq!(states.read(&id), Ok(state));
        let other = states.read("abc|def").unwrap();
        assert_eq!(other.client, "abc");
        assert!(!states.is_of_here(&other));
        for id in ["wrong", "a|b|c", "|", ""] {
            assert_eq!(states.read(id), Err(Unreadable::Malformed), "{id}");
        }
    }
}
