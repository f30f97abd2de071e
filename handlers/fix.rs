//! What to do about a fault, in a form that can be copied.

use serde::Serialize;

use crate::terminal::{Terminal, Tone};

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
