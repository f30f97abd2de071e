use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Random;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoding::base64url;
use crate::store::{Store, StoreError};

const FILE: &str = "entra-seal-key";

/// Makes self-contained values that nobody else can make: codes, refresh
/// tokens, the session cookie. The key outlives the process when there is a
/// data directory, and with it every value.
///
/// Real ones are opaque; these can be read by anyone, which does no harm since
/// nothing here is secret, but not altered.
pub(crate) struct Seal {
    key: hmac::Key,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Seal").finish_non_exhaustive()
    }
}

impl Seal {
    pub(crate) fn open(store: &Store, random: &dyn Random) -> Result<Self, StoreError> {
        let secret = if let Some(secret) = store.read(FILE)? {
            secret
        } else {
            let secret = random.secret();
            store.write(FILE, &secret)?;
            secret
        };
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.trim().as_bytes()),
        })
    }

    /// `value` as text, good for `purpose` alone. Values that serialise to no
    /// JSON cannot occur: they are plain structs.
    pub(crate) fn seal<T: Serialize>(&self, purpose: &str, value: &T) -> String {
        let payload = base64url(&serde_json::to_vec(value).unwrap_or_default());
        let tag = hmac::sign(&self.key, format!("{purpose}.{payload}").as_bytes());
        format!("1.{payload}.{}", base64url(tag.as_ref()))
    }

    /// What was sealed for `purpose`; `None` when it was not, or was altered.
    pub(crate) fn open_value<T: DeserializeOwned>(&self, purpose: &str, text: &str) -> Option<T> {
        let (payload, tag) = text.strip_prefix("1.")?.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.key, format!("{purpose}.{payload}").as_bytes(), &tag).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::SystemRandom;

    use super::*;

    #[test]
    fn a_value_opens_for_its_purpose_alone_and_not_when_altered() {
        let seal = Seal::open(&Store::default(), &SystemRandom).unwrap();
        let text = seal.seal("code", &"value");
        assert_eq!(
            seal.open_value::<String>("code", &text).as_deref(),
            Some("value")
        );
        assert_eq!(seal.open_value::<String>("refresh", &text), None);
        let altered = text.replacen("1.I", "1.J", 1);
        assert_ne!(altered, text);
        assert_eq!(seal.open_value::<String>("code", &altered), None);
    }

    #[test]
    fn a_kept_key_opens_what_an_earlier_process_sealed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(Some(directory.path().to_owned())).unwrap();
        let text = Seal::open(&store, &SystemRandom).unwrap().seal("x", &7);
        let later = Seal::open(&store, &SystemRandom).unwrap();
        assert_eq!(later.open_value::<i32>("x", &text), Some(7));
        let stranger = Seal::open(&Store::default(), &SystemRandom).unwrap();
        assert_eq!(stranger.open_value::<i32>("x", &text), None);
    }
}
