//! Proof Key for Code Exchange (RFC 7636), method S256 alone.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The S256 challenge of `verifier`: base64url without padding of its SHA-256,
/// 43 characters (RFC 7636 section 4.2).
#[must_use]
pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

/// Whether `verifier` has the form of RFC 7636 section 4.1: 43 to 128
/// characters of `[A-Za-z0-9-._~]`.
#[must_use]
pub fn is_valid_verifier(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Whether `challenge` can be an S256 challenge: exactly the base64url of 32
/// bytes.
#[must_use]
pub fn is_valid_challenge(challenge: &str) -> bool {
    challenge.len() == 43 && URL_SAFE_NO_PAD.decode(challenge).is_ok()
}

/// Whether `verifier` is well formed and `challenge` is its S256 challenge.
/// Takes the same time wherever the two differ.
#[must_use]
pub fn verify(verifier: &str, challenge: &str) -> bool {
    is_valid_verifier(verifier)
        && verify_slices_are_equal(s256(verifier).as_bytes(), challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_holds() {
        assert_eq!(s256(VERIFIER), CHALLENGE);
        assert!(is_valid_challenge(CHALLENGE));
        assert!(verify(VERIFIER, CHALLENGE));
    }

    #[test]
    fn another_verifier_and_a_plain_challenge_are_refused() {
        assert!(!verify(&VERIFIER.replace('d', "e"), CHALLENGE));
        assert!(!verify(VERIFIER, VERIFIER));
        assert!(!verify(VERIFIER, ""));
        assert!(!verify(VERIFIER, &CHALLENGE[..42]));
    }

    #[test]
    fn verifiers_have_43_to_128_unreserved_characters() {
        assert!(!is_valid_verifier(&"a".repeat(42)));
        assert!(is_valid_verifier(&"a".repeat(43)));
        assert!(is_valid_verifier(&"~".repeat(128)));
        assert!(!is_valid_verifier(&"a".repeat(129)));
        for foreign in ["+", "/", "=", " ", "é", "\n"] {
            assert!(!is_valid_verifier(&format!("{foreign}{}", "a".repeat(50))));
        }
    }

    #[test]
    fn a_short_verifier_is_refused_even_with_its_own_challenge() {
        assert!(!verify("short", &s256("short")));
    }

    #[test]
    fn challenges_are_the_base64url_of_32_bytes() {
        assert!(!is_valid_challenge(&"+".repeat(43)));
        assert!(!is_valid_challenge(&"a".repeat(44)));
        // The last character of 43 carries two bits that must be zero.
        assert!(!is_valid_challenge(&format!("{}B", "A".repeat(42))));
    }
}
