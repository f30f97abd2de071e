//! Entra's error codes, in words.

use entrada_entra::{Aadsts, AadstsClass};
use serde::Serialize;

use crate::fix::Fix;
use crate::terminal::{Terminal, Tone};

/// Conditional Access blocks the sign-in: the one code of those about a
/// sign-in that no other sign-in of the person mends.
const BLOCKED: u32 = 53_003;

/// What an error code of Entra's means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeExplanation {
    /// The code, `AADSTS65001`.
    pub code: String,
    /// What it is, and who mends it.
    pub summary: String,
    /// What to do.
    pub fixes: Vec<Fix>,
}

impl CodeExplanation {
    /// The explanation as text for `terminal`.
    #[must_use]
    pub fn render(&self, terminal: &Terminal) -> String {
        let mut lines = vec![terminal.paint(Tone::Title, &terminal.fit(0, &self.summary))];
        lines.extend(self.fixes.iter().map(|fix| fix.render(terminal, 2)));
        lines.join("\n")
    }
}

/// What an `AADSTS…` code in `text` means; `None` when there is none in it.
#[must_use]
pub fn explain_code(text: &str) -> Option<CodeExplanation> {
    let number = Aadsts::code_in(text)?;
    let code = format!("AADSTS{number}");
    let (summary, fix) = match Aadsts::of(number) {
        Some(known) => (
            format!("{code} {}. Who mends it: {}.", known.name, who(known)),
            Fix::new(known.remedy),
        ),
        None => (
            format!("{code} is not among the codes that Entrada knows"),
            Fix::new("Microsoft's page on it:").line(format!(
                "https://login.microsoftonline.com/error?code={number}"
            )),
        ),
    };
    Some(CodeExplanation {
        code,
        summary,
        fixes: vec![fix],
    })
}

fn who(known: &Aadsts) -> &'static str {
    if known.code == BLOCKED {
        return "an administrator, about the policy";
    }
    match known.class {
        AadstsClass::Interaction => "the person, by signing in again",
        AadstsClass::Consent => "whoever consents",
        AadstsClass::Grant => "nobody: a new sign-in is needed",
        AadstsClass::Account => "an administrator, about the account",
        AadstsClass::Registration => "whoever looks after the app registration",
        AadstsClass::Request => "whoever wrote the client",
        AadstsClass::Transient => "nobody: it passes",
    }
}

#[cfg(test)]
mod tests {
    use entrada_entra::aadsts;

    use super::*;

    #[test]
    fn nobody_signs_in_again_where_the_remedy_is_an_administrators() {
        for known in aadsts::table() {
            let asks = known.remedy.contains("administrator");
            let person = who(known).starts_with("the person");
            assert!(!(asks && person), "{}: {}", known.code, known.remedy);
        }
    }
}
