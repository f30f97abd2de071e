//! A report for people.

use super::{Area, Finding, Grade, Line, Report};
use crate::terminal::{Terminal, Tone};

impl Report {
    /// The report as text for `terminal`: area by area, and a last line that
    /// counts.
    #[must_use]
    pub fn render(&self, terminal: &Terminal) -> String {
        let mut text = Vec::new();
        for (area, lines) in &self.areas {
            let title = match area {
                Area::Local => "This machine",
                Area::Server => "The server, from outside",
                Area::Registration => "The application in Entra",
            };
            text.push(terminal.paint(Tone::Title, title));
            text.extend(lines.iter().map(|line| render_line(terminal, line)));
            text.push(String::new());
        }
        text.push(self.summary(terminal));
        text.join("\n")
    }

    fn summary(&self, terminal: &Terminal) -> String {
        let (faults, warnings) = (self.count(Grade::Fault), self.count(Grade::Warning));
        let counted = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {one}s"),
        };
        match (faults, warnings) {
            (0, 0) => terminal.paint(Tone::Good, "Nothing is wrong."),
            (0, _) => terminal.paint(
                Tone::Doubtful,
                &format!("No fault; {}.", counted(warnings, "warning")),
            ),
            _ => terminal.paint(
                Tone::Bad,
                &format!(
                    "{}, {}. Mend the first one first: others may follow from it.",
                    counted(faults, "fault"),
                    counted(warnings, "warning")
                ),
            ),
        }
    }
}

fn render_line(terminal: &Terminal, line: &Line) -> String {
    match line {
        Line::Good { what } => format!("  {}  {what}", terminal.paint(Tone::Good, "ok     ")),
        Line::Skipped { what } => format!(
            "  {}  {}",
            terminal.paint(Tone::Faint, "skipped"),
            terminal.paint(Tone::Faint, terminal.fit(11, what).trim_start())
        ),
        Line::Found(finding) => render_finding(terminal, finding),
    }
}

fn render_finding(terminal: &Terminal, finding: &Finding) -> String {
    let mark = match finding.grade {
        Grade::Fault => terminal.paint(Tone::Bad, "FAULT  "),
        Grade::Warning => terminal.paint(Tone::Doubtful, "warning"),
    };
    let what = terminal.fit(11, &format!("{} [{}]", finding.what, finding.id));
    let why = terminal.paint(Tone::Faint, &terminal.fit(11, &finding.why));
    let fix = finding.fix.render(terminal, 11);
    format!("  {mark}  {}\n{why}\n{fix}", what.trim_start())
}
