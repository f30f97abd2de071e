//! What was acknowledged survives `kill -9`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use entrada_ambient::{Environment, ProcessEnvironment, SystemClock};
use entrada_tables::{Condition, EmbeddedTables, Operation, Query, Row, Tables, query_all};

const TABLE: &str = "entradaCrash";
const PARTITION: &str = "p";

/// When this is set, the test below is the one that is killed: it writes to
/// the file that this names.
const FILE: &str = "ENTRADA_TEST_CRASH_FILE";

const ROUNDS: usize = 12;
const WRITERS: u64 = 4;

/// Both ends in one test: the parent runs this very test in a child process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_rows_survive_kill_9() {
    if let Some(path) = ProcessEnvironment.get(FILE) {
        write_until_killed(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.redb");
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let before = acknowledged.len();
        kill_while_writing(&path, 20 + 37 * round, &mut acknowledged);
        assert!(acknowledged.len() > before, "round {round} wrote nothing");
        check(&path, &acknowledged).await;
    }
}

fn spawn(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::acknowledged_rows_survive_kill_9",
            "--nocapture",
        ])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child once it has acknowledged `count` rows; takes in all that it
/// acknowledged before it died.
fn kill_while_writing(path: &Path, count: usize, acknowledged: &mut BTreeSet<String>) {
    let mut child = spawn(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    let mut killed = false;
    while let Some(Ok(line)) = lines.next() {
        // Only whole lines count; the last one may have been cut.
        let row = line
            .strip_prefix("wrote ")
            .and_then(|row| row.strip_suffix('.'));
        if let Some(row) = row {
            acknowledged.insert(row.to_owned());
            seen += 1;
        }
        if seen >= count && !killed {
            // SIGKILL on Unix.
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(killed, "the child ended by itself");
    child.wait().unwrap();
}

async fn check(path: &Path, acknowledged: &BTreeSet<String>) {
    let tables = EmbeddedTables::open(path, Arc::new(SystemClock::new())).unwrap();
    let query = Query::partition(PARTITION);
    let rows = query_all(&tables, TABLE, &query, 1_000_000).await.unwrap();
    let stored: BTreeSet<String> = rows.iter().map(|row| row.row.clone()).collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for row in &rows {
        assert_eq!(row.text("content").unwrap(), content(&row.row));
    }
    // A batch is there in full or not at all.
    let pair = |row: &str| stored.contains(row);
    for row in &stored {
        if let Some(first) = row.strip_suffix("-first") {
            assert!(pair(&format!("{first}-second")), "half of {first}");
        }
        if let Some(first) = row.strip_suffix("-second") {
            assert!(pair(&format!("{first}-first")), "half of {first}");
        }
    }
    // No version was given to two rows.
    let versions: BTreeSet<String> = rows.iter().map(|row| format!("{:?}", row.etag)).collect();
    assert_eq!(versions.len(), rows.len());
}

fn content(row: &str) -> String {
    format!("content of {row} ").repeat(20)
}

/// Writes numbered rows and tells each one once it is acknowledged.
async fn write_until_killed(path: &Path) {
    let tables = Arc::new(EmbeddedTables::open(path, Arc::new(SystemClock::new())).unwrap());
    tables.create_table(TABLE).await.unwrap();
    let run = std::process::id();
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let tables = Arc::clone(&tables);
        writers.push(tokio::spawn(async move {
            for number in 0_u64.. {
                let name = format!("{run}-{writer}-{number}");
                write(&tables, &name, number).await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write(tables: &EmbeddedTables, name: &str, number: u64) {
    let row = |name: &str| Row::new(PARTITION, name).with("content", content(name));
    let told = if number.is_multiple_of(3) {
        let names = [format!("{name}-first"), format!("{name}-second")];
        let operations = names.each_ref().map(|name| Operation::Insert(row(name)));
        tables.batch(TABLE, &operations).await.unwrap();
        names.to_vec()
    } else if number % 3 == 1 {
        tables.insert(TABLE, &row(name)).await.unwrap();
        vec![name.to_owned()]
    } else {
        let none = Condition::None;
        tables.replace(TABLE, &row(name), &none).await.unwrap();
        vec![name.to_owned()]
    };
    let mut stdout = std::io::stdout().lock();
    for name in told {
        writeln!(stdout, "wrote {name}.").unwrap();
    }
    stdout.flush().unwrap();
}
