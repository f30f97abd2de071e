use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed and were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Totals {
    /// Adds up the `test result:` lines of everything that `cargo test` ran:
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn of(output: &str) -> Self {
        let mut totals = Self::default();
        for line in output.lines() {
            let Some(counts) = line.trim_start().strip_prefix("test result: ") else {
                continue;
            };
            totals += Self {
                passed: count_before(counts, " passed"),
                failed: count_before(counts, " failed"),
                ignored: count_before(counts, " ignored"),
            };
        }
        totals
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The number in front of `word`, 0 when there is none.
fn count_before(text: &str, word: &str) -> u64 {
    text.split_once(word)
        .and_then(|(before, _)| before.rsplit(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_add_up() {
        let output = "
running 3 tests
test a ... ok
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.03s
test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.20s
   Doc-tests entrada_tables
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.11s
";
        let totals = Totals::of(output);
        assert_eq!(
            totals,
            Totals {
                passed: 17,
                failed: 2,
                ignored: 1
            }
        );
        assert_eq!(totals.to_string(), "17 passed, 2 failed");
    }

    #[test]
    fn other_lines_count_for_nothing() {
        let output = "the tool said: 9 passed, 1 failed\ntest x ... FAILED\n";
        assert_eq!(Totals::of(output), Totals::default());
    }
}
