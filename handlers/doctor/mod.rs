//! What is wrong with a set-up, why it matters, and what mends it.
//!
//! Three areas, each by itself: this machine's settings and what they lead to
//! ([`local`]), a running server as the outside sees it ([`url`]), and the
//! application's registration in Entra ([`registration`]). Nothing is changed
//! anywhere, and every wait has a limit.

pub mod local;
pub mod registration;
mod render;
mod report;
mod setting;
pub mod url;

pub use report::{Area, Finding, Grade, Line, Report};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    const TABLE: &str = include_str!("../../docs/doctor.md");

    /// The ids in the second column of the table.
    fn documented() -> BTreeSet<&'static str> {
        let rows = TABLE.lines().filter(|line| line.starts_with('|'));
        rows.skip(2)
            .filter_map(|row| row.split('|').nth(2))
            .flat_map(|ids| ids.split('`').skip(1).step_by(2))
            .collect()
    }

    /// All text of the folder's files, and of folders in it, but for tests.
    fn sources(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else {
                let file = std::fs::read_to_string(&path).unwrap();
                text.push_str(file.split("#[cfg(test)]").next().unwrap());
            }
        }
    }

    /// What stands where findings are made: the first argument of one, a
    /// constant for it, or (`url/missing.rs`) a value that names the server.
    fn in_code() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("handlers");
        let mut text = String::new();
        sources(&root.join("doctor"), &mut text);
        for command in ["doctor.rs", "azure_cli.rs"] {
            let path = root.join("command").join(command);
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
        let pieces: Vec<_> = text.split('"').collect();
        let is_made = |before: &str| {
            let before = before.trim_end();
            let made = ["fault(", "warning(", "finding(", "const NOT_KNOWN: &str ="];
            made.iter().any(|made| before.ends_with(made))
        };
        let in_missing = |literal: &str| literal.starts_with("server-");
        pieces
            .windows(2)
            .filter(|window| is_made(window[0]) || in_missing(window[1]))
            .map(|window| window[1])
            .filter(|literal| {
                let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
                !literal.is_empty() && literal.bytes().all(letter)
            })
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_finding_is_documented_and_none_that_there_is_not() {
        let in_code = in_code();
        let documented: BTreeSet<_> = documented().into_iter().map(str::to_owned).collect();
        let undocumented: Vec<_> = in_code.difference(&documented).collect();
        let gone: Vec<_> = documented.difference(&in_code).collect();
        assert_eq!((undocumented, gone), (Vec::new(), Vec::new()));
    }
}
