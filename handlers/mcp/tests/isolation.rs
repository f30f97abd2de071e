//! Whatever people of one tenant call, those of another read what they read
//! before.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::Kit;
use crate::downstream::testing::{HOME, OTHER};
use crate::identity::Principal;
use crate::mcp::{Outcome, Progress};
use crate::policy::ROLES;

const CITIES: [&str; 2] = ["Lisbon", "Porto"];

const RECORDS: [&str; 4] = ["shared", "a", "' or 1 eq 1 or 'a' eq '", "%"];

/// A call: the tool and its arguments. The tools that ask somebody else are
/// left out, as is `admin_revoke_grants`, which is there to reach other
/// tenants.
fn call() -> impl Strategy<Value = (&'static str, Value)> {
    let record = || proptest::sample::select(RECORDS.to_vec());
    let city = || proptest::sample::select(CITIES.to_vec());
    prop_oneof![
        3 => (record(), any::<i32>())
            .prop_map(|(id, n)| ("save_record", json!({"record_id": id, "data": {"n": n}}))),
        3 => record().prop_map(|id| ("delete_record", json!({"record_id": id}))),
        2 => city().prop_map(|city| {
            ("set_weather_alert", json!({"city": city, "condition": "storm"}))
        }),
        // An alert of the other tenant's or one of their own.
        3 => any::<prop::sample::Index>().prop_map(|index| {
            ("delete_weather_alert", json!({"alert_id": index.index(usize::MAX)}))
        }),
        1 => city().prop_map(|city| ("get_weather", json!({"city": city}))),
        1 => record().prop_map(|text| ("secure_query_data", json!({"query": text}))),
        1 => record().prop_map(|text| {
            let condition = json!({"field": text.replace('.', "_"), "op": "ge", "value": text});
            ("secure_query_data", json!({"filters": {"or": [condition]}}))
        }),
        1 => Just(("admin_weather_stats", json!({}))),
        1 => Just(("admin_audit_query", json!({}))),
        1 => Just(("whoami", json!({}))),
    ]
}

/// What a call comes to.
async fn run(kit: &Kit, who: &Principal, name: &str, arguments: Value) -> Value {
    let arguments = arguments.as_object().cloned();
    let progress = Progress::untold();
    match kit.registry.call(who, name, arguments, &progress).await {
        Outcome::Done(value) => value,
        Outcome::Failed(error) => json!({"failed": error.text()}),
        Outcome::Unknown => json!("unknown"),
    }
}

/// All that somebody reads of their tenant's.
async fn reads(kit: &Kit, who: &Principal) -> Value {
    let mut read = vec![run(kit, who, "secure_query_data", json!({})).await];
    for city in CITIES {
        let weather = run(kit, who, "get_weather", json!({"city": city})).await;
        read.push(weather["alerts"].clone());
    }
    Value::Array(read)
}

/// The ids of the alerts in what somebody reads.
fn alerts_in(read: &Value) -> Vec<Value> {
    let lists = read.as_array().into_iter().flatten();
    let alerts = lists.filter_map(Value::as_array).flatten();
    alerts.map(|alert| alert["alert_id"].clone()).collect()
}

/// Sees to it that somebody has data, some of which names the tenant.
async fn settle(kit: &Kit, who: &Principal) {
    let tenant = who.tenant_id();
    for id in ["owner", RECORDS[0]] {
        let data = json!({"record_id": id, "data": {"owner": tenant}});
        let saved = run(kit, who, "save_record", data).await;
        assert_eq!(saved["record_id"], id, "{saved}");
    }
    if alerts_in(&reads(kit, who).await).is_empty() {
        for city in CITIES {
            let alert = json!({"city": city, "condition": format!("storm of {tenant}")});
            let set = run(kit, who, "set_weather_alert", alert).await;
            assert!(set["alert_id"].is_string(), "{set}");
        }
    }
}

#[test]
fn no_sequence_of_calls_changes_what_another_tenant_reads() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kit = runtime.block_on(Kit::new());
    let people = runtime.block_on(async {
        [
            kit.person(HOME, &ROLES).await,
            kit.person(OTHER, &ROLES).await,
        ]
    });
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(60)
    });
    let calls = proptest::collection::vec(call(), 1..12);
    runner
        .run(&(any::<bool>(), calls), |(home_acts, calls)| {
            let [home, other] = &people;
            let (acting, reading) = if home_acts {
                (home, other)
            } else {
                (other, home)
            };
            let theirs = reading.tenant_id().to_string();
            runtime.block_on(async {
                settle(&kit, reading).await;
                let before = reads(&kit, reading).await;
                prop_assert!(before.to_string().contains(&theirs));
                let alerts = [alerts_in(&before), alerts_in(&reads(&kit, acting).await)].concat();
                for (name, mut arguments) in calls {
                    if let Some(index) = arguments["alert_id"].as_u64() {
                        let index = usize::try_from(index).unwrap() % alerts.len();
                        arguments["alert_id"] = alerts[index].clone();
                    }
                    let told = run(&kit, acting, name, arguments).await.to_string();
                    prop_assert!(!told.contains(&theirs), "{}", told);
                }
                prop_assert_eq!(reads(&kit, reading).await, before);
                Ok(())
            })
        })
        .unwrap();
}
