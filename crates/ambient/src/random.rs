use std::fmt::Debug;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

/// A source of unpredictable bytes, from which codes, tokens, nonces and ids
/// are made.
pub trait Random: Debug + Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A secret of 32 bytes (256 bits), base64url without padding: 43
    /// characters of `[A-Za-z0-9_-]`.
    fn secret(&self) -> String {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A random UUID (RFC 9562 version 4).
    fn uuid_v4(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// The id of a trace (W3C Trace Context section 3.2.2.3): 16 random bytes,
    /// never all zero. Every bit is random, as samplers want it that decide by
    /// the id (OpenTelemetry's `TraceIdRatioBased`); those of a UUID of version 4
    /// are not.
    fn trace_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        let id = Uuid::from_bytes(bytes);
        if id.is_nil() { Uuid::max() } else { id }
    }

    /// A UUID that sorts by `now` (RFC 9562 version 7).
    fn uuid_v7(&self, now: OffsetDateTime) -> Uuid {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        let millis = now.unix_timestamp_nanos() / 1_000_000;
        Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or(0), &bytes).into_uuid()
    }
}

/// The operating system's generator, as AWS-LC seeds and serves it.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "this is the seam")]
    fn fill(&self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            // A security token that can be guessed is worse than no process;
            // the host starts another one.
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_url_safe() {
        let (first, second) = (SystemRandom.secret(), SystemRandom.secret());
        assert_ne!(first, second);
        assert_eq!(first.len(), 43);
        assert!(
            first
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
    }

    #[derive(Debug)]
    struct Zeros;

    impl Random for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn a_trace_id_is_never_the_one_that_means_none() {
        assert!(!Zeros.trace_id().is_nil());
    }

    #[test]
    fn version_7_uuids_sort_by_time() {
        let early = SystemRandom.uuid_v7(OffsetDateTime::from_unix_timestamp(1_000).unwrap());
        let late = SystemRandom.uuid_v7(OffsetDateTime::from_unix_timestamp(2_000).unwrap());
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }
}
