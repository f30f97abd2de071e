//! The error codes of Entra that matter here, each with what to do.

/// What is known about one AADSTS code.
#[derive(Debug, PartialEq, Eq)]
pub struct Aadsts {
    /// The number, `50013` of `AADSTS50013`.
    pub code: u32,
    /// Microsoft's name of the error, or a short one where it has none.
    pub name: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}
