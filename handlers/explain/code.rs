//! Entra's error codes, in words.

use entrada_entra::{Aadsts, AadstsClass};

use crate::fix::Fix;

/// What an `AADSTS…` code in `text` means, as a title and what to do; `None`
/// when there is none in it.
#[must_use]
pub fn explain_code(text: &str) -> Option<(String, Fix)> {
    let code = Aadsts::code_in(text)?;
    let Some(known) = Aadsts::of(code) else {
        return Some((
            format!("AADSTS{code} is not among the codes that Entrada knows"),
            Fix::new("Microsoft's page on it:").line(format!(
                "https://login.microsoftonline.com/error?code={code}"
            )),
        ));
    };
    let who = match known.class {
        AadstsClass::Interaction => "the person, by signing in again",
        AadstsClass::Consent => "whoever consents",
        AadstsClass::Grant => "nobody: a new sign-in is needed",
        AadstsClass::Account => "an administrator, about the account",
        AadstsClass::Registration => "whoever looks after the app registration",
        AadstsClass::Request => "whoever wrote the client",
        AadstsClass::Transient => "nobody: it passes",
    };
    Some((
        format!("AADSTS{code} {}. Who mends it: {who}.", known.name),
        Fix::new(known.remedy),
    ))
}
