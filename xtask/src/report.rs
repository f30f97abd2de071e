use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use crate::error::Error;

/// How much of a failed program's output is repeated on the console; the
/// whole of it stays in its file.
const LINES_SHOWN: usize = 400;

/// The console. Lines of steps that run side by side never mix.
#[derive(Debug, Default)]
pub(crate) struct Report {
    turn: Mutex<()>,
}

impl Report {
    /// Writes one line (or several, kept together).
    pub(crate) fn line(&self, text: &str) {
        let _turn = self
            .turn
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut out = io::stdout().lock();
        // A closed console (`| head`) is no reason to stop testing.
        drop(writeln!(out, "{text}").and_then(|()| out.flush()));
    }

    /// A step begins.
    pub(crate) fn begin(&self, step: &str, does: &str) {
        self.line(&format!("[{step}] {does} ..."));
    }

    /// A step ended well.
    pub(crate) fn done(&self, step: &str, remark: &str, took: Duration) {
        let remark = if remark.is_empty() {
            String::new()
        } else {
            format!(": {remark}")
        };
        self.line(&format!("[{step}] ok in {}{remark}", seconds(took)));
    }

    /// A step failed: what it printed, why, and what to do now.
    pub(crate) fn failed(&self, step: &str, error: &Error, next: &str, took: Duration) {
        let printed = error.log().map(tail_of).unwrap_or_default();
        let took = seconds(took);
        self.line(&format!(
            "{printed}[{step}] FAILED in {took}: {error}\n[{step}] next: {next}"
        ));
    }
}

/// `41.2 s`
pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Whether it is one of cargo's messages for programs (`--message-format json`),
/// which say to a reader what the line before them said.
fn is_for_programs(line: &str) -> bool {
    line.starts_with("{\"reason\":")
}

fn tail_of(log: &Path) -> String {
    let Ok(bytes) = std::fs::read(log) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !is_for_programs(line)).collect();
    let skipped = lines.len().saturating_sub(LINES_SHOWN);
    let mut shown = if skipped == 0 {
        String::new()
    } else {
        format!("({skipped} lines before, in {})\n", log.display())
    };
    for line in lines.iter().skip(skipped) {
        shown.push_str(line);
        shown.push('\n');
    }
    shown
}
