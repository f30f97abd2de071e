//! The AADSTS error codes of Entra that matter to a web API that signs users
//! in, each with what to do about it.
//!
//! Codes and names are from Microsoft Entra ID's "Authentication and
//! authorization error codes"; where that page has no name, no entry, or
//! another meaning than Entra's answers (700023), the name here is a short form
//! of the message that Entra sends.

mod table;

use table::TABLE;

/// What is known about one AADSTS code.
#[derive(Debug, PartialEq, Eq)]
pub struct Aadsts {
    /// The number: 50013 of `AADSTS50013`.
    pub code: u32,
    /// Microsoft's name of the error, or a short one where it has none.
    pub name: &'static str,
    /// Who can do something about it.
    pub class: AadstsClass,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AadstsClass {
    /// The user, by signing in again: second factor, device, password, policy.
    Interaction,
    /// The user or an administrator, by consenting.
    Consent,
    /// Nobody: the code, refresh token or session has ended. A new sign-in is
    /// needed.
    Grant,
    /// An administrator, about the account: disabled, locked, not assigned,
    /// unknown in the tenant.
    Account,
    /// Whoever looks after the app registration or its credential.
    Registration,
    /// Whoever wrote the request: a parameter is wrong or missing.
    Request,
    /// Nobody: it passes.
    Transient,
}

impl Aadsts {
    /// What is known about `code`.
    #[must_use]
    pub fn of(code: u32) -> Option<&'static Self> {
        let index = TABLE.binary_search_by_key(&code, |entry| entry.code).ok()?;
        TABLE.get(index)
    }

    /// The first code that `text` names, as Entra's `error_description` does:
    /// `AADSTS50013: Assertion failed signature validation. …`.
    #[must_use]
    pub fn code_in(text: &str) -> Option<u32> {
        text.match_indices("AADSTS").find_map(|(at, prefix)| {
            let rest = text.get(at + prefix.len()..)?;
            let end = rest
                .find(|character: char| !character.is_ascii_digit())
                .unwrap_or(rest.len());
            rest.get(..end)?.parse().ok()
        })
    }
}

/// Every code that is known, in ascending order.
pub fn table() -> impl Iterator<Item = &'static Aadsts> {
    TABLE.iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ascends_so_that_every_entry_is_found() {
        assert!(TABLE.is_sorted_by(|one, next| one.code < next.code));
        for entry in table() {
            assert_eq!(Aadsts::of(entry.code), Some(entry));
        }
        assert_eq!(Aadsts::of(1), None);
    }

    #[test]
    fn every_entry_says_what_to_do_in_a_sentence() {
        for entry in table() {
            assert!(entry.remedy.ends_with('.'), "{}", entry.code);
            assert!(entry.remedy.len() > 20, "{}", entry.code);
            assert!(
                entry.name.chars().all(|c| c.is_ascii_alphanumeric()),
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn codes_are_found_in_descriptions() {
        assert_eq!(
            Aadsts::code_in("AADSTS65001: The user or administrator has not consented"),
            Some(65001)
        );
        assert_eq!(Aadsts::code_in("x AADSTS: y AADSTS90009"), Some(90009));
        assert_eq!(Aadsts::code_in("AADSTS"), None);
        assert_eq!(Aadsts::code_in("AADSTS99999999999999"), None);
        assert_eq!(Aadsts::code_in("AADSTSé"), None);
        assert_eq!(Aadsts::code_in(""), None);
    }
}
