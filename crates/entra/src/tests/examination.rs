use serde_json::json;

use super::world::{FOREIGN, NOW, SIGNER, World, changed, without};
use crate::{Check, Outcome};

/// The checks that fail.
async fn failing(world: &World, token: &str) -> Vec<Check> {
    let examined = world.validator.examine(token).await;
    let failed = |(check, outcome): &(Check, Outcome)| {
        matches!(outcome, Outcome::Failed(_)).then_some(*check)
    };
    examined.checks.iter().filter_map(failed).collect()
}

#[tokio::test]
async fn a_good_token_passes_every_check() {
    let world = World::new().await;
    for claims in [world.claims(), world.claims_v1()] {
        let token = SIGNER.sign(&claims);
        assert!(world.validator.validate(&token).await.is_ok());
        let examined = world.validator.examine(&token).await;
        assert_eq!(examined.checks.len(), 7);
        assert!(
            examined
                .checks
                .iter()
                .all(|(_, outcome)| matches!(outcome, Outcome::Passed))
        );
    }
}

#[tokio::test]
async fn each_fault_is_found_and_the_doors_name_one_of_those_found() {
    let world = World::new().await;
    let claims = world.claims();
    let table = [
        (
            changed(claims.clone(), json!({"aud": "x"})),
            Check::Audience,
        ),
        (changed(claims.clone(), json!({"iss": "x"})), Check::Issuer),
        (
            changed(claims.clone(), json!({"exp": NOW})),
            Check::Lifetime,
        ),
        (changed(claims.clone(), json!({"scp": "x"})), Check::Kind),
        (without(&claims, &["scp"]), Check::Kind),
    ];
    for (claims, check) in table {
        let token = SIGNER.sign(&claims);
        assert_eq!(failing(&world, &token).await, [check], "{claims}");
        let verdict = world.validator.validate(&token).await.unwrap_err();
        let examined = world.validator.examine(&token).await;
        assert!(examined.checks.iter().any(|(_, outcome)| {
            matches!(outcome, Outcome::Failed(error) if error.to_string() == verdict.to_string())
        }));
    }
    assert_eq!(failing(&world, "no.token").await, [Check::Form]);
    let forged = FOREIGN.sign(&claims);
    assert_eq!(failing(&world, &forged).await, [Check::Signature]);
}

#[tokio::test]
async fn several_faults_are_all_named_and_a_foreign_apps_signature_is_left_alone() {
    let world = World::new().await;
    let claims = changed(world.claims(), json!({"aud": "x", "exp": NOW - 1}));
    let token = FOREIGN.sign(&claims);
    assert_eq!(
        failing(&world, &token).await,
        [Check::Audience, Check::Lifetime]
    );
    let examined = world.validator.examine(&token).await;
    assert!(matches!(
        examined.checks[3],
        (Check::Signature, Outcome::Skipped)
    ));
}

#[tokio::test]
async fn without_the_authority_everything_but_the_signature_is_checked() {
    let world = World::new().await;
    world.authority.fail_with(503, "");
    let token = SIGNER.sign(&changed(world.claims(), json!({"aud": "x"})));
    let examined = world.validator.examine(&token).await;
    assert!(matches!(
        examined.checks[3],
        (Check::Signature, Outcome::Unavailable(_))
    ));
    assert_eq!(failing(&world, &token).await, [Check::Audience]);
}
