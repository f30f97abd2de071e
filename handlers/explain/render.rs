//! An explanation for people.

use super::{CheckResult, Explanation};
use crate::terminal::{Terminal, Tone};

impl Explanation {
    /// The explanation as text for `terminal`.
    #[must_use]
    pub fn render(&self, terminal: &Terminal) -> String {
        let title = |text: &str| terminal.paint(Tone::Title, text);
        let mut lines = vec![format!("This is {}.", self.summary)];
        if !self.facts.is_empty() {
            lines.push(format!("\n{}", title("What it says of itself")));
        }
        for (name, value) in &self.facts {
            lines.push(format!(
                "  {} {value}",
                terminal.paint(Tone::Faint, &format!("{name:<11}"))
            ));
        }
        lines.push(format!("\n{}", title("Checks")));
        for check in &self.checks {
            let (mark, tone) = match check.result {
                CheckResult::Passed => ("ok   ", Tone::Good),
                CheckResult::Failed => ("WRONG", Tone::Bad),
                CheckResult::NotChecked => ("  ?  ", Tone::Doubtful),
            };
            let mark = terminal.paint(tone, mark);
            lines.push(format!("  {mark}  {:<10} {}", check.check, check.detail));
        }
        lines.push(format!("\n{}", title("Doors")));
        for (index, door) in self.doors.iter().enumerate() {
            let (mark, tone) = match door.opens {
                Some(true) => ("opens  ", Tone::Good),
                Some(false) => ("refuses", Tone::Bad),
                None => ("depends", Tone::Doubtful),
            };
            let mark = terminal.paint(tone, mark);
            lines.push(format!("  {mark}  {}", door.door));
            // Several doors mostly say the same: it stands below the last of them.
            let next = self.doors.get(index + 1);
            if next.is_none_or(|next| next.reason != door.reason) {
                lines.push(terminal.paint(Tone::Faint, &terminal.fit(11, &door.reason)));
            }
        }
        if !self.fixes.is_empty() {
            lines.push(format!("\n{}", title("What to do")));
        }
        let fixes: Vec<_> = self
            .fixes
            .iter()
            .map(|fix| fix.render(terminal, 2))
            .collect();
        if !fixes.is_empty() {
            lines.push(fixes.join("\n\n"));
        }
        if !self.notes.is_empty() {
            lines.push(String::new());
        }
        for note in &self.notes {
            lines.push(terminal.paint(Tone::Faint, &terminal.fit(0, note)));
        }
        lines.join("\n")
    }
}
