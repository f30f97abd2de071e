use std::collections::VecDeque;

use crate::error::FoundryError;

/// Most bytes of one event, and so of one line.
pub(crate) const EVENT_LIMIT: usize = 1024 * 1024;

/// Most bytes of one stream. A long answer streamed word by word takes about
/// a hundred bytes of framing for each word.
pub(crate) const STREAM_LIMIT: usize = 64 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Cuts the bytes of an event stream into whole lines, within bounds.
///
/// The parser behind it keeps whatever it is given until a line ends, looks at
/// an unfinished line again with each chunk, and fails on a byte order mark.
/// Given whole lines it does none of that.
#[derive(Debug, Default)]
pub(crate) struct LineCutter {
    line: Vec<u8>,
    event_bytes: usize,
    stream_bytes: usize,
    after_carriage_return: bool,
    begun: bool,
}

impl LineCutter {
    /// Adds `chunk` and appends the lines that it ends, each with its line
    /// ending, to `lines`.
    ///
    /// # Errors
    /// [`FoundryError::Protocol`] when a bound is exceeded or a line is not
    /// UTF-8.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        lines: &mut VecDeque<String>,
    ) -> Result<(), FoundryError> {
        self.stream_bytes = self.stream_bytes.saturating_add(chunk.len());
        if self.stream_bytes > STREAM_LIMIT {
            return Err(protocol("a stream of more than 64 MiB"));
        }
        for piece in chunk.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            self.event_bytes += piece.len();
            if self.event_bytes > EVENT_LIMIT {
                return Err(protocol("an event of more than 1 MiB"));
            }
            self.line.extend_from_slice(piece);
            match self.line.as_slice() {
                // The second half of a line ending, not an empty line.
                b"\n" if self.after_carriage_return => self.end_line(lines)?,
                b"\n" | b"\r" => {
                    self.end_line(lines)?;
                    self.event_bytes = 0;
                }
                [.., b'\n' | b'\r'] => self.end_line(lines)?,
                _ => self.after_carriage_return = false,
            }
        }
        Ok(())
    }

    fn end_line(&mut self, lines: &mut VecDeque<String>) -> Result<(), FoundryError> {
        let mut line = std::mem::take(&mut self.line);
        self.after_carriage_return = line.ends_with(b"\r");
        if !self.begun {
            self.begun = true;
            // All of them: the parser takes a second one for the first.
            while line.starts_with(BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
        }
        let line = String::from_utf8(line).map_err(|_| protocol("a line that is not UTF-8"))?;
        lines.push_back(line);
        Ok(())
    }
}

fn protocol(reason: &'static str) -> FoundryError {
    FoundryError::Protocol { reason }
}
