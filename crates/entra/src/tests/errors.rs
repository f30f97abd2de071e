use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::uuid;

use super::authority::Prepared;
use super::world::{HOME, World};
use crate::EntraError;

/// What Entra answered, as the error that a refresh gives.
async fn error_for(world: &World, status: u16, answer: &Value) -> EntraError {
    world.authority.answer(Prepared::json(status, answer));
    let token = SecretString::from("refresh-1");
    world.client.refresh(HOME, &token, None).await.unwrap_err()
}

fn kind(error: &EntraError) -> &'static str {
    match error {
        EntraError::Unavailable { .. } => "unavailable",
        EntraError::CredentialUnavailable(_) | EntraError::CredentialRefused { .. } => "credential",
        EntraError::Rejected { .. } => "rejected",
        EntraError::InteractionRequired { .. } => "interaction",
        EntraError::ConsentRequired { .. } => "consent",
        EntraError::InvalidGrant { .. } => "grant",
        EntraError::Protocol { .. } => "protocol",
        EntraError::IdToken(_)
        | EntraError::AccessToken(_)
        | EntraError::SubjectMismatch
        | EntraError::ApplicationAssertion => "other",
    }
}

/// `error`, code (0: none), `suberror` (empty: none), and what it becomes.
#[rustfmt::skip]
const ANSWERS: [(&str, u32, &str, &str); 29] = [
    ("invalid_grant", 70_008, "", "grant"),
    ("invalid_grant", 700_082, "", "grant"),
    ("invalid_grant", 50_173, "bad_token", "grant"),
    ("invalid_grant", 50_057, "", "grant"),
    ("invalid_grant", 50_105, "", "grant"),
    ("invalid_grant", 54_005, "", "grant"),
    ("invalid_grant", 50_013, "", "grant"),
    ("invalid_grant", 0, "", "grant"),
    ("invalid_grant", 50_057, "basic_action", "grant"),
    ("invalid_grant", 50_076, "", "interaction"),
    ("invalid_grant", 50_079, "", "interaction"),
    ("invalid_grant", 53_003, "", "interaction"),
    ("interaction_required", 50_076, "", "interaction"),
    ("invalid_grant", 0, "basic_action", "interaction"),
    ("login_required", 0, "", "interaction"),
    ("invalid_grant", 65_001, "", "consent"),
    ("invalid_grant", 0, "consent_required", "consent"),
    ("interaction_required", 65_001, "", "consent"),
    ("invalid_grant", 90_094, "", "consent"),
    ("invalid_client", 7_000_215, "", "rejected"),
    ("invalid_client", 7_000_222, "", "rejected"),
    ("invalid_client", 700_024, "", "rejected"),
    ("invalid_request", 700_213, "", "credential"),
    ("invalid_target", 9_010_010, "", "rejected"),
    ("invalid_resource", 500_011, "", "rejected"),
    ("temporarily_unavailable", 0, "", "unavailable"),
    ("server_error", 90_033, "", "unavailable"),
    ("", 0, "", "protocol"),
    ("<script>\n", 0, "", "protocol"),
];

#[tokio::test]
async fn each_answer_becomes_the_error_that_says_who_can_mend_it() {
    let world = World::new().await;
    for (error, code, suberror, expected) in ANSWERS {
        let mut answer = json!({"error": error});
        if code != 0 {
            answer["error_codes"] = json!([code]);
        }
        if !suberror.is_empty() {
            answer["suberror"] = json!(suberror);
        }
        for status in [400, 401] {
            let error = error_for(&world, status, &answer).await;
            assert_eq!(kind(&error), expected, "{answer} {error:?}");
        }
    }
    for answer in [json!({}), json!({"error": "x".repeat(65)})] {
        assert_eq!(kind(&error_for(&world, 400, &answer).await), "protocol");
    }
}

#[tokio::test]
async fn a_claims_challenge_is_kept_and_makes_it_an_interaction() {
    let world = World::new().await;
    let claims = r#"{"access_token":{"capolids":{"essential":true,"values":["p"]}}}"#;
    let answer = json!({
        "error": "invalid_grant", "error_codes": [50173], "claims": claims,
    });
    let error = error_for(&world, 400, &answer).await;
    let EntraError::InteractionRequired { claims: kept, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(kept.as_deref(), Some(claims));
}

#[tokio::test]
async fn claims_that_are_no_challenge_are_not_kept() {
    let world = World::new().await;
    let answer = json!({
        "error": "interaction_required", "error_codes": [50076], "claims": "not json",
    });
    let error = error_for(&world, 400, &answer).await;
    assert!(
        matches!(error, EntraError::InteractionRequired { claims: None, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_rejection_has_the_code_what_is_known_of_it_and_entras_ids() {
    let world = World::new().await;
    let answer = json!({
        "error": "invalid_client", "error_codes": [7_000_215],
        "error_description": "AADSTS7000215: Invalid client secret provided. Trace ID: …",
        "trace_id": "66666666-6666-4666-8666-666666666666",
        "correlation_id": "77777777-7777-4777-8777-777777777777",
        "timestamp": "2026-11-21 08:00:00Z", "error_uri": "https://login.example/error?code=7000215",
    });
    let error = error_for(&world, 401, &answer).await;
    let rejection = error.rejection().unwrap();
    assert_eq!(rejection.error, "invalid_client");
    assert_eq!(rejection.code, Some(7_000_215));
    assert_eq!(rejection.aadsts.unwrap().name, "InvalidClientSecret");
    assert_eq!(
        rejection.correlation_id,
        Some(uuid!("77777777-7777-4777-8777-777777777777"))
    );
    assert_eq!(
        error.to_string(),
        "Microsoft Entra ID refused: invalid_client AADSTS7000215 (InvalidClientSecret), \
         correlation id 77777777-7777-4777-8777-777777777777"
    );
}

#[tokio::test]
async fn descriptions_which_may_name_people_are_not_kept() {
    let world = World::new().await;
    let answer = json!({
        "error": "invalid_grant",
        "error_description": "AADSTS50020: User account 'guest@fabrikam.example' does not exist",
    });
    let error = error_for(&world, 400, &answer).await;
    assert_eq!(error.rejection().unwrap().code, Some(50020));
    assert!(!format!("{error:?} {error}").contains("fabrikam"));
}

#[tokio::test]
async fn an_answer_that_is_neither_success_nor_error_is_a_protocol_fault() {
    let world = World::new().await;
    for status in [204, 302, 304] {
        let error = error_for(&world, status, &json!({})).await;
        assert_eq!(kind(&error), "protocol", "{status} {error:?}");
    }
}

#[test]
fn the_error_of_an_authorization_response_is_read_like_any_other() {
    let of =
        |error, description| kind(&EntraError::from_authorization_response(error, description));
    assert_eq!(
        of(
            "access_denied",
            Some("AADSTS65004: User declined to consent")
        ),
        "consent"
    );
    assert_eq!(of("access_denied", None), "rejected");
    assert_eq!(of("login_required", Some("AADSTS50058: …")), "interaction");
    assert_eq!(of("invalid_client", Some("AADSTS650053: …")), "rejected");
    assert_eq!(of("\"><script>", None), "protocol");
}
