//! What `cargo test` says of the tests that failed.

/// How much of what failed tests printed is repeated on the console; the
/// whole of it stays in the log.
const LINES_SHOWN: usize = 150;

/// The tests that failed in one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    /// Their paths, such as `oauth::step_up::a_link_is_used_once`.
    pub(crate) names: Vec<String>,
    /// What they printed, shortened.
    pub(crate) printed: String,
    /// Whether a test binary ended without its totals.
    pub(crate) crashed: bool,
}

impl Failures {
    /// Reads the `failures:` parts of everything that `cargo test` ran: first
    /// what each test printed, then a list of their names.
    pub(crate) fn of(output: &str) -> Self {
        let mut names = Vec::new();
        let mut printed = Vec::new();
        let mut part = Part::Passed;
        for line in output.lines() {
            part = match (part, line) {
                (Part::Passed, "failures:") => Part::Printed,
                (Part::Printed, "failures:") => Part::Names,
                (_, line) if line.starts_with("test result: ") => Part::Passed,
                (part, _) => part,
            };
            match part {
                Part::Passed => {}
                Part::Printed if line == "failures:" || is_of_a_backtrace(line) => {}
                Part::Printed => printed.push(line),
                Part::Names => names.extend(line.strip_prefix("    ").map(str::to_owned)),
            }
        }
        Self {
            names,
            printed: shortened(&printed),
            // cargo says nothing of the usual code of a binary with failures.
            crashed: output.contains("process didn't exit successfully"),
        }
    }
}

/// Where in the output of one test binary a line is.
#[derive(Clone, Copy)]
enum Part {
    /// Before and after the failures.
    Passed,
    /// What the failed tests printed.
    Printed,
    /// Their names.
    Names,
}

/// Frames are many, and the line before them names the place.
fn is_of_a_backtrace(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    line == "stack backtrace:"
        || line.starts_with("at ")
        || (number.len() < line.len() && number.starts_with(": "))
}

/// The beginning, where the first panic is.
fn shortened(lines: &[&str]) -> String {
    let shown = lines.get(..LINES_SHOWN).unwrap_or(lines).join("\n");
    let shown = shown.trim();
    match lines.len().saturating_sub(LINES_SHOWN) {
        0 => shown.to_owned(),
        more => format!("{shown}\n({more} lines more)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_BINARIES: &str = "
running 2 tests
test limits::of_four_servers ... FAILED
test limits::of_one_server ... ok

failures:

---- limits::of_four_servers stdout ----
thread 'limits::of_four_servers' panicked at tests/it/limits.rs:7:5:
assertion failed: 226 == 225
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/0/library/std/src/panicking.rs:689:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.

failures:
    limits::of_four_servers

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s

running 1 test
test embedded::a_row ... FAILED

failures:

failures:
    embedded::a_row

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

error: 2 targets failed:
    `-p entrada --test it`
";

    #[test]
    fn failed_tests_of_all_binaries_are_named_with_what_they_printed() {
        let failures = Failures::of(TWO_BINARIES);
        assert_eq!(
            failures.names,
            ["limits::of_four_servers", "embedded::a_row"]
        );
        assert!(
            failures
                .printed
                .starts_with("---- limits::of_four_servers stdout ----"),
            "{}",
            failures.printed
        );
        assert!(failures.printed.contains("226 == 225\nnote: Some"));
        assert!(!failures.printed.contains("-p entrada"));
        assert!(!failures.crashed);
    }

    #[test]
    fn a_binary_that_crashed_is_noticed() {
        let output = "error: test failed, to rerun pass `-p entrada --lib`\n\nCaused by:\n  \
                      process didn't exit successfully: `target/debug/deps/entrada` \
                      (signal: 11, SIGSEGV: invalid memory reference)\n";
        assert!(Failures::of(output).crashed);
    }

    #[test]
    fn a_run_without_failures_has_none() {
        let output = "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed;\n";
        assert_eq!(Failures::of(output), Failures::default());
    }

    #[test]
    fn long_output_is_shortened() {
        let output = format!("failures:\n\n{}", "a line\n".repeat(LINES_SHOWN + 9));
        let printed = Failures::of(&output).printed;
        assert!(printed.ends_with("(10 lines more)"), "{printed}");
    }
}
