//! What to do about a fault, in a form that can be copied.

use serde::Serialize;

use crate::terminal::{Terminal, Tone, printable};

/// What mends a fault: a sentence, and commands or lines to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What to do.
    pub what: String,
    /// Commands, settings or Bicep lines, each as it is to be copied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copy: Vec<String>,
}

impl Fix {
    /// A fix in words.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            copy: Vec::new(),
        }
    }

    /// With a line to copy.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.copy.push(line.into());
        self
    }

    /// For a terminal, each line beginning with `indent` spaces.
    #[must_use]
    pub fn render(&self, terminal: &Terminal, indent: usize) -> String {
        let mut lines = vec![terminal.fit(indent, &self.what)];
        // What is copied is never broken: a shell would take each line for a
        // command of its own.
        let margin = " ".repeat(indent + 2);
        for copy in self.copy.iter().flat_map(|copy| copy.lines()) {
            lines.push(format!("{margin}{}", terminal.paint(Tone::Command, copy)));
        }
        lines.join("\n")
    }
}

/// `text` as one word of a shell's command (POSIX.1-2024, "Shell Command
/// Language", single quotes), so that what somebody wrote into a directory is
/// no command when the line is pasted.
#[must_use]
pub fn word(text: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:=@%+,".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", printable(text).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn what_is_copied_stays_one_word() {
        for (text, expected) in [
            (
                "https://a.example/auth/callback",
                "https://a.example/auth/callback",
            ),
            ("", "''"),
            ("Entrada (prod)", "'Entrada (prod)'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("a\nb", "'a\u{fffd}b'"),
        ] {
            assert_eq!(word(text), expected);
        }
    }
}
