//! Encryption of stored values: AES-256-GCM under the ring's key, or under a
//! key derived from a token that only its holder has.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use entrada_ambient::{Clock, Random};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

use super::key_ring::{KeyRing, KeyUse, Material};
use super::{KeyRings, NoKeyRing, SealedColumn};

/// A stored value could not be opened: another key, another place, or
/// altered. Which of them is not told apart.
#[derive(Debug, Error)]
#[error("a stored value cannot be decrypted")]
pub struct SealError;

/// The place of a value in storage: what AES-GCM authenticates beside the
/// value, so that a value moved to another row or column does not open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table and its property.
    pub column: SealedColumn,
    /// The row's partition.
    pub partition: &'a str,
    /// The row's key.
    pub row: &'a str,
}

impl Place<'_> {
    fn associated_data(&self, kid: &str) -> Vec<u8> {
        // A unit separator cannot occur in table keys, so the parts cannot
        // run into each other.
        let (table, column) = (self.column.table(), self.column.name());
        [table, self.partition, self.row, column, kid]
            .join("\u{1f}")
            .into_bytes()
    }
}

impl KeyRing {
    /// Encrypts `value` for its place: key id length, key id, nonce,
    /// ciphertext and tag.
    ///
    /// # Errors
    /// When the ring has no current encryption key.
    pub fn seal(
        &self,
        value: &SecretString,
        place: Place<'_>,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        let key = self.current(KeyUse::Enc).ok_or(SealError)?;
        let Material::Symmetric(bytes) = &key.material else {
            return Err(SealError);
        };
        let mut sealed = vec![u8::try_from(key.kid.len()).map_err(|_| SealError)?];
        sealed.extend_from_slice(key.kid.as_bytes());
        sealed.extend(encrypt(
            bytes,
            value.expose_secret().as_bytes(),
            &place.associated_data(&key.kid),
            random,
        )?);
        Ok(sealed)
    }

    /// Decrypts what [`KeyRing::seal`] made for the same place.
    ///
    /// # Errors
    /// When the key is not in the ring, the place differs or the value was
    /// altered.
    pub fn open(&self, sealed: &[u8], place: Place<'_>) -> Result<SecretString, SealError> {
        let (kid, boxed) = split(sealed).ok_or(SealError)?;
        let key = self.find(KeyUse::Enc, kid).ok_or(SealError)?;
        let Material::Symmetric(bytes) = &key.material else {
            return Err(SealError);
        };
        decrypt(bytes, boxed, &place.associated_data(kid))
    }

    /// Decrypts what is sealed for a place and encrypts it for the same place
    /// under the current key.
    ///
    /// # Errors
    /// As for [`KeyRing::open`] and [`KeyRing::seal`].
    pub fn seal_anew(
        &self,
        sealed: &[u8],
        place: Place<'_>,
        random: &dyn Random,
    ) -> Result<Vec<u8>, SealError> {
        self.seal(&self.open(sealed, place)?, place, random)
    }

    /// HMAC-SHA256 of `message` under the ring's current authentication key.
    ///
    /// # Errors
    /// When the ring has none.
    pub fn authenticate(&self, message: &[u8]) -> Result<(String, [u8; 32]), SealError> {
        let key = self.current(KeyUse::Mac).ok_or(SealError)?;
        let Material::Symmetric(bytes) = &key.material else {
            return Err(SealError);
        };
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice()),
            message,
        );
        let tag = tag.as_ref().try_into().map_err(|_| SealError)?;
        Ok((key.kid.clone(), tag))
    }

    /// Whether `sealed` is sealed under a key that the ring does not have.
    fn lacks_key_of(&self, sealed: &[u8]) -> bool {
        sealed_under(sealed).is_some_and(|kid| self.find(KeyUse::Enc, kid).is_none())
    }

    /// Whether `tag` is the HMAC-SHA256 of `message` under the authentication
    /// key `kid`, current or retired; `None` when the ring has no such key.
    #[must_use]
    pub fn verify_authentication(&self, kid: &str, message: &[u8], tag: &[u8]) -> Option<bool> {
        let key = self.find(KeyUse::Mac, kid)?;
        let Material::Symmetric(bytes) = &key.material else {
            return None;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice());
        Some(hmac::verify(&key, message, tag).is_ok())
    }
}

impl KeyRings {
    /// The ring in use, to open `sealed` with. For a key that is not in it the
    /// ring is looked for again: another instance may have sealed under a newer
    /// one.
    ///
    /// # Errors
    /// Without a ring, and when the key may be one of a newer ring that cannot
    /// be had now: with the reason.
    pub async fn to_open(
        &self,
        sealed: &[u8],
        clock: &dyn Clock,
    ) -> Result<Arc<KeyRing>, NoKeyRing> {
        let ring = self.current_soon().await?;
        if !ring.lacks_key_of(sealed) {
            return Ok(ring);
        }
        self.look_again(clock).await;
        let ring = self.current()?;
        match self.trouble() {
            Some(missing) if ring.lacks_key_of(sealed) => Err(NoKeyRing(missing)),
            _ => Ok(ring),
        }
    }
}

/// The id of the key of the ring that `sealed` is sealed under; `None` when it
/// is not what [`KeyRing::seal`] made.
#[must_use]
pub fn sealed_under(sealed: &[u8]) -> Option<&str> {
    split(sealed).map(|(kid, _)| kid)
}

/// Key id, and nonce with ciphertext and tag.
fn split(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = sealed.split_first()?;
    let (kid, boxed) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(kid).ok()?, boxed))
}

/// Encrypts `value` so that only who holds `token` can open it.
///
/// # Errors
/// When the cryptographic library fails.
pub fn seal_for_holder(
    value: &SecretString,
    token: &SecretString,
    place: Place<'_>,
    random: &dyn Random,
) -> Result<Vec<u8>, SealError> {
    let key = derive(token)?;
    encrypt(
        &key,
        value.expose_secret().as_bytes(),
        &place.associated_data("holder"),
        random,
    )
}

/// Opens what [`seal_for_holder`] made.
///
/// # Errors
/// When the token or the place is another one, or the value was altered.
pub fn open_as_holder(
    sealed: &[u8],
    token: &SecretString,
    place: Place<'_>,
) -> Result<SecretString, SealError> {
    let key = derive(token)?;
    decrypt(&key, sealed, &place.associated_data("holder"))
}

struct Length32;

impl KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(token: &SecretString) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"entrada successor")
        .extract(token.expose_secret().as_bytes())
        .expand(&[b"aes-256-gcm"], Length32)
        .and_then(|material| material.fill(key.as_mut_slice()))
        .map_err(|_| SealError)?;
    Ok(key)
}

fn encrypt(
    key: &[u8; 32],
    plain: &[u8],
    associated: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce);
    let mut text = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated),
            &mut text,
        )
        .map_err(|_| SealError)?;
    let mut sealed = nonce.to_vec();
    sealed.extend(text);
    Ok(sealed)
}

fn decrypt(key: &[u8; 32], sealed: &[u8], associated: &[u8]) -> Result<SecretString, SealError> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
    let mut text = Zeroizing::new(text.to_vec());
    let plain = cipher(key)?
        .open_in_place(nonce, Aad::from(associated), text.as_mut_slice())
        .map_err(|_| SealError)?;
    std::str::from_utf8(plain)
        .map(SecretString::from)
        .map_err(|_| SealError)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| SealError)
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{SystemClock, SystemRandom};

    use super::*;

    const PLACE: Place<'_> = Place {
        column: SealedColumn::CHAT_ASKS,
        partition: "p",
        row: "r",
    };

    fn ring() -> KeyRing {
        KeyRing::parse(&KeyRing::generate(&SystemClock::new(), &SystemRandom).unwrap()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let ring = ring();
        let sealed = ring
            .seal(&SecretString::from("value"), PLACE, &SystemRandom)
            .unwrap();
        assert_eq!(ring.open(&sealed, PLACE).unwrap().expose_secret(), "value");
        let elsewhere = Place {
            row: "other",
            ..PLACE
        };
        assert!(ring.open(&sealed, elsewhere).is_err());
        let other_column = Place {
            column: SealedColumn::EVENT_ID,
            ..PLACE
        };
        assert!(ring.open(&sealed, other_column).is_err());
        assert!(tests::ring().open(&sealed, PLACE).is_err());
    }

    #[test]
    fn an_authentication_holds_for_its_message_and_key_alone() {
        let ring = ring();
        let (kid, tag) = ring.authenticate(b"message").unwrap();
        let verify = |kid: &str, message: &[u8]| ring.verify_authentication(kid, message, &tag);
        assert_eq!(verify(&kid, b"message"), Some(true));
        assert_eq!(verify(&kid, b"massage"), Some(false));
        assert_eq!(verify("other", b"message"), None);
    }

    #[test]
    fn a_value_names_its_key_and_is_sealed_anew_under_the_current_one() {
        let ring = ring();
        let value = SecretString::from("value");
        let sealed = ring.seal(&value, PLACE, &SystemRandom).unwrap();
        let kid = ring.current(KeyUse::Enc).unwrap().kid.as_str();
        assert_eq!(sealed_under(&sealed), Some(kid));
        assert_eq!(sealed_under(b"\xffgarbage"), None);
        let anew = ring.seal_anew(&sealed, PLACE, &SystemRandom).unwrap();
        assert_ne!(anew, sealed);
        assert_eq!(ring.open(&anew, PLACE).unwrap().expose_secret(), "value");
        let elsewhere = Place { row: "x", ..PLACE };
        assert!(ring.seal_anew(&sealed, elsewhere, &SystemRandom).is_err());
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let ring = ring();
        let sealed = ring
            .seal(&SecretString::from("value"), PLACE, &SystemRandom)
            .unwrap();
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert!(ring.open(&altered, PLACE).is_err(), "byte {position}");
        }
        assert!(ring.open(&[], PLACE).is_err());
    }

    #[test]
    fn only_the_holder_of_the_token_opens_its_successor() {
        let (token, other) = (SecretString::from("one"), SecretString::from("two"));
        let sealed =
            seal_for_holder(&SecretString::from("next"), &token, PLACE, &SystemRandom).unwrap();
        assert_eq!(
            open_as_holder(&sealed, &token, PLACE)
                .unwrap()
                .expose_secret(),
            "next"
        );
        assert!(open_as_holder(&sealed, &other, PLACE).is_err());
    }
}
