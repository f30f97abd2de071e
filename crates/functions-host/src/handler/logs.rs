use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Lines kept; older ones are dropped.
const KEPT: usize = 2000;

/// Longest part of a line that is kept, in bytes.
const LONGEST: usize = 32 * 1024;

/// Error lines that an exit message quotes, as the Functions host keeps them.
const QUOTED: usize = 3;

/// How the Functions host would log a line of the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Standard output, and harmless lines of standard error where
    /// `useStdErrorStreamForErrorsOnly` is off.
    Information,
    /// A line of standard error with `warn` in it.
    Warning,
    /// Any other line of standard error.
    Error,
}

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line that the handler wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Where.
    pub stream: LogStream,
    /// How the Functions host would log it.
    pub level: LogLevel,
    /// The text, without its line ending.
    pub text: String,
}

/// The last lines of the handler, over all its runs.
#[derive(Debug)]
pub(crate) struct Logs {
    lines: Mutex<VecDeque<LogLine>>,
    stderr_is_for_errors_only: bool,
}

impl Logs {
    pub(crate) fn new(stderr_is_for_errors_only: bool) -> Self {
        Self {
            lines: Mutex::new(VecDeque::new()),
            stderr_is_for_errors_only,
        }
    }

    /// Every line kept, oldest first.
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.locked().iter().cloned().collect()
    }

    /// The last error lines, joined as the host joins them in the exception of
    /// an exit.
    pub(crate) fn last_errors(&self) -> String {
        let lines = self.locked();
        let mut last: Vec<&str> = lines
            .iter()
            .rev()
            .filter(|line| line.level == LogLevel::Error && !line.text.is_empty())
            .take(QUOTED)
            .map(|line| line.text.as_str())
            .collect();
        last.reverse();
        last.join(",")
    }

    /// Reads `source` to its end, line by line.
    pub(crate) async fn collect(&self, source: impl AsyncRead + Unpin, stream: LogStream) {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        while let Ok(buffer) = reader.fill_buf().await {
            if buffer.is_empty() {
                break;
            }
            let newline = buffer.iter().position(|byte| *byte == b'\n');
            let end = newline.unwrap_or(buffer.len());
            let room = LONGEST.saturating_sub(line.len());
            line.extend_from_slice(buffer.get(..end.min(room)).unwrap_or_default());
            reader.consume(end + usize::from(newline.is_some()));
            if newline.is_some() {
                self.add(stream, &line);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.add(stream, &line);
        }
    }

    fn add(&self, stream: LogStream, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r').to_owned();
        let level = match stream {
            LogStream::Stdout => LogLevel::Information,
            LogStream::Stderr => self.level_of_stderr(&text),
        };
        match level {
            LogLevel::Information => tracing::info!(target: "handler", "{text}"),
            LogLevel::Warning => tracing::warn!(target: "handler", "{text}"),
            LogLevel::Error => tracing::error!(target: "handler", "{text}"),
        }
        let mut lines = self.locked();
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(LogLine {
            stream,
            level,
            text,
        });
    }

    /// The rules of `WorkerProcess.ParseErrorMessageAndLog` in
    /// azure-functions-host.
    fn level_of_stderr(&self, text: &str) -> LogLevel {
        let text = text.to_lowercase();
        if text.contains("warn") {
            return LogLevel::Warning;
        }
        let severe = ["error", "fail", "severe", "unhandled exception"]
            .iter()
            .any(|word| text.contains(word));
        if self.stderr_is_for_errors_only || severe {
            LogLevel::Error
        } else {
            LogLevel::Information
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, VecDeque<LogLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_get_the_level_that_the_host_gives_them() {
        let logs = Logs::new(true);
        logs.collect(&b"hello\r\nworld"[..], LogStream::Stdout)
            .await;
        logs.collect(&b"WARNING: x\nplain\n"[..], LogStream::Stderr)
            .await;
        let levels: Vec<_> = logs
            .lines()
            .into_iter()
            .map(|line| (line.text, line.level))
            .collect();
        assert_eq!(
            levels,
            [
                ("hello".to_owned(), LogLevel::Information),
                ("world".to_owned(), LogLevel::Information),
                ("WARNING: x".to_owned(), LogLevel::Warning),
                ("plain".to_owned(), LogLevel::Error),
            ]
        );
        assert_eq!(logs.last_errors(), "plain");
    }

    #[tokio::test]
    async fn standard_error_may_be_for_everything() {
        let logs = Logs::new(false);
        logs.collect(&b"ready\nit failed\n"[..], LogStream::Stderr)
            .await;
        let levels: Vec<_> = logs.lines().into_iter().map(|line| line.level).collect();
        assert_eq!(levels, [LogLevel::Information, LogLevel::Error]);
    }

    #[tokio::test]
    async fn both_the_number_and_the_length_of_lines_are_bounded() {
        let logs = Logs::new(true);
        let long = "x".repeat(LONGEST * 2);
        logs.collect(long.as_bytes(), LogStream::Stdout).await;
        assert_eq!(logs.lines()[0].text.len(), LONGEST);
        let many = "y\n".repeat(KEPT);
        logs.collect(many.as_bytes(), LogStream::Stdout).await;
        assert_eq!(logs.lines().len(), KEPT);
        assert_eq!(logs.lines()[0].text, "y");
    }
}
