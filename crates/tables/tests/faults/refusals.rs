//! Refusals, outages, and what is told about them.

use std::collections::HashSet;
use std::error::Error;

use entrada_tables::{Query, Row, TableError, Tables};

use crate::fake::{Fake, Fault, TABLE};

/// An error with all that is behind it, as a log would tell it.
fn told(error: &dyn Error) -> String {
    let mut texts = vec![format!("{error} {error:?}")];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(format!("{cause} {cause:?}"));
        source = cause.source();
    }
    texts.join(" ")
}

#[tokio::test]
async fn every_try_is_signed_anew_with_its_own_date() {
    let busy = Fault::Refuse(503, "");
    let (fake, tables) = Fake::start([busy.clone(), busy]).await;
    tables
        .insert(TABLE, &Row::new("it's", "é %"))
        .await
        .unwrap();
    let seen = fake.seen();
    let dates: HashSet<String> = seen.iter().map(|seen| seen.date.clone()).collect();
    let signatures: HashSet<_> = seen.iter().map(|seen| &seen.authorization).collect();
    assert_eq!((dates.len(), signatures.len()), (3, 3));
    let found = tables.get(TABLE, "it's", "é %").await.unwrap();
    assert!(found.is_some(), "odd keys are signed as they are sent");
}

#[tokio::test]
async fn a_lasting_outage_ends_after_four_tries() {
    let (fake, tables) = Fake::start(vec![Fault::Refuse(503, ""); 10]).await;
    let error = tables.get(TABLE, "p", "r").await.unwrap_err();
    assert!(matches!(error, TableError::Unavailable { .. }), "{error}");
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable_and_no_key_is_told() {
    let fake = Fake::start([]).await.0;
    // Nobody listens there: it is discard's port.
    let tables = fake.client("http://127.0.0.1:9");
    let row = Row::new("privatepartition", "privaterow").with("private", "privatevalue");
    let errors = [
        tables.insert(TABLE, &row).await.unwrap_err(),
        tables
            .query(TABLE, &Query::partition("privatepartition"))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, TableError::Unavailable { .. }), "{error}");
        let told = told(&error);
        assert!(told.contains("no connection could be made"), "{told}");
        assert!(!told.contains("private"), "{told}");
    }
    let (_, tables) = Fake::start(vec![Fault::Cut; 4]).await;
    let error = tables
        .get(TABLE, "privatepartition", "privaterow")
        .await
        .unwrap_err();
    assert!(!told(&error).contains("private"), "{}", told(&error));
}

#[tokio::test]
async fn a_credential_that_does_not_fit_is_forbidden_with_the_services_code() {
    let (fake, _) = Fake::start([]).await;
    let tables = fake.client_with_key(&fake.endpoint, b"another key");
    let error = tables.ping().await.unwrap_err();
    assert!(matches!(error, TableError::Forbidden { .. }));
    assert!(error.to_string().contains("AuthenticationFailed"));
    assert_eq!(fake.seen().len(), 1, "a refusal is not tried again");

    let body = "<Error><Code>AuthorizationPermissionMismatch</Code>\
                <Message>private</Message></Error>";
    let (_, tables) = Fake::start([Fault::Refuse(403, body)]).await;
    let message = tables.ping().await.unwrap_err().to_string();
    assert!(
        message.contains("AuthorizationPermissionMismatch"),
        "{message}"
    );
    assert!(!message.contains("private"), "{message}");
}

#[tokio::test]
async fn an_answer_that_is_not_the_services_is_an_error_and_no_empty_page() {
    for body in [
        "",
        "<html>hello</html>",
        "{}",
        "{\"value\":[1]}",
        "{\"value\":[{}]}",
    ] {
        let (_, tables) = Fake::start([Fault::Refuse(200, body)]).await;
        let page = tables.query(TABLE, &Query::partition("p")).await;
        assert!(matches!(page, Err(TableError::Corrupt { .. })), "{body}");
        let (_, tables) = Fake::start([Fault::Refuse(200, body)]).await;
        let row = tables.get(TABLE, "p", "r").await;
        assert!(matches!(row, Err(TableError::Corrupt { .. })), "{body}");
        let (_, tables) = Fake::start([Fault::Refuse(202, body)]).await;
        let batch = [entrada_tables::Operation::Insert(Row::new("p", "r"))];
        let tags = tables.batch(TABLE, &batch).await;
        assert!(matches!(tags, Err(TableError::Corrupt { .. })), "{body}");
    }
    let (_, tables) = Fake::start([Fault::Refuse(204, "")]).await;
    let etag = tables.insert(TABLE, &Row::new("p", "r")).await;
    assert!(matches!(etag, Err(TableError::Corrupt { .. })));
}
