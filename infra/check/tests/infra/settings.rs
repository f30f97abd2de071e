//! App settings: those that the code reads, those that Bicep sets, and those
//! that are described are the same.

use std::collections::BTreeSet;
use std::path::Path;

use crate::bicep::Kind;
use crate::repository::{files, root, template, text};

/// Settings that the code reads and Bicep leaves alone, with the reason. Who
/// wants one of them gives it in `additionalSettings`.
const LEFT_ALONE: [(&str, &[&str]); 6] = [
    (
        "secrets, which nothing on Azure needs: the identity and the vault take their place",
        &[
            "ENTRADA_CLIENT_CERTIFICATE",
            "ENTRADA_CLIENT_SECRET",
            "ENTRADA_KEY_RING",
        ],
    ),
    (
        "the host decides where the process listens",
        &["ENTRADA_ADDRESS", "ENTRADA_PORT"],
    ),
    (
        "the default is what these templates make",
        &[
            "ENTRADA_STORAGE",
            "ENTRADA_CALLBACK_URL",
            "ENTRADA_AUTHORITY",
            "ENTRADA_REQUIRED_SCOPE",
            "ENTRADA_APPLICATION_ID_URIS",
            "ENTRADA_CLIENT_IP_HEADER",
            "ENTRADA_GRAPH_URL",
        ],
    ),
    (
        "the default is the strict choice, and opening up is a decision of each organisation",
        &[
            "ENTRADA_ACCEPT_APP_TOKENS",
            "ENTRADA_ALLOWED_CLIENTS",
            "ENTRADA_ALLOWED_SCOPES",
            "ENTRADA_CLIENTS",
            "ENTRADA_CONSENT_HOSTS",
            "ENTRADA_CUSTOM_REDIRECT_URIS",
            "ENTRADA_DAEMONS",
            "ENTRADA_FOUNDRY_ROUTE",
        ],
    ),
    (
        "limits of their own beside `ENTRADA_REQUESTS_PER_MINUTE`, for who has measured",
        &[
            "ENTRADA_LIMIT_ADMIN",
            "ENTRADA_LIMIT_GLOBAL",
            "ENTRADA_LIMIT_PUBLIC_TOOL",
            "ENTRADA_LIMIT_REFUSED_TOKEN",
            "ENTRADA_LIMIT_REGISTRATION",
            "ENTRADA_LIMIT_SIGN_IN",
            "ENTRADA_LIMIT_TENANT",
            "ENTRADA_LIMIT_USER",
        ],
    ),
    (
        "where the example tools get their weather",
        &[
            "ENTRADA_GEOCODING_URL",
            "ENTRADA_WEATHER",
            "ENTRADA_WEATHER_URL",
        ],
    ),
];

fn left_alone() -> BTreeSet<String> {
    let names = LEFT_ALONE.iter().flat_map(|(_, names)| names.iter());
    names.map(|name| (*name).to_owned()).collect()
}

fn is_setting(name: &str) -> bool {
    name.strip_prefix("ENTRADA_").is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

/// Whether a source file of the handler is part of what is deployed.
fn is_deployed(path: &Path) -> bool {
    let path = path.strip_prefix(root().join("handlers")).unwrap();
    !path.starts_with("dev")
        && path
            .components()
            .all(|part| !matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

/// Where settings are read. Elsewhere their names stand in what is said.
const READER: &str = "handlers/config";

/// What reads variables of other programs alone.
const OTHER_READERS: [&str; 2] = ["handlers/doctor/local/addresses.rs", "handlers/terminal.rs"];

/// Source files of what is deployed, by their paths, without tests.
fn deployed() -> Vec<(String, String)> {
    let paths = files("handlers", "rs").into_iter();
    paths
        .filter(|path| is_deployed(path))
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            (name.to_owned(), without_tests(&text(name)))
        })
        .collect()
}

/// A source file without the items that are compiled for tests alone.
fn without_tests(source: &str) -> String {
    let mut kept = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        // Formatted as the sources are, an item of several lines ends where
        // its brace stands alone at the margin.
        if lines.next().is_some_and(|item| item.ends_with('{')) {
            lines.by_ref().find(|line| *line == "}");
        }
    }
    kept
}

/// Names of settings that stand as whole strings where settings are read.
fn read_in(sources: &[(String, String)]) -> BTreeSet<String> {
    let readers = sources.iter().filter(|(path, _)| path.starts_with(READER));
    readers
        .flat_map(|(_, source)| source.split('"').filter(|text| is_setting(text)))
        .map(str::to_owned)
        .collect()
}

fn read_by_the_code() -> BTreeSet<String> {
    let names = read_in(&deployed());
    assert!(names.contains("ENTRADA_TENANT_ID"), "{names:?}");
    names
}

/// A setting that is read anywhere else would escape these tests.
#[test]
fn settings_are_read_where_these_tests_look() {
    let reads = |source: &str| {
        let source: String = source.split_whitespace().collect();
        source.contains("environment.get(") || source.contains("env::var")
    };
    let found: Vec<_> = deployed()
        .into_iter()
        .filter(|(path, source)| !path.starts_with(READER) && reads(source))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(found, OTHER_READERS);
}

#[test]
fn a_name_that_only_tests_or_messages_mention_is_not_read() {
    let config = r#"
reader.text("ENTRADA_FIRST");
#[cfg(test)]
mod tests {
    const NAME: &str = "ENTRADA_TESTED";
}
reader.text("ENTRADA_SECOND");
#[cfg(test)]
mod more;
reader.text("ENTRADA_THIRD");
"#;
    let doctor = r#"setting_fix("Set it:", "ENTRADA_MENTIONED", "value")"#;
    let sources = [
        ("handlers/config/mod.rs".to_owned(), without_tests(config)),
        ("handlers/doctor/url.rs".to_owned(), doctor.to_owned()),
    ];
    let read = ["ENTRADA_FIRST", "ENTRADA_SECOND", "ENTRADA_THIRD"];
    assert_eq!(read_in(&sources), read.map(str::to_owned).into());
}

fn set_by_bicep() -> BTreeSet<String> {
    let main = template("main.bicep");
    let settings = main.find(Kind::Module, "site").at("params.entradaSettings");
    let names = settings.properties().iter();
    names.map(|property| property.name.clone()).collect()
}

/// Names in the first column of the tables before those of older names.
fn described() -> BTreeSet<String> {
    let page = text("docs/settings.md");
    let (current, _) = page.split_once("## Names of older systems").unwrap();
    current
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
        .flat_map(|cell| cell.split('`'))
        .filter(|name| is_setting(name))
        .map(str::to_owned)
        .collect()
}

fn without(names: &BTreeSet<String>, others: &BTreeSet<String>) -> Vec<String> {
    names.difference(others).cloned().collect()
}

#[test]
fn every_setting_that_the_code_reads_is_set_or_left_alone_for_a_reason() {
    let known = &set_by_bicep() | &left_alone();
    let unknown = without(&read_by_the_code(), &known);
    assert!(
        unknown.is_empty(),
        "the code reads {unknown:?}: set them in infra/main.bicep, or say in LEFT_ALONE why not"
    );
}

#[test]
fn nothing_is_set_or_left_alone_that_the_code_does_not_read() {
    let set = set_by_bicep();
    let both: Vec<_> = set.intersection(&left_alone()).cloned().collect();
    assert!(both.is_empty(), "{both:?} are set and left alone");
    let unread = without(&(&set | &left_alone()), &read_by_the_code());
    assert!(unread.is_empty(), "the code does not read {unread:?}");
}

#[test]
fn every_setting_that_the_code_reads_is_described_and_the_reverse() {
    let (read, described) = (read_by_the_code(), described());
    let missing = without(&read, &described);
    assert!(missing.is_empty(), "docs/settings.md lacks {missing:?}");
    let gone = without(&described, &read);
    assert!(
        gone.is_empty(),
        "docs/settings.md describes {gone:?}, which nothing reads"
    );
}

/// Settings of the host that its part of `docs/settings.md` describes.
fn described_of_the_host() -> BTreeSet<String> {
    let page = text("docs/settings.md");
    let (_, after) = page.split_once("## The Functions host's own").unwrap();
    let (part, _) = after.split_once("\n## ").unwrap();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

#[test]
fn every_setting_of_the_host_is_described_and_the_reverse() {
    let site = template("modules/site.bicep");
    let set = site.find(Kind::Variable, "hostSettings");
    let set = set.value.as_ref().unwrap().properties().iter();
    let set: BTreeSet<_> = set.map(|property| property.name.clone()).collect();
    assert_eq!(described_of_the_host(), set);
    let page = text("docs/settings.md");
    let mut read = BTreeSet::new();
    for path in files("handlers", "rs") {
        let source = std::fs::read_to_string(&path).unwrap();
        let names = source.split('"').filter(|text| {
            let of_host =
                text.starts_with("AzureWebJobs") || text.starts_with("APPLICATIONINSIGHTS_");
            is_deployed(&path) && of_host && text.chars().all(|c| c.is_alphanumeric() || c == '_')
        });
        read.extend(names.map(str::to_owned));
    }
    assert!(read.len() > 3, "{read:?}");
    for name in read {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/settings.md lacks {name}"
        );
    }
}

/// The names of tables stand in `handlers/` as `pub const TABLE: &str`.
#[test]
fn the_tables_that_the_code_uses_are_made() {
    let mut used = BTreeSet::new();
    for path in files("handlers", "rs") {
        let source = std::fs::read_to_string(&path).unwrap();
        for line in source.lines() {
            let constant = line.split_once("TABLE: &str = \"");
            used.extend(constant.map(|(_, name)| name.trim_end_matches("\";").to_owned()));
        }
    }
    let storage = template("modules/storage.bicep");
    let made = storage.find(Kind::Variable, "tableNames");
    let made = made.value.as_ref().unwrap().items().iter();
    let made: BTreeSet<_> = made.map(|name| name.text().to_owned()).collect();
    assert!(used.len() > 5, "{used:?}");
    assert_eq!(made, used);
}
