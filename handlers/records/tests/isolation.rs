//! Whatever one tenant sends, another's records are what they were.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::arbitrary::{self, HOSTILE};
use super::{CONTOSO, FABRIKAM, PERSON, World, config, everything, world};
use crate::records::Record;

async fn of_fabrikam(world: &World) -> Vec<Record> {
    let found = world.records.find_of(FABRIKAM, &everything()).await;
    found.unwrap().records
}

#[test]
fn no_input_of_one_tenant_reaches_anothers_records() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(async {
        let world = world().await;
        for (index, id) in HOSTILE.iter().enumerate() {
            let data = json!({"secret": "fabrikam's", "a": id, "n": index});
            world.save(FABRIKAM, id, data).await;
        }
        world
    });
    let before = runtime.block_on(of_fabrikam(&world));
    assert_eq!(before.len(), HOSTILE.len());
    let input = (arbitrary::text(), arbitrary::data(), arbitrary::query());
    let mut runner = TestRunner::new(config());
    runner
        .run(&input, |(id, data, query)| {
            runtime.block_on(async {
                let saved = world
                    .records
                    .save_as(CONTOSO, PERSON, Some(id.clone()), data)
                    .await;
                prop_assert!(saved.is_ok());
                let found = world.records.find_of(CONTOSO, &query).await.unwrap();
                for record in &found.records {
                    prop_assert!(!record.data.contains_key("secret"));
                }
                if let Some(cursor) = found.next_cursor {
                    let query = crate::records::RecordQuery {
                        cursor: Some(cursor),
                        ..query
                    };
                    prop_assert!(world.records.find_of(FABRIKAM, &query).await.is_err());
                }
                let deleted = world.records.delete_of(CONTOSO, &id).await;
                prop_assert!(deleted.unwrap());
                Ok(())
            })
        })
        .unwrap();
    assert_eq!(runtime.block_on(of_fabrikam(&world)), before);
}
