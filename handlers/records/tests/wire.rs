//! What is sent to Table Storage, read as the service reads it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use entrada_ambient::{ManualClock, NetworkOptions, SystemRandom, http_client};
use entrada_tables::AzureTables;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use secrecy::SecretString;
use serde_json::json;
use time::macros::datetime;

use super::{CONTOSO, arbitrary, config, everything, records_in};
use crate::records::{Clause, Filters, Group, RecordQuery, Records, Scalar};

type Asked = Arc<Mutex<Vec<String>>>;

/// A table service that has nothing and remembers the filters.
async fn service() -> (Records, Asked) {
    let asked = Asked::default();
    let answer = async |State(asked): State<Asked>,
                        Query(query): Query<BTreeMap<String, String>>| {
        asked.lock().unwrap().push(query["$filter"].clone());
        axum::Json(json!({"value": []}))
    };
    let router = Router::new().fallback(answer).with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let connection =
        format!("AccountName=account;AccountKey=a2V5;TableEndpoint=http://{address}/account");
    let tables = AzureTables::from_connection_string(
        &SecretString::from(connection),
        http_client(&NetworkOptions::default()).unwrap(),
        Arc::new(ManualClock::at(datetime!(2026-06-01 12:00 UTC))),
        Arc::new(SystemRandom),
    );
    let (records, _) = records_in(Arc::new(tables.unwrap()));
    (records, asked)
}

/// A token of a filter in `OData`.
#[derive(Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Open,
    Close,
}

/// Reads a filter (OASIS, `OData` ABNF: a quote within a text is doubled).
fn tokens(filter: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = filter.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '\'' => {
                let mut text = String::new();
                loop {
                    match rest.next().expect("a text that does not end") {
                        '\'' if rest.next_if_eq(&'\'').is_some() => text.push('\''),
                        '\'' => break,
                        other => text.push(other),
                    }
                }
                tokens.push(Token::Text(text));
            }
            first => {
                let mut word = String::from(first);
                while let Some(next) = rest.next_if(|next| !" ()'".contains(*next)) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    tokens
}

/// The texts that a filter compares with.
fn texts(filters: &Filters) -> Vec<String> {
    fn members<T>(group: &Group<T>) -> &[T] {
        match group {
            Group::And(members) | Group::Or(members) => members,
        }
    }
    let conditions = members(filters).iter().flat_map(|clause| match clause {
        Clause::Condition(condition) => vec![condition],
        Clause::Group(group) => members(group).iter().collect(),
    });
    conditions
        .filter_map(|condition| match &condition.value {
            Scalar::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// Whether a word is one that we write: an operator, a property of ours or a
/// literal without quotes.
fn is_ours(word: &str) -> bool {
    let column = word
        .strip_prefix("s_")
        .or(word.strip_prefix("n_"))
        .or(word.strip_prefix("b_"));
    let is_column = column
        .is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let words = [
        "and",
        "or",
        "eq",
        "gt",
        "ge",
        "lt",
        "le",
        "true",
        "false",
        "incomplete",
    ];
    is_column || words.contains(&word) || word.parse::<f64>().is_ok()
}

#[test]
fn nothing_of_a_query_is_more_than_a_value_in_the_filter() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (records, asked) = runtime.block_on(service());
    let mut runner = TestRunner::new(config());
    let pushed = AtomicUsize::new(0);
    runner
        .run(&arbitrary::filters(), |filters| {
            let query = RecordQuery {
                filters: Some(filters.clone()),
                ..everything()
            };
            let found = runtime.block_on(records.find_of(CONTOSO, &query));
            prop_assert!(found.is_ok(), "{:?}", found);
            let filter = asked.lock().unwrap().pop().expect("storage was not asked");
            let tokens = tokens(&filter);
            let [partition, eq, tenant, rest @ ..] = tokens.as_slice() else {
                panic!("{filter}");
            };
            prop_assert_eq!(partition, &Token::Word("PartitionKey".to_owned()));
            prop_assert_eq!(eq, &Token::Word("eq".to_owned()));
            prop_assert_eq!(tenant, &Token::Text(CONTOSO.to_string()));
            // What follows is `and ( … )` as a whole: no `or` can get out of
            // the partition.
            let mut depth = 0;
            for (index, token) in rest.iter().enumerate() {
                match token {
                    Token::Open => depth += 1,
                    Token::Close => depth -= 1,
                    Token::Text(text) => prop_assert!(texts(&filters).contains(text), "{filter}"),
                    Token::Word(word) => prop_assert!(is_ours(word), "{word} in {filter}"),
                }
                let expected = index == 0 && *token == Token::Word("and".to_owned());
                prop_assert!(depth > 0 || expected || index == rest.len() - 1, "{filter}");
            }
            prop_assert_eq!(depth, 0);
            pushed.fetch_add(usize::from(!rest.is_empty()), Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
    let pushed = pushed.into_inner();
    assert!(pushed > 50, "storage decided only {pushed} filters");
}

#[tokio::test]
async fn field_names_never_reach_storage() {
    let (records, asked) = service().await;
    for name in arbitrary::HOSTILE.iter().filter(|name| !name.contains('.')) {
        let query = RecordQuery {
            filters: Some(super::filters(json!({"and": [
                {"field": name, "op": "eq", "value": "v"}
            ]}))),
            ..everything()
        };
        records.find_of(CONTOSO, &query).await.unwrap();
        let filter = asked.lock().unwrap().pop().unwrap();
        let words: Vec<_> = tokens(&filter);
        assert!(
            words.iter().all(|token| match token {
                Token::Word(word) => is_ours(word) || word == "PartitionKey",
                Token::Text(text) => text == "v" || *text == CONTOSO.to_string(),
                Token::Open | Token::Close => true,
            }),
            "{name}: {filter}"
        );
    }
}
