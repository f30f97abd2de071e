//! The embedded backend's file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use entrada_ambient::SystemClock;
use entrada_tables::{Condition, EmbeddedTables, OpenError, Row, Tables};
use redb::{Database, TableDefinition};

fn open(path: &Path) -> Result<EmbeddedTables, OpenError> {
    EmbeddedTables::open(path, Arc::new(SystemClock::new()))
}

#[tokio::test]
async fn rows_tables_and_etags_are_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.redb");
    let row = Row::new("p", "r").with("a", 1);
    let tables = open(&path).unwrap();
    tables.create_table("entradaA").await.unwrap();
    let first = tables.insert("entradaA", &row).await.unwrap();
    drop(tables);

    let tables = open(&path).unwrap();
    let found = tables.get("entradaA", "p", "r").await.unwrap().unwrap();
    assert_eq!(found.etag, Some(first.clone()));
    let matches = Condition::Matches(first.clone());
    let second = tables.replace("entradaA", &row, &matches).await.unwrap();
    assert_ne!(first, second, "no version is given twice");
}

#[tokio::test]
async fn a_file_that_is_in_use_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.redb");
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    let message = error.to_string();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    assert!(message.contains("another data directory"), "{message}");
    drop(first);
    open(&path).unwrap();
}

#[tokio::test]
async fn a_file_of_a_newer_format_is_refused_and_left_alone() {
    const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.redb");
    drop(open(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(META).unwrap().insert("format", 2).unwrap();
    write.commit().unwrap();
    drop(database);

    for _ in 0..2 {
        let error = open(&path).unwrap_err();
        let OpenError::Newer {
            found, supported, ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((found, supported), (2, 1));
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "not a database\n".repeat(1000);
    fs::write(&path, &text).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("notes.txt"));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("tables.redb");
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::File { .. }));
    assert!(error.to_string().contains("missing"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.redb");
    drop(open(&path).unwrap());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
