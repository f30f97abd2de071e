use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::world::{FOREIGN, HOME, OTHER, ROLLED, SIGNER, World, changed, eventually};
use crate::AccessTokenError;

const HOUR: u64 = 3_600;

#[tokio::test]
async fn fifty_concurrent_validations_fetch_each_document_once() {
    let world = World::new().await;
    world.authority.be_slow(Duration::from_millis(50));
    let tokens: Vec<String> = (0..50)
        .map(|n| SIGNER.sign(&changed(world.claims(), json!({"uti": n}))))
        .collect();
    let verdicts = join_all(tokens.iter().map(|token| world.validator.validate(token))).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(world.authority.fetches("keys"), 1);
    assert_eq!(world.authority.fetches(&HOME.to_string()), 1);
}

#[tokio::test]
async fn nothing_is_fetched_before_the_first_token() {
    let world = World::new().await;
    assert!(world.cached("a.b.c").is_none());
    let status = world.validator.keys_status();
    assert_eq!((status.keys, status.age), (0, None));
    assert!(world.validator.validate("a.b.c").await.is_err());
    assert_eq!(world.authority.fetches("keys"), 0);
}

#[tokio::test]
async fn keys_are_fetched_again_after_an_hour_and_nobody_waits_for_it() {
    let world = World::new().await;
    world.validate(&world.long_lived()).await.unwrap();
    world.advance(HOUR - 1);
    world.validate(&world.long_lived()).await.unwrap();
    assert_eq!(world.authority.fetches("keys"), 1);
    world.advance(1);
    // The authority hangs, and the token is accepted all the same.
    world.authority.be_slow(Duration::from_secs(3));
    let claims = changed(world.long_lived(), json!({"uti": "another"}));
    tokio::time::timeout(Duration::from_secs(2), world.validate(&claims))
        .await
        .unwrap()
        .unwrap();
    eventually(|| world.authority.fetches("keys") == 2).await;
}

#[tokio::test]
async fn use_of_cached_tokens_alone_keeps_the_keys_fresh() {
    let world = World::new().await;
    let token = SIGNER.sign(&world.long_lived());
    world.validator.validate(&token).await.unwrap();
    world.advance(HOUR);
    assert!(world.cached(&token).is_some());
    eventually(|| world.validator.keys_status().age == Some(Duration::ZERO)).await;
    assert_eq!(world.authority.fetches("keys"), 2);
}

#[tokio::test]
async fn a_rolled_over_key_is_found_at_once() {
    let world = World::new().await;
    world.validate(&world.claims()).await.unwrap();
    world.authority.publish(&[SIGNER.jwk(), ROLLED.jwk()]);
    let token = ROLLED.sign(&world.claims());
    let accepted = world.validator.validate(&token).await.unwrap();
    assert_eq!(accepted.key_id, "second-key");
    assert_eq!(world.authority.fetches("keys"), 2);
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_in_thirty_seconds() {
    let world = World::new().await;
    world.validate(&world.claims()).await.unwrap();
    let unknown = FOREIGN.sign(&world.claims());
    for _ in 0..10 {
        let error = world.validator.validate(&unknown).await.unwrap_err();
        assert!(matches!(error, AccessTokenError::UnknownKey), "{error:?}");
    }
    assert_eq!(world.authority.fetches("keys"), 2);
    world.advance(29);
    assert!(world.validator.validate(&unknown).await.is_err());
    assert_eq!(world.authority.fetches("keys"), 2);
    world.advance(1);
    assert!(world.validator.validate(&unknown).await.is_err());
    assert_eq!(world.authority.fetches("keys"), 3);
}

#[tokio::test]
async fn whoever_comes_during_the_fetch_for_an_unknown_key_shares_it() {
    let world = World::new().await;
    world.validate(&world.claims()).await.unwrap();
    world.authority.publish(&[SIGNER.jwk(), ROLLED.jwk()]);
    world.authority.be_slow(Duration::from_millis(50));
    let tokens: Vec<String> = (0..50)
        .map(|n| ROLLED.sign(&changed(world.claims(), json!({"uti": n}))))
        .collect();
    let verdicts = join_all(tokens.iter().map(|token| world.validator.validate(token))).await;
    assert!(verdicts.iter().all(Result::is_ok));
    assert_eq!(world.authority.fetches("keys"), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_end_the_fetch_of_the_others() {
    let world = World::new().await;
    world.authority.be_slow(Duration::from_millis(100));
    let token = SIGNER.sign(&world.claims());
    let validator = Arc::clone(&world.validator);
    let impatient = tokio::time::timeout(Duration::from_millis(20), validator.validate(&token));
    let (gone, stayed) = tokio::join!(impatient, world.validator.validate(&token));
    assert!(gone.is_err());
    assert!(stayed.is_ok());
    assert_eq!(world.authority.fetches("keys"), 1);
}

#[tokio::test]
async fn a_key_missing_from_a_good_answer_is_dropped_with_the_tokens_it_signed() {
    let world = World::new().await;
    world.authority.publish(&[SIGNER.jwk(), ROLLED.jwk()]);
    let old = SIGNER.sign(&world.long_lived());
    let new = ROLLED.sign(&world.long_lived());
    world.validator.validate(&old).await.unwrap();
    world.validator.validate(&new).await.unwrap();
    world.authority.publish(&[ROLLED.jwk()]);
    world.advance(HOUR);
    assert!(world.cached(&old).is_some(), "not known yet");
    eventually(|| world.cached(&old).is_none()).await;
    assert!(world.cached(&new).is_some());
    let error = world.validator.validate(&old).await.unwrap_err();
    assert!(matches!(error, AccessTokenError::UnknownKey), "{error:?}");
}

#[tokio::test]
async fn another_key_under_a_known_id_drops_the_tokens_of_the_former() {
    let world = World::new().await;
    let token = SIGNER.sign(&world.long_lived());
    world.validator.validate(&token).await.unwrap();
    let mut replaced = FOREIGN.jwk();
    replaced["kid"] = json!("first-key");
    world.authority.publish(&[replaced]);
    world.advance(HOUR);
    assert!(world.cached(&token).is_some());
    eventually(|| world.cached(&token).is_none()).await;
    let error = world.validator.validate(&token).await.unwrap_err();
    assert!(matches!(error, AccessTokenError::Signature), "{error:?}");
}

#[tokio::test]
async fn in_an_outage_keys_serve_for_a_day_and_then_nothing_is_decided() {
    let world = World::new().await;
    let token = SIGNER.sign(&world.long_lived());
    let other = SIGNER.sign(&changed(world.long_lived(), json!({"uti": "other"})));
    world.validator.validate(&token).await.unwrap();
    world.authority.fail_with(500, "");
    world.advance(24 * HOUR - 1);
    assert!(world.cached(&token).is_some());
    assert!(world.validator.validate(&other).await.is_ok());
    eventually(|| world.validator.keys_status().last_error.is_some()).await;
    world.advance(6);
    assert!(world.cached(&token).is_none());
    let error = world.validator.validate(&token).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let status = world.validator.keys_status();
    assert_eq!(status.keys, 1);
    assert_eq!(status.age, Some(Duration::from_secs(24 * HOUR + 5)));

    world.authority.recover();
    world.advance(6);
    assert!(world.validator.validate(&token).await.is_ok());
    assert!(world.validator.keys_status().last_error.is_none());
}

#[tokio::test]
async fn in_an_outage_an_unknown_key_cannot_be_judged_but_known_ones_can() {
    let world = World::new().await;
    world.validate(&world.claims()).await.unwrap();
    world.authority.fail_with(404, "");
    let unknown = FOREIGN.sign(&world.claims());
    let error = world.validator.validate(&unknown).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    let error = world.validator.validate(&unknown).await.unwrap_err();
    assert!(matches!(error, AccessTokenError::UnknownKey), "{error:?}");
    let known = changed(world.claims(), json!({"uti": "another"}));
    assert!(world.validate(&known).await.is_ok());
    assert_eq!(world.authority.fetches("keys"), 2);
}

#[tokio::test]
async fn without_any_key_callers_get_the_failure_without_asking_each_time() {
    let world = World::new().await;
    world.authority.fail_with(404, "");
    for _ in 0..20 {
        let error = world.validate(&world.claims()).await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
    }
    assert_eq!(world.authority.fetches(&HOME.to_string()), 1);
    world.authority.recover();
    world.advance(5);
    assert!(world.validate(&world.claims()).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_or_too_long_drops_nothing() {
    let long = format!(r#"{{"keys":[],"x":"{}"}}"#, "y".repeat(300 * 1024));
    let unusable = [r#"{"keys":[]}"#, "{}", "<html>", &long];
    for body in unusable {
        let world = World::new().await;
        world.validate(&world.long_lived()).await.unwrap();
        world.authority.fail_with(200, body);
        world.advance(HOUR);
        let claims = changed(world.long_lived(), json!({"uti": "another"}));
        world.validate(&claims).await.unwrap();
        eventually(|| world.validator.keys_status().last_error.is_some()).await;
        assert_eq!(world.validator.keys_status().keys, 1);
    }
}

#[tokio::test]
async fn keys_of_other_types_and_uses_are_passed_over() {
    let world = World::new().await;
    let with = |changes: Value| changed(SIGNER.jwk(), changes);
    let mut without_modulus = SIGNER.jwk();
    without_modulus.as_object_mut().unwrap().remove("n");
    world.authority.publish(&[
        json!({"kty": "EC", "kid": "first-key", "crv": "P-256", "x": "AA", "y": "AA"}),
        json!({"kty": "quantum", "kid": "first-key"}),
        json!("not an object"),
        without_modulus,
        with(json!({"use": "enc"})),
        with(json!({"alg": "RS512"})),
        with(json!({"n": "AQAB"})),
        with(json!({"kid": ""})),
        with(json!({"alg": "RS256"})),
    ]);
    assert!(world.validate(&world.claims()).await.is_ok());
    assert_eq!(world.validator.keys_status().keys, 1);
}

#[tokio::test]
async fn a_key_signs_only_for_the_tenants_that_its_issuer_names() {
    let issuer_of = |world: &World, tenant: &str| format!("{}{tenant}/v2.0", world.authority.base);
    let table = [
        ("{tenantid}", true),
        (&*HOME.to_string(), true),
        (&*OTHER.to_string(), false),
        ("common", false),
    ];
    for (tenant, accepted) in table {
        let world = World::open().await;
        let issuer = issuer_of(&world, tenant);
        world
            .authority
            .publish(&[changed(SIGNER.jwk(), json!({"issuer": issuer}))]);
        for claims in [world.claims(), world.claims_v1()] {
            let verdict = world.validate(&claims).await;
            assert_eq!(verdict.is_ok(), accepted, "{tenant} {verdict:?}");
            if let Err(error) = verdict {
                assert!(matches!(error, AccessTokenError::UnknownKey), "{error:?}");
            }
        }
    }
}
