//! A token or text of Entra's on standard input.

use std::io::{IsTerminal as _, Read, Write};

/// What is read of standard input, in bytes: no token is longer.
const LONGEST: u64 = 64 * 1024;

/// What a terminal takes of one line, in bytes: the rest is dropped without a
/// word (Linux, termios(3), "Canonical and noncanonical mode").
const LONGEST_LINE: usize = 4095;

/// Reads standard input to its end. Somebody at a terminal is told what is
/// waited for, `what`, and how to end it.
///
/// # Errors
/// In words, when it cannot be read or a terminal cut it off.
pub(super) fn read(what: &str) -> Result<String, String> {
    let input = std::io::stdin().lock();
    let is_terminal = input.is_terminal();
    read_from(input, is_terminal, &mut std::io::stderr(), what)
}

fn read_from(
    input: impl Read,
    is_terminal: bool,
    notes: &mut impl Write,
    what: &str,
) -> Result<String, String> {
    if is_terminal {
        // Nobody misses a hint that cannot be written.
        let _ = writeln!(notes, "Paste {what}, then Enter and Ctrl-D:");
    }
    let mut text = String::new();
    input
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| format!("standard input cannot be read: {error}"))?;
    if is_terminal && text.lines().any(|line| line.len() >= LONGEST_LINE) {
        return Err(format!(
            "the terminal cut off what was pasted: it takes {LONGEST_LINE} bytes of a line. Use a \
             pipe, such as `xclip -o | entrada …` or `entrada … < FILE`"
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, is_terminal: bool) -> (Result<String, String>, String) {
        let mut notes = Vec::new();
        let read = read_from(text.as_bytes(), is_terminal, &mut notes, "a token");
        (read, String::from_utf8(notes).unwrap())
    }

    #[test]
    fn somebody_at_a_terminal_is_told_what_is_waited_for() {
        let (read, notes) = typed("a.b.c\n", true);
        assert_eq!(read.as_deref(), Ok("a.b.c\n"));
        assert!(
            notes.contains("a token") && notes.contains("Ctrl-D"),
            "{notes}"
        );
        let (read, notes) = typed("a.b.c\n", false);
        assert_eq!((read.as_deref(), notes.as_str()), (Ok("a.b.c\n"), ""));
    }

    #[test]
    fn a_line_that_a_terminal_cut_off_is_told_and_not_judged() {
        let cut_off = "a".repeat(LONGEST_LINE);
        let told = typed(&cut_off, true).0.unwrap_err();
        assert!(told.contains("pipe") && told.contains("4095"), "{told}");
        assert!(!told.contains("aa"), "{told}");
        for (text, is_terminal) in [(&cut_off[1..], true), (&cut_off, false)] {
            assert_eq!(typed(text, is_terminal).0.as_deref(), Ok(text));
        }
    }
}
