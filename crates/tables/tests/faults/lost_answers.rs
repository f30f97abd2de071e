//! A write is done but its answer is lost; the retry meets its own effect.

use entrada_tables::{Condition, ETag, Operation, Row, TableError, Tables};

use crate::fake::{Fake, Fault, TABLE};

fn row(content: &str) -> Row {
    Row::new("p", "r").with("content", content)
}

async fn current(tables: &impl Tables) -> Row {
    tables.get(TABLE, "p", "r").await.unwrap().unwrap()
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_succeeds_by_its_own_row() {
    for fault in [Fault::DoneThenCut, Fault::DoneThen500] {
        let (fake, tables) = Fake::start([fault]).await;
        let etag = tables.insert(TABLE, &row("mine")).await.unwrap();
        let found = current(&tables).await;
        assert_eq!(found.etag, Some(etag));
        assert_eq!(found.properties, row("mine").properties);
        let methods: Vec<String> = fake.seen().into_iter().map(|seen| seen.method).collect();
        assert_eq!(methods, ["POST", "POST", "GET", "GET"]);
    }
}

#[tokio::test]
async fn an_insert_that_somebody_else_won_is_refused_after_a_retry_too() {
    let (_, tables) = Fake::start([Fault::SomebodyElse]).await;
    let result = tables.insert(TABLE, &row("mine")).await;
    assert!(matches!(result, Err(TableError::AlreadyExists)));
    assert_eq!(current(&tables).await.text("by").unwrap(), "somebody else");
}

#[tokio::test]
async fn the_same_content_by_somebody_else_is_not_taken_for_ones_own() {
    let (fake, tables) = Fake::start([]).await;
    tables.insert(TABLE, &row("the same")).await.unwrap();
    fake.plan([Fault::Cut]);
    let result = tables.insert(TABLE, &row("the same")).await;
    assert!(matches!(result, Err(TableError::AlreadyExists)));
}

#[tokio::test]
async fn without_a_retry_a_refusal_is_believed_at_once() {
    let (fake, tables) = Fake::start([]).await;
    tables.insert(TABLE, &row("first")).await.unwrap();
    let result = tables.insert(TABLE, &row("second")).await;
    assert!(matches!(result, Err(TableError::AlreadyExists)));
    assert_eq!(fake.seen().len(), 2, "nothing was read to find out");
}

#[tokio::test]
async fn a_compare_and_swap_whose_answer_was_lost_succeeds() {
    for fault in [Fault::DoneThenCut, Fault::DoneThen500] {
        let (fake, tables) = Fake::start([]).await;
        let first = tables.insert(TABLE, &row("first")).await.unwrap();
        fake.plan([fault.clone()]);
        let swapped = tables
            .replace(TABLE, &row("second"), &Condition::Matches(first))
            .await;
        let second = swapped.unwrap();
        assert_eq!(current(&tables).await.etag, Some(second.clone()));
        fake.plan([fault]);
        let merged = tables
            .merge(TABLE, &row("third"), &Condition::Matches(second))
            .await;
        assert_eq!(current(&tables).await.etag, Some(merged.unwrap()));
        assert_eq!(current(&tables).await.text("content").unwrap(), "third");
    }
}

#[tokio::test]
async fn a_compare_and_swap_that_somebody_else_won_is_refused_after_a_retry_too() {
    let (fake, tables) = Fake::start([]).await;
    let first = tables.insert(TABLE, &row("first")).await.unwrap();
    fake.plan([Fault::SomebodyElse]);
    let condition = Condition::Matches(first);
    let result = tables.replace(TABLE, &row("second"), &condition).await;
    assert!(matches!(result, Err(TableError::PreconditionFailed)));
    assert_eq!(current(&tables).await.text("by").unwrap(), "somebody else");
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_succeeds_with_its_etags() {
    let (fake, tables) = Fake::start([]).await;
    let first = tables.insert(TABLE, &row("first")).await.unwrap();
    tables.insert(TABLE, &Row::new("p", "old")).await.unwrap();
    fake.plan([Fault::DoneThenCut]);
    let operations = [
        Operation::Delete {
            partition: "p".to_owned(),
            row: "old".to_owned(),
            condition: Condition::Exists,
        },
        Operation::Insert(Row::new("p", "new")),
        Operation::Replace(row("second"), Condition::Matches(first)),
    ];
    let tags = tables.batch(TABLE, &operations).await.unwrap();
    let new = tables.get(TABLE, "p", "new").await.unwrap().unwrap();
    assert_eq!(tags, [None, new.etag, current(&tables).await.etag]);
    assert!(tables.get(TABLE, "p", "old").await.unwrap().is_none());
}

#[tokio::test]
async fn a_batch_that_somebody_else_beat_is_refused_after_a_retry_too() {
    let (_, tables) = Fake::start([Fault::SomebodyElse]).await;
    let operations = [
        Operation::Insert(Row::new("p", "new")),
        Operation::Insert(row("mine")),
    ];
    let result = tables.batch(TABLE, &operations).await;
    assert!(matches!(result, Err(TableError::AlreadyExists)));
    assert!(tables.get(TABLE, "p", "new").await.unwrap().is_none());
}

fn deletion(condition: Condition) -> Operation {
    Operation::Delete {
        partition: "p".to_owned(),
        row: "r".to_owned(),
        condition,
    }
}

#[tokio::test]
async fn whose_delete_took_effect_is_not_guessed() {
    let (fake, tables) = Fake::start([]).await;
    let delete = async |etag: ETag| {
        fake.plan([Fault::DoneThenCut]);
        tables
            .delete(TABLE, "p", "r", &Condition::Matches(etag))
            .await
    };
    let etag = tables.insert(TABLE, &row("a")).await.unwrap();
    assert!(matches!(
        delete(etag).await,
        Err(TableError::Unavailable { .. })
    ));

    let etag = tables.insert(TABLE, &row("b")).await.unwrap();
    fake.plan([Fault::DoneThenCut]);
    let batch = [deletion(Condition::Matches(etag))];
    let result = tables.batch(TABLE, &batch).await;
    assert!(matches!(result, Err(TableError::Unavailable { .. })));

    // Where it does not matter whose it was, it succeeds.
    tables.insert(TABLE, &row("c")).await.unwrap();
    fake.plan([Fault::DoneThenCut]);
    tables
        .delete(TABLE, "p", "r", &Condition::None)
        .await
        .unwrap();
    tables.insert(TABLE, &row("d")).await.unwrap();
    fake.plan([Fault::DoneThenCut]);
    let tags = tables.batch(TABLE, &[deletion(Condition::None)]).await;
    assert_eq!(tags.unwrap(), [None]);
}
