use std::sync::Arc;
use std::time::Duration;

use entrada_tables::{Condition, Query, Row, Tables};
use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::testing::{ALICE, BOB, HOME, World};
use super::{Downstream, DownstreamError, Missing, TABLE};
use crate::auth::{FLOWS_TABLE, Spot};
use crate::identity::{Principal, UserPartition};
use crate::policy::DEFAULT;

const SCOPE: &str = "https://ai.azure.com/.default";
const PERMISSION: &str = "https://ai.azure.com/user_impersonation";
const STRONGER: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

async fn world() -> World {
    World::new(DEFAULT).await
}

async fn alice(world: &World) -> Principal {
    let token = world.entra_token(HOME, ALICE);
    world.caller(&token).await
}

async fn token(downstream: &Downstream, caller: &Principal) -> String {
    let token = downstream.token(caller, SCOPE, None).await.unwrap();
    token.expose_secret().to_owned()
}

#[tokio::test]
async fn entra_is_asked_once_on_behalf_of_the_caller() {
    let world = world().await;
    let text = world.entra_token(HOME, ALICE);
    let caller = world.caller(&text).await;
    let downstream = world.downstream();
    let first = token(&downstream, &caller).await;
    assert_eq!(token(&downstream, &caller).await, first);
    let requests = world.authority.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["requested_token_use"], "on_behalf_of");
    assert_eq!(requests[0]["assertion"], text);
    assert_eq!(requests[0]["scope"], SCOPE);
}

#[tokio::test]
async fn a_token_in_memory_costs_no_round_trip() {
    let world = world().await;
    let caller = alice(&world).await;
    let downstream = world.downstream();
    token(&downstream, &caller).await;
    world.tables.trips();
    token(&downstream, &caller).await;
    assert_eq!(world.tables.trips(), 0);
}

#[tokio::test]
async fn another_instance_finds_the_token_in_storage_and_cannot_read_it_without_the_key() {
    let world = world().await;
    let caller = alice(&world).await;
    let first = token(&world.downstream(), &caller).await;
    assert_eq!(token(&world.downstream(), &caller).await, first);
    assert_eq!(world.authority.requests().len(), 1);
    let partition = UserPartition::of(HOME, ALICE);
    let query = Query::partition(partition.as_str());
    let rows = world.tables.query(TABLE, &query).await.unwrap().rows;
    assert_eq!(rows.len(), 1);
    let sealed = rows[0].binary("token").unwrap();
    let clear = sealed
        .windows(first.len())
        .any(|window| window == first.as_bytes());
    assert!(!clear, "the token lies in storage in the clear");
}

#[tokio::test]
async fn no_session_is_served_the_token_of_another() {
    let world = world().await;
    let downstream = world.downstream();
    let grant = |number: u128| Uuid::from_u128(0x9000 + number);
    let mut texts = vec![
        world.entra_token(HOME, ALICE),
        world.entra_token(HOME, BOB),
        world.own_token(ALICE, grant(1)).await,
        world.own_token(ALICE, grant(2)).await,
        world.own_token(BOB, grant(3)).await,
    ];
    // A second sign-in of the same person, a second later.
    world.advance(1).await;
    texts.push(world.entra_token(HOME, ALICE));
    let mut given = Vec::new();
    for text in &texts {
        let caller = world.caller(text).await;
        given.push(token(&downstream, &caller).await);
    }
    given.sort();
    given.dedup();
    assert_eq!(given.len(), texts.len());
}

#[tokio::test]
async fn a_stronger_token_never_serves_a_weaker_call_nor_the_other_way_round() {
    let world = world().await;
    let caller = alice(&world).await;
    let downstream = world.downstream();
    let strong = downstream
        .token(&caller, SCOPE, Some(STRONGER))
        .await
        .unwrap();
    let weak = downstream.token(&caller, SCOPE, None).await.unwrap();
    let graph = "https://graph.microsoft.com/User.Read";
    let other = downstream.token(&caller, graph, None).await.unwrap();
    let all = [&strong, &weak, &other].map(|token| token.expose_secret().to_owned());
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    let requests = world.authority.requests();
    assert!(requests[0]["claims"].contains("acrs"));
    assert!(!requests[1]["claims"].contains("acrs"));
}

#[tokio::test]
async fn own_tokens_are_exchanged_by_the_token_in_their_grant() {
    let world = world().await;
    let text = world.own_token(ALICE, Uuid::from_u128(0x9001)).await;
    let caller = world.caller(&text).await;
    token(&world.downstream(), &caller).await;
    let assertion = &world.authority.requests()[0]["assertion"];
    assert_ne!(assertion, &text);
    assert_eq!(world.caller(assertion).await.object_id(), ALICE);
}

#[tokio::test]
async fn many_calls_at_once_are_one_request() {
    let world = world().await;
    let caller = alice(&world).await;
    let downstream = world.downstream();
    world.authority.be_slow(Duration::from_millis(50));
    let calls = (0..50).map(|_| {
        let (downstream, caller) = (Arc::clone(&downstream), caller.clone());
        tokio::spawn(async move { token(&downstream, &caller).await })
    });
    let given = join_all(calls).await;
    assert!(
        given
            .iter()
            .all(|token| token.as_ref().unwrap() == "downstream-token-1")
    );
    assert_eq!(world.authority.requests().len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_in_its_last_minute_and_never_served_beyond_the_assertion() {
    let world = world().await;
    let caller = alice(&world).await;
    let downstream = world.downstream();
    world.authority.issue_for(7200);
    token(&downstream, &caller).await;
    world.advance(3539).await;
    token(&downstream, &caller).await;
    assert_eq!(world.authority.requests().len(), 1);
    world.advance(2).await;
    token(&downstream, &caller).await;
    assert_eq!(world.authority.requests().len(), 2);
    world.advance(60).await;
    let error = downstream.token(&caller, SCOPE, None).await.unwrap_err();
    assert!(matches!(error, DownstreamError::Ended(_)), "{error:?}");
    assert_eq!(world.authority.requests().len(), 2);
}

#[tokio::test]
async fn a_refusal_stands_for_ten_seconds_and_is_not_kept_for_other_sessions() {
    let world = world().await;
    let caller = alice(&world).await;
    let downstream = world.downstream();
    world.authority.refuse(
        400,
        json!({"error": "invalid_grant", "error_codes": [65001], "suberror": "consent_required"}),
    );
    for _ in 0..3 {
        let error = downstream.token(&caller, SCOPE, None).await.unwrap_err();
        assert!(
            matches!(error, DownstreamError::ConsentRequired(_)),
            "{error:?}"
        );
    }
    assert_eq!(world.authority.requests().len(), 1);
    let bob = world.caller(&world.entra_token(HOME, BOB)).await;
    token(&downstream, &bob).await;
    world.advance(10).await;
    token(&downstream, &caller).await;
    assert_eq!(world.authority.requests().len(), 3);
}

#[tokio::test]
async fn a_claims_challenge_is_passed_on() {
    let world = world().await;
    let caller = alice(&world).await;
    world.authority.refuse(
        400,
        json!({"error": "interaction_required", "error_codes": [50076], "claims": STRONGER}),
    );
    let error = world.downstream().token(&caller, SCOPE, None).await;
    let error = error.unwrap_err();
    let DownstreamError::InteractionRequired { claims, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(claims.as_deref(), Some(STRONGER));
    let remedies = world.remedies();
    let answer = remedies.answer(&caller, PERMISSION, &error).await;
    assert_eq!(answer.status(), 401);
    let own = world.own_token(ALICE, Uuid::from_u128(0x9001)).await;
    let own = world.caller(&own).await;
    let answer = remedies.answer(&own, PERMISSION, &error).await;
    assert_eq!(answer.status(), 403);
    let link = answer.step_up().unwrap();
    assert!(link.expose().contains("/auth/step-up/"));
    // Neither the error nor the link tells it to a log.
    assert!(!format!("{answer:?} {link:?}").contains("/auth/step-up/"));
}

/// Ids of step-ups that can be followed.
async fn offers(world: &World) -> Vec<Row> {
    let found = world.tables.expired(FLOWS_TABLE, i64::MAX / 2, 1000, None);
    found.await.unwrap().rows
}

#[tokio::test]
async fn calls_that_need_the_same_get_one_link_until_it_was_used_up() {
    let world = world().await;
    let caller = alice(&world).await;
    let needed = async |answer| {
        world.authority.refuse(400, answer);
        let downstream = world.downstream();
        downstream.token(&caller, SCOPE, None).await.unwrap_err()
    };
    let factor =
        json!({"error": "interaction_required", "error_codes": [50076], "claims": STRONGER});
    let factor = needed(factor).await;
    let consent =
        json!({"error": "invalid_grant", "error_codes": [65001], "suberror": "consent_required"});
    let consent = needed(consent).await;
    let mut callers = Vec::new();
    for (person, grant) in [(ALICE, 0x9001), (ALICE, 0x9002), (BOB, 0x9003)] {
        let token = world.own_token(person, Uuid::from_u128(grant)).await;
        callers.push(world.caller(&token).await);
    }
    let remedies = world.remedies();
    let link = async |caller: &Principal, error: &DownstreamError| {
        let answer = remedies.answer(caller, PERMISSION, error).await;
        answer.step_up().unwrap().expose().to_owned()
    };
    let at_once = join_all((0..10).map(|_| link(&callers[0], &factor))).await;
    assert_eq!(offers(&world).await.len(), 1);
    assert!(at_once.iter().all(|one| *one == at_once[0]));
    world.advance(59).await;
    assert_eq!(link(&callers[0], &factor).await, at_once[0]);
    // Another sign-in, or another need.
    let mut different = vec![at_once[0].clone(), link(&callers[0], &consent).await];
    for caller in &callers[1..] {
        different.push(link(caller, &factor).await);
    }
    assert_eq!(offers(&world).await.len(), 4);
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 4);
    // It was used up, on whichever instance.
    let used = Spot::of("stepup", at_once[0].rsplit('/').next().unwrap());
    let condition = Condition::Exists;
    let using = world
        .tables
        .delete(FLOWS_TABLE, &used.partition, &used.row, &condition);
    using.await.unwrap();
    let again = join_all((0..10).map(|_| link(&callers[0], &factor))).await;
    assert_ne!(again[0], at_once[0]);
    assert!(again.iter().all(|one| *one == again[0]));
    assert_eq!(offers(&world).await.len(), 4);
    // It has less than eight minutes left.
    for _ in 0..2 {
        world.advance(60).await;
    }
    assert_ne!(link(&callers[0], &factor).await, again[0]);
}

#[tokio::test]
async fn an_application_is_refused_before_anybody_is_asked() {
    let world = world().await;
    let caller = world.caller(&world.application_token()).await;
    let error = world.downstream().token(&caller, SCOPE, None).await;
    assert!(matches!(error, Err(DownstreamError::ApplicationCaller)));
    assert!(world.authority.requests().is_empty());
}

#[tokio::test]
async fn a_cache_in_storage_that_is_away_costs_nothing_but_time() {
    let world = world().await;
    let caller = alice(&world).await;
    world.tables.lose(TABLE);
    token(&world.downstream(), &caller).await;
    assert_eq!(world.authority.requests().len(), 1);
}

#[tokio::test]
async fn without_the_grant_s_storage_an_own_token_waits_and_an_ended_grant_does_not() {
    let world = world().await;
    let text = world.own_token(ALICE, Uuid::from_u128(0x9001)).await;
    let caller = world.caller(&text).await;
    let downstream = world.downstream();
    world.tables.lose(crate::grants::TABLE);
    let error = downstream.token(&caller, SCOPE, None).await.unwrap_err();
    assert!(
        matches!(
            error,
            DownstreamError::Unavailable {
                what: Missing::Storage,
                ..
            }
        ),
        "{error:?}"
    );
    world.tables.recover();
    // The next call asks again at once.
    token(&downstream, &caller).await;
    let partition = UserPartition::of(HOME, ALICE);
    let row = crate::grants::Grant::row_key(Uuid::from_u128(0x9001));
    let condition = Condition::None;
    world
        .tables
        .delete(crate::grants::TABLE, partition.as_str(), &row, &condition)
        .await
        .unwrap();
    let error = downstream
        .token(&caller, "https://other.example/.default", None)
        .await;
    assert!(matches!(error, Err(DownstreamError::Ended(_))), "{error:?}");
}

#[tokio::test]
async fn what_is_stored_for_a_sign_in_ends_with_it_alone() {
    let world = world().await;
    let downstream = world.downstream();
    let (ending, staying) = (Uuid::from_u128(0x9001), Uuid::from_u128(0x9002));
    for text in [
        world.own_token(ALICE, ending).await,
        world.own_token(ALICE, staying).await,
        world.entra_token(HOME, ALICE),
    ] {
        token(&downstream, &world.caller(&text).await).await;
    }
    let partition = UserPartition::of(HOME, ALICE);
    let rows = async || {
        let query = Query::partition(partition.as_str());
        let rows = world.tables.query(TABLE, &query).await.unwrap().rows;
        let grant = |row: &Row| row.optional_guid("grant_id").unwrap();
        rows.iter().map(grant).collect::<Vec<_>>()
    };
    assert_eq!(rows().await.len(), 3);
    world.grants.end_by_id(&partition, ending).await.unwrap();
    let left = rows().await;
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&Some(staying)) && left.contains(&None));
}

#[tokio::test]
async fn a_sign_in_ends_although_what_is_stored_for_it_cannot_be_removed() {
    let world = world().await;
    let grant = Uuid::from_u128(0x9001);
    let caller = world.caller(&world.own_token(ALICE, grant).await).await;
    world.tables.lose(TABLE);
    let ended = world.grants.end_by_id(&caller.partition(), grant).await;
    assert!(ended.is_err());
    assert_eq!(
        world.revocations.check(&caller),
        crate::identity::RevocationCheck::Revoked
    );
}
