//! Text for people at a terminal: colour where it is wanted, lines that fit.

use std::io::IsTerminal as _;

use entrada_ambient::Environment;
pub use entrada_ambient::printable;

/// The width when nobody says how wide the terminal is.
const WIDTH: usize = 88;
/// Wider lines are hard to read.
const WIDEST: usize = 110;

/// How to write to standard output.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    colour: bool,
    width: usize,
}

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A title.
    Title,
    /// As it should be.
    Good,
    /// To be looked at.
    Doubtful,
    /// Wrong.
    Bad,
    /// Beside the point.
    Faint,
    /// Something to be copied.
    Command,
}

impl Terminal {
    /// Standard output as it is: colour for a terminal alone, and not where
    /// `NO_COLOR` is set (no-color.org) or the terminal is `dumb`.
    #[must_use]
    pub fn of_standard_output(environment: &dyn Environment) -> Self {
        let plain = environment.get("NO_COLOR").is_some()
            || environment.get("TERM").as_deref() == Some("dumb");
        let width = environment
            .get("COLUMNS")
            .and_then(|text| text.parse().ok())
            .unwrap_or(WIDTH);
        Self {
            colour: !plain && std::io::stdout().is_terminal(),
            width: width.clamp(40, WIDEST),
        }
    }

    /// Without colour, for files and tests.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            colour: false,
            width: WIDTH,
        }
    }

    /// `text` in the colour of `tone`.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Title => "1",
            Tone::Good => "32",
            Tone::Doubtful => "33",
            Tone::Bad => "31;1",
            Tone::Faint => "2",
            Tone::Command => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// `text` broken between words, every line beginning with `indent`
    /// spaces. Without a line break at the end.
    #[must_use]
    pub fn fit(&self, indent: usize, text: &str) -> String {
        let room = self.width.saturating_sub(indent).max(20);
        let mut lines: Vec<String> = Vec::new();
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in paragraph.split(' ') {
                let length = line.chars().count() + 1 + word.chars().count();
                if !line.is_empty() && length > room {
                    lines.push(std::mem::take(&mut line));
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            lines.push(line);
        }
        let margin = " ".repeat(indent);
        let lines: Vec<_> = lines
            .into_iter()
            .map(|line| format!("{margin}{line}"))
            .collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_long_words_stay_whole() {
        let terminal = Terminal {
            colour: false,
            width: 40,
        };
        let long = "x".repeat(60);
        let text = format!("one two three four five six seven eight nine ten {long} end");
        for line in terminal.fit(4, &text).lines() {
            assert!(line.starts_with("    "));
            assert!(line.len() <= 40 || line.trim() == long);
        }
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        assert_eq!(
            printable("a\u{1b}[31mb\rc\n"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}"
        );
    }
}
