//! Records: two tenants and two people in every test that reads.

use serde_json::{Value, json};

use super::{OTHER_TENANT, call, complaint, token_with_roles};
use crate::rig::Rig;

/// Texts that mean something to a database.
const HOSTILE: [&str; 10] = [
    "' or 1 eq 1 or 'a' eq '",
    "') or (PartitionKey ge '",
    "'; DROP TABLE records; --",
    "\" or \"\"=\"",
    "%27%20or%201%20eq%201",
    "a\0b",
    "fab21ca0-0000-4000-8000-000000000002",
    "../../records/#?",
    "\u{2019} or true or \u{2019}",
    "😀\u{202e}",
];

struct People {
    rig: Rig,
    /// May read, write and delete, in the home tenant.
    all: String,
    reader: String,
    /// Somebody else who may write, in the other tenant.
    guest: String,
}

async fn people() -> People {
    let rig = Rig::with(&[OTHER_TENANT]).await;
    let (all, reader) = (rig.token("all"), rig.token("reader"));
    let guest = token_with_roles(&rig, "guest", &["Task.Write"]);
    People {
        rig,
        all,
        reader,
        guest,
    }
}

impl People {
    async fn save(&self, token: &str, id: &str, data: Value) {
        let arguments = json!({"record_id": id, "data": data});
        let saved = call(&self.rig, token, "save_record", arguments).await;
        assert_eq!(saved["record_id"], id);
    }

    /// The ids and data that a query finds, ordered by id.
    async fn find(&self, token: &str, query: Value) -> Vec<(String, Value)> {
        let found = call(&self.rig, token, "secure_query_data", query).await;
        let records = found["records"].as_array().unwrap().iter();
        let mut records: Vec<_> = records
            .map(|record| {
                let id = record["record_id"].as_str().unwrap().to_owned();
                (id, record["data"].clone())
            })
            .collect();
        assert_eq!(found["count"], records.len());
        records.sort_by(|a, b| a.0.cmp(&b.0));
        records
    }
}

#[tokio::test]
async fn a_record_is_the_tenants_and_outlives_the_process() {
    let mut people = people().await;
    people
        .save(&people.all, "one", json!({"of": "contoso"}))
        .await;
    people
        .save(&people.guest, "one", json!({"of": "fabrikam"}))
        .await;
    people
        .save(&people.guest, "two", json!({"of": "fabrikam"}))
        .await;
    people.rig.restart().await;
    let contoso = vec![("one".to_owned(), json!({"of": "contoso"}))];
    assert_eq!(people.find(&people.reader, json!({})).await, contoso);
    assert_eq!(people.find(&people.guest, json!({})).await.len(), 2);
    // Deleting by an id of the other tenant finds nothing.
    let refused = complaint(
        &people.rig,
        &people.all,
        "delete_record",
        json!({"record_id": "two"}),
    );
    assert!(refused.await.contains("no record"));
    call(
        &people.rig,
        &people.all,
        "delete_record",
        json!({"record_id": "one"}),
    )
    .await;
    assert!(people.find(&people.reader, json!({})).await.is_empty());
    assert_eq!(people.find(&people.guest, json!({})).await.len(), 2);
}

#[tokio::test]
async fn hostile_texts_are_data_and_nothing_else() {
    let people = people().await;
    people
        .save(&people.guest, "secret", json!({"text": "fabrikam's"}))
        .await;
    for (index, text) in HOSTILE.iter().enumerate() {
        people
            .save(
                &people.all,
                text,
                json!({"text": text, "n": index, *text: 1}),
            )
            .await;
    }
    for (index, text) in HOSTILE.iter().enumerate() {
        let expected = vec![(
            (*text).to_owned(),
            json!({"text": text, "n": index, *text: 1}),
        )];
        for query in [
            json!({"filters": {"and": [{"field": "text", "op": "eq", "value": text}]}}),
            json!({"filters": {"or": [{"and": [
                {"field": "text", "op": "startswith", "value": text},
                {"field": "n", "op": "eq", "value": index},
            ]}]}}),
            json!({"query": text}),
        ] {
            assert_eq!(
                people.find(&people.reader, query.clone()).await,
                expected,
                "{query}"
            );
        }
        if !text.contains('.') {
            let query = json!({"filters": {"and": [{"field": text, "op": "ge", "value": 1}]}});
            assert_eq!(people.find(&people.reader, query).await, expected, "{text}");
        }
    }
    let nothing =
        json!({"filters": {"and": [{"field": "text", "op": "eq", "value": "' or ''='"}]}});
    assert!(people.find(&people.reader, nothing).await.is_empty());
    assert_eq!(people.find(&people.guest, json!({})).await.len(), 1);
    for text in HOSTILE {
        let refused = complaint(
            &people.rig,
            &people.reader,
            "secure_query_data",
            json!({"cursor": text}),
        );
        assert!(refused.await.contains("does not belong"), "{text}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_in_order_and_cursors_stay_at_home() {
    let people = people().await;
    for index in 0..7 {
        let data = json!({"n": index, "even": index % 2 == 0, "nested": {"n": -index}});
        people
            .save(&people.all, &format!("c{index}"), data.clone())
            .await;
        people.save(&people.guest, &format!("f{index}"), data).await;
    }
    let mut query = json!({
        "filters": {"or": [
            {"field": "n", "op": "lt", "value": 5},
            {"field": "even", "op": "eq", "value": true},
        ]},
        "sort": {"field": "nested.n"},
        "limit": 2,
    });
    let mut seen = Vec::new();
    loop {
        let page = call(
            &people.rig,
            &people.reader,
            "secure_query_data",
            query.clone(),
        )
        .await;
        assert_eq!(page["cut"], false);
        for record in page["records"].as_array().unwrap() {
            seen.push(record["record_id"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query["cursor"] = cursor.into();
        // Another tenant cannot open it, nor can another query.
        for (token, query) in [
            (&people.guest, query.clone()),
            (&people.reader, json!({"cursor": cursor})),
        ] {
            let refused = complaint(&people.rig, token, "secure_query_data", query).await;
            assert!(refused.contains("does not belong"), "{refused}");
        }
    }
    assert_eq!(seen, ["c6", "c4", "c3", "c2", "c1", "c0"]);
}

#[tokio::test]
async fn limits_of_a_query_are_named_when_they_are_broken() {
    let people = people().await;
    let condition = json!({"field": "a", "op": "eq", "value": 1});
    let one = |field: &str, op: &str| json!({"filters": {"and": [{"field": field, "op": op, "value": 1}]}});
    for (arguments, problem) in [
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 1001}), "limit"),
        (json!({"query": ""}), "query"),
        (json!({"tenant_id": "x"}), "dditional properties"),
        (
            json!({"filters": {"and": [{"and": vec![condition.clone(); 11]}, {"or": vec![condition; 10]}]}}),
            "20",
        ),
        (one("a..b", "eq"), "filters"),
        (one("a", "matches"), "filters"),
    ] {
        let said = complaint(&people.rig, &people.reader, "secure_query_data", arguments).await;
        assert!(said.contains(problem), "{problem}: {said}");
    }
}

#[tokio::test]
async fn limits_of_a_record_are_named_when_they_are_broken() {
    let people = people().await;
    let nested = (0..20).fold(json!(1), |inner, _| json!({"n": inner}));
    for (arguments, problem) in [
        (json!({"data": {"t": "x".repeat(256 * 1024)}}), "262144"),
        (json!({"data": nested}), "16 levels"),
        (json!({"data": [1]}), "data"),
        (json!({"record_id": "", "data": {}}), "record_id"),
    ] {
        let said = complaint(&people.rig, &people.all, "save_record", arguments).await;
        assert!(said.contains(problem), "{problem}: {said}");
    }
}
