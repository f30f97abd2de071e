use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::{
    CALLER, CLIENT, FOREIGN, HOME, NOW, OTHER, SIGNER, USER, World, changed, without,
};
use crate::{AccessTokenError, PERSONAL_ACCOUNTS_TENANT, SubjectKind, Tenancy, TokenVersion};

/// Asserts that `$claims`, properly signed, are refused with `$reason`.
macro_rules! refused {
    ($world:expr, $claims:expr, $reason:pat) => {{
        let error = $world.validate(&$claims).await.unwrap_err();
        assert!(matches!(error, $reason), "{error:?}");
    }};
}

#[tokio::test]
async fn a_version_2_token_of_a_user_is_accepted_with_what_it_says() {
    let world = World::new().await;
    let token = world.validate(&world.claims()).await.unwrap();
    assert_eq!(token.tenant_id, HOME);
    assert_eq!(token.object_id, USER);
    assert_eq!(token.subject_kind, SubjectKind::User);
    assert_eq!(token.client_id, Some(CALLER));
    assert_eq!(token.roles, ["Task.Read", "Task.Write"]);
    assert_eq!(token.scopes, ["access_as_user"]);
    assert_eq!(token.name.as_deref(), Some("Reader Contoso"));
    assert_eq!(token.email.as_deref(), Some("reader@contoso.example"));
    assert_eq!(token.version, TokenVersion::V2);
    assert_eq!((token.issued_at, token.expires_at), (NOW - 300, NOW + 3600));
    assert_eq!(token.key_id, "first-key");
}

#[tokio::test]
async fn version_1_tokens_are_accepted_with_each_spelling_of_our_audience() {
    let world = World::new().await;
    for audience in [
        CLIENT.to_string(),
        format!("api://{CLIENT}"),
        "https://contoso.example/entrada".to_owned(),
    ] {
        let claims = changed(world.claims_v1(), json!({"aud": audience}));
        let token = world.validate(&claims).await.unwrap();
        assert_eq!(token.version, TokenVersion::V1);
        assert_eq!(token.client_id, Some(CALLER));
        assert_eq!(token.email.as_deref(), Some("reader@contoso.example"));
    }
}

#[tokio::test]
async fn an_application_is_accepted_only_when_enabled_and_with_a_role() {
    let closed = World::new().await;
    refused!(
        closed,
        closed.claims_app(),
        AccessTokenError::ApplicationTokensRefused
    );
    let open = World::open().await;
    let token = open.validate(&open.claims_app()).await.unwrap();
    assert_eq!(token.subject_kind, SubjectKind::Application);
    assert!(token.scopes.is_empty());
    let no_roles = changed(open.claims_app(), json!({"roles": []}));
    refused!(open, no_roles, AccessTokenError::MissingRoles);
    refused!(
        open,
        without(&open.claims_app(), &["roles"]),
        AccessTokenError::MissingRoles
    );
}

#[tokio::test]
async fn a_user_without_any_role_is_let_in() {
    let world = World::new().await;
    let token = world.validate(&without(&world.claims(), &["roles"])).await;
    assert!(token.unwrap().roles.is_empty());
}

#[tokio::test]
async fn what_is_neither_a_users_nor_an_applications_access_token_is_refused() {
    let world = World::open().await;
    refused!(world, world.claims_id(), AccessTokenError::NotAnAccessToken);
    let silent_app = without(&world.claims_app(), &["idtyp"]);
    refused!(world, silent_app, AccessTokenError::NotAnAccessToken);
    let other_type = changed(world.claims_app(), json!({"idtyp": "device"}));
    refused!(world, other_type, AccessTokenError::NotAnAccessToken);
    let both = changed(world.claims(), json!({"idtyp": "app"}));
    refused!(world, both, AccessTokenError::NotAnAccessToken);
}

#[tokio::test]
async fn the_required_scope_is_a_whole_word_of_scp() {
    let world = World::new().await;
    for scp in ["", "User.Read", "access_as_user2", "Access_As_User"] {
        let claims = changed(world.claims(), json!({"scp": scp}));
        let error = world.validate(&claims).await.unwrap_err();
        let AccessTokenError::MissingScope { required } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(required, "access_as_user");
    }
    let among_others = changed(world.claims(), json!({"scp": "User.Read access_as_user"}));
    assert!(world.validate(&among_others).await.is_ok());
}

#[tokio::test]
async fn a_foreign_audience_is_refused_in_every_form() {
    let world = World::new().await;
    let v2 = [
        json!("00000003-0000-0000-c000-000000000000"),
        json!(format!("api://{CLIENT}")),
        json!("https://contoso.example/entrada"),
        json!([CLIENT]),
        json!([CLIENT, "other"]),
        json!(CLIENT.to_string().replace('3', "4")),
        json!(""),
        json!(1),
    ];
    for audience in v2 {
        let claims = changed(world.claims(), json!({"aud": audience}));
        refused!(world, claims, AccessTokenError::Audience);
    }
    for audience in [
        "https://graph.microsoft.com",
        "api://",
        &format!("api://{OTHER}"),
    ] {
        let claims = changed(world.claims_v1(), json!({"aud": audience}));
        refused!(world, claims, AccessTokenError::Audience);
    }
}

#[tokio::test]
async fn the_issuer_must_be_that_of_the_tenant_and_of_the_version() {
    let world = World::open().await;
    let v1 = format!("https://sts.windows.net/{HOME}/");
    let v2 = world.issuer(HOME);
    let table = [
        json!({"iss": world.issuer(OTHER)}),
        json!({"tid": OTHER}),
        json!({"iss": v1}),
        json!({"iss": v1, "ver": "3.0"}),
        json!({"ver": "1.0"}),
        json!({"iss": format!("{v2}/")}),
        json!({"iss": v2.to_uppercase()}),
        json!({"iss": v2.replace("v2.0", "v2.0x")}),
        json!({"iss": format!("https://evil.example/{HOME}/v2.0")}),
        json!({"iss": "https://accounts.example"}),
        json!({"iss": v1.trim_end_matches('/'), "ver": "1.0"}),
        json!({"iss": format!("https://sts.windows.net/{}/", HOME.simple()), "ver": "1.0"}),
    ];
    for changes in table {
        let claims = changed(world.claims(), changes.clone());
        let error = world.validate(&claims).await.unwrap_err();
        assert!(
            matches!(error, AccessTokenError::Issuer),
            "{changes} {error:?}"
        );
    }
}

#[tokio::test]
async fn tenants_come_in_as_the_tenancy_says() {
    let of = |world: &World, tenant| {
        changed(
            world.claims(),
            json!({"tid": tenant, "iss": world.issuer(tenant)}),
        )
    };
    let home = World::new().await;
    let error = home.validate(&of(&home, OTHER)).await.unwrap_err();
    assert!(
        matches!(error, AccessTokenError::TenantNotAllowed { tenant } if tenant == OTHER),
        "{error:?}"
    );
    let listed = World::open().await;
    assert_eq!(
        listed
            .validate(&of(&listed, OTHER))
            .await
            .unwrap()
            .tenant_id,
        OTHER
    );
    refused!(
        listed,
        of(&listed, PERSONAL_ACCOUNTS_TENANT),
        AccessTokenError::TenantNotAllowed { .. }
    );
    let personal =
        World::with(|settings| settings.tenancy = Tenancy::AnyOrganizationOrPersonal).await;
    let claims = of(&personal, PERSONAL_ACCOUNTS_TENANT);
    assert!(personal.validate(&claims).await.is_ok());
}

#[tokio::test]
async fn a_token_is_good_until_exp_and_from_nbf_less_a_minute() {
    let world = World::new().await;
    let table = [
        (json!({"exp": NOW + 1}), None),
        (json!({"exp": NOW}), Some("expired")),
        (json!({"exp": NOW - 1}), Some("expired")),
        (json!({"nbf": NOW + 60}), None),
        (json!({"nbf": NOW + 61}), Some("early")),
        (json!({"iat": NOW + 60}), None),
        (json!({"iat": NOW + 61}), Some("early")),
        (json!({"nbf": null}), None),
    ];
    for (changes, expected) in table {
        let verdict = world
            .validate(&changed(world.claims(), changes.clone()))
            .await;
        let reason = match verdict {
            Ok(_) => None,
            Err(AccessTokenError::Expired) => Some("expired"),
            Err(AccessTokenError::NotYetValid) => Some("early"),
            Err(error) => panic!("{changes} {error:?}"),
        };
        assert_eq!(reason, expected, "{changes}");
    }
}

#[tokio::test]
async fn every_claim_that_is_needed_is_missed_by_name() {
    let world = World::new().await;
    for name in ["iss", "aud", "tid", "oid", "ver", "exp", "iat"] {
        let error = world.validate(&without(&world.claims(), &[name])).await;
        let error = error.unwrap_err();
        assert!(
            matches!(error, AccessTokenError::MissingClaim(missed) if missed == name),
            "{name} {error:?}"
        );
    }
}

#[tokio::test]
async fn the_calling_client_is_checked_against_the_list_when_there_is_one() {
    let world = World::with(|settings| {
        settings.allowed_clients = Some(BTreeSet::from([CALLER]));
    })
    .await;
    assert!(world.validate(&world.claims()).await.is_ok());
    assert!(world.validate(&world.claims_v1()).await.is_ok());
    for changes in [
        json!({"azp": OTHER}),
        json!({"azp": CLIENT}),
        json!({"azp": null}),
    ] {
        let claims = changed(world.claims(), changes);
        refused!(world, claims, AccessTokenError::ClientNotAllowed);
    }
    // The other version's claim does not count.
    let swapped = changed(world.claims(), json!({"azp": null, "appid": CALLER}));
    refused!(world, swapped, AccessTokenError::ClientNotAllowed);
}

#[tokio::test]
async fn claims_of_a_wrong_type_are_malformed() {
    let world = World::new().await;
    for changes in [
        json!({"exp": "1795251600"}),
        json!({"exp": 1.5}),
        json!({"tid": "contoso"}),
        json!({"oid": 7}),
        json!({"roles": "Task.Read"}),
        json!({"roles": [1]}),
        json!({"scp": ["access_as_user"]}),
    ] {
        let claims = changed(world.claims(), changes);
        refused!(world, claims, AccessTokenError::Malformed);
    }
}

#[tokio::test]
async fn a_token_of_another_app_or_issuer_says_so_though_its_key_is_unknown() {
    let world = World::new().await;
    world.validate(&world.claims()).await.unwrap();
    let fetches = world.authority.fetches("keys");
    let table = [
        (json!({"aud": "https://graph.microsoft.com"}), "audience"),
        (json!({"iss": "https://accounts.example"}), "issuer"),
        (json!({"tid": OTHER, "iss": world.issuer(OTHER)}), "tenant"),
        (json!({"exp": NOW - 1}), "expired"),
    ];
    for (changes, expected) in table {
        let token = FOREIGN.sign(&changed(world.claims(), changes));
        let error = world.validator.validate(&token).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(world.authority.fetches("keys"), fetches, "none asked Entra");
}

#[tokio::test]
async fn a_token_for_microsoft_graph_is_refused_for_its_audience() {
    let world = World::new().await;
    // Graph's tokens have a nonce in the header that is hashed before signing,
    // so their signatures never hold for others.
    let claims = changed(
        world.claims(),
        json!({"aud": "00000003-0000-0000-c000-000000000000"}),
    );
    let signed = SIGNER.sign_text(
        &json!({"typ":"JWT","nonce":"hashed","alg":"RS256","kid":"first-key"}).to_string(),
        &claims.to_string(),
    );
    let (_, rest) = signed.split_once('.').unwrap();
    let shown = json!({"typ":"JWT","nonce":"plain","alg":"RS256","kid":"first-key"});
    let header = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        shown.to_string(),
    );
    let error = world
        .validator
        .validate(&format!("{header}.{rest}"))
        .await
        .unwrap_err();
    assert!(matches!(error, AccessTokenError::Audience), "{error:?}");
}

#[tokio::test]
async fn an_accepted_token_is_cached_until_it_expires_and_a_refused_one_is_not() {
    let world = World::new().await;
    let token = SIGNER.sign(&world.claims());
    assert!(world.cached(&token).is_none());
    let accepted = world.validator.validate(&token).await.unwrap();
    assert_eq!(world.cached(&token), Some(accepted));
    assert!(world.cached(&format!("{token}x")).is_none());
    world.advance(3599);
    assert!(world.cached(&token).is_some());
    world.advance(1);
    assert!(world.cached(&token).is_none());
    let error = world.validator.validate(&token).await.unwrap_err();
    assert!(matches!(error, AccessTokenError::Expired), "{error:?}");

    let refused = SIGNER.sign(&world.claims_id());
    assert!(world.validator.validate(&refused).await.is_err());
    assert!(world.cached(&refused).is_none());
}

#[tokio::test]
async fn the_name_shown_as_e_mail_comes_from_the_best_claim_there_is() {
    let world = World::new().await;
    let table = [
        (json!({"email": "mail@x"}), Some("mail@x")),
        (
            json!({"preferred_username": null, "upn": "upn@x"}),
            Some("upn@x"),
        ),
        (
            json!({"preferred_username": null, "unique_name": "u@x"}),
            Some("u@x"),
        ),
        (json!({"preferred_username": null}), None),
    ];
    for (changes, expected) in table {
        let token = world.validate(&changed(world.claims(), changes)).await;
        assert_eq!(token.unwrap().email.as_deref(), expected);
    }
}

#[test]
fn descriptions_differ_and_can_stand_in_a_quoted_header_parameter() {
    let source = crate::FetchError::TimedOut;
    let errors = [
        AccessTokenError::Malformed,
        AccessTokenError::CriticalHeader,
        AccessTokenError::UnsupportedAlgorithm,
        AccessTokenError::UnknownKey,
        AccessTokenError::Signature,
        AccessTokenError::Issuer,
        AccessTokenError::Audience,
        AccessTokenError::TenantNotAllowed { tenant: OTHER },
        AccessTokenError::Expired,
        AccessTokenError::NotYetValid,
        AccessTokenError::MissingClaim("oid"),
        AccessTokenError::NotAnAccessToken,
        AccessTokenError::MissingScope {
            required: "access_as_user".to_owned(),
        },
        AccessTokenError::ApplicationTokensRefused,
        AccessTokenError::ClientNotAllowed,
        AccessTokenError::MissingRoles,
        AccessTokenError::KeysUnavailable(source),
    ];
    let descriptions: BTreeSet<String> = errors.iter().map(AccessTokenError::description).collect();
    assert_eq!(descriptions.len(), errors.len());
    for description in descriptions {
        assert!(
            description
                .bytes()
                .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
            "{description}"
        );
    }
    assert!(errors.iter().filter(|error| error.is_unavailable()).count() == 1);
}

#[tokio::test]
async fn the_payload_may_hold_members_that_are_unknown() {
    let world = World::new().await;
    let claims = changed(
        world.claims(),
        json!({"xms_cc": ["cp1"], "wids": [Value::Null]}),
    );
    assert!(world.validate(&claims).await.is_ok());
}
