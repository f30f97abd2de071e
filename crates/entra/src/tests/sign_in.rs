use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::authority::{Authority, Prepared};
use super::world::{
    CALLER, CLIENT, FOREIGN, HOME, NOW, OTHER, SIGNER, USER, World, changed, eventually, without,
};
use crate::{
    AccessTokenError, AuthorizeRequest, CodeRedemption, EntraError, IdTokenError, Prompt, Tenancy,
    pkce,
};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CAPABILITY: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

fn request() -> AuthorizeRequest {
    AuthorizeRequest {
        state: "the-state".to_owned(),
        nonce: "the-nonce".to_owned(),
        code_challenge: pkce::s256(VERIFIER),
        redirect_uri: "https://entrada.example/auth/callback".to_owned(),
        ..AuthorizeRequest::default()
    }
}

fn redemption() -> CodeRedemption {
    CodeRedemption {
        code: SecretString::from("the-code"),
        code_verifier: SecretString::from(VERIFIER),
        redirect_uri: "https://entrada.example/auth/callback".to_owned(),
        nonce: "the-nonce".to_owned(),
    }
}

#[tokio::test]
async fn the_authorize_url_is_exactly_this() {
    let world = World::new().await;
    let url = world.client.authorize_url(&request()).await.unwrap();
    let expected = format!(
        "{}{HOME}/oauth2/v2.0/authorize?client_id={CLIENT}&response_type=code\
         &redirect_uri=https%3A%2F%2Fentrada.example%2Fauth%2Fcallback&response_mode=query\
         &scope={CLIENT}%2Faccess_as_user+openid+profile+offline_access\
         &state=the-state&nonce=the-nonce\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
         &claims=%7B%22access_token%22%3A%7B%22xms_cc%22%3A%7B%22values%22%3A%5B%22cp1%22%5D%7D%7D%7D",
        world.authority.base
    );
    assert_eq!(url.as_str(), expected);
}

#[tokio::test]
async fn hints_prompt_claims_and_extra_scopes_are_passed_on() {
    let world = World::with(|settings| settings.tenancy = Tenancy::AnyOrganization).await;
    let request = AuthorizeRequest {
        prompt: Some(Prompt::SelectAccount),
        login_hint: Some("a&b@contoso.example".to_owned()),
        domain_hint: Some("contoso.example".to_owned()),
        claims: Some(r#"{"access_token":{"acrs":{"value":"c1"}}}"#.to_owned()),
        extra_scopes: vec![
            "https://graph.microsoft.com/User.Read".to_owned(),
            "openid".to_owned(),
        ],
        ..request()
    };
    let url = world.client.authorize_url(&request).await.unwrap();
    assert_eq!(url.path(), "/organizations/oauth2/v2.0/authorize");
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(query["prompt"], "select_account");
    assert_eq!(query["login_hint"], "a&b@contoso.example");
    assert_eq!(query["domain_hint"], "contoso.example");
    assert_eq!(
        query["scope"],
        format!(
            "{CLIENT}/access_as_user openid profile offline_access https://graph.microsoft.com/User.Read"
        )
    );
    let claims: Value = serde_json::from_str(&query["claims"]).unwrap();
    assert_eq!(claims["access_token"]["acrs"]["value"], "c1");
    assert_eq!(claims["access_token"]["xms_cc"]["values"], json!(["cp1"]));
    assert!(!query.contains_key("resource"));
}

#[tokio::test]
async fn a_request_without_its_bindings_never_leaves() {
    let world = World::new().await;
    let broken = [
        AuthorizeRequest {
            state: String::new(),
            ..request()
        },
        AuthorizeRequest {
            nonce: String::new(),
            ..request()
        },
        AuthorizeRequest {
            code_challenge: String::new(),
            ..request()
        },
        AuthorizeRequest {
            code_challenge: "short".to_owned(),
            ..request()
        },
        AuthorizeRequest {
            claims: Some("[]".to_owned()),
            ..request()
        },
        AuthorizeRequest {
            extra_scopes: vec!["a b".to_owned()],
            ..request()
        },
        AuthorizeRequest {
            extra_scopes: vec!["x".to_owned(); 21],
            ..request()
        },
    ];
    for request in broken {
        let error = world.client.authorize_url(&request).await.unwrap_err();
        assert!(matches!(error, EntraError::Protocol { .. }), "{error:?}");
    }
    assert_eq!(world.authority.fetches(&HOME.to_string()), 0);
}

#[tokio::test]
async fn a_code_is_redeemed_with_exactly_these_fields() {
    let world = World::new().await;
    world.grant(&world.claims_own(), Some(&world.claims_id()));
    let sign_in = world.client.redeem_code(&redemption()).await.unwrap();
    let requests = world.authority.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].realm, HOME.to_string());
    let scope = format!("{CLIENT}/access_as_user openid profile offline_access");
    let client = CLIENT.to_string();
    let expected = BTreeMap::from(
        [
            ("grant_type", "authorization_code"),
            ("client_id", client.as_str()),
            ("client_secret", "s3cret~value"),
            ("code", "the-code"),
            ("code_verifier", VERIFIER),
            ("redirect_uri", "https://entrada.example/auth/callback"),
            ("scope", scope.as_str()),
            ("claims", CAPABILITY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    assert_eq!(requests[0].fields, expected);
    assert_eq!(sign_in.access.object_id, USER);
    assert_eq!(sign_in.id.object_id, USER);
    assert_eq!(sign_in.id.subject, "pairwise");
    assert_eq!(sign_in.tokens.expires_at, NOW + 3599);
    assert_eq!(
        sign_in.tokens.refresh_token.unwrap().expose_secret(),
        "refresh-2"
    );
}

#[tokio::test]
async fn the_token_set_never_outlives_the_access_token() {
    let world = World::new().await;
    let short = changed(world.claims_own(), json!({"exp": NOW + 600}));
    world.grant(&short, Some(&world.claims_id()));
    let sign_in = world.client.redeem_code(&redemption()).await.unwrap();
    assert_eq!(sign_in.tokens.expires_at, NOW + 600);
}

#[tokio::test]
async fn our_own_token_is_accepted_beside_a_list_of_clients_but_opens_no_door() {
    let world = World::with(|settings| {
        settings.allowed_clients = Some(BTreeSet::from([CALLER]));
    })
    .await;
    world.grant(&world.claims_own(), Some(&world.claims_id()));
    let sign_in = world.client.redeem_code(&redemption()).await.unwrap();
    let token = sign_in.tokens.access_token.expose_secret();
    assert!(world.cached(token).is_none());
    let error = world.validator.validate(token).await.unwrap_err();
    assert!(matches!(error, AccessTokenError::ClientNotAllowed));
}

#[tokio::test]
async fn every_fault_of_the_id_token_is_named() {
    let world = World::new().await;
    let id = world.claims_id();
    let with = |changes: Value| SIGNER.sign(&changed(id.clone(), changes));
    let lacking = |name: &str| SIGNER.sign(&without(&id, &[name]));
    let v1 = json!({"iss": format!("https://sts.windows.net/{HOME}/"), "ver": "1.0"});
    let critical = json!({"alg": "RS256", "kid": "first-key", "crit": ["x"]}).to_string();
    let hmac = json!({"alg": "HS256", "kid": "first-key"}).to_string();
    let ours = json!({"alg": "RS256", "kid": "first-key"}).to_string();
    let table = [
        ("x".to_owned(), "malformed"),
        (SIGNER.sign_text(&critical, &id.to_string()), "critical"),
        (SIGNER.sign_text(&hmac, &id.to_string()), "RS256"),
        (FOREIGN.sign(&id), "signing key is unknown"),
        (FOREIGN.sign_text(&ours, &id.to_string()), "signature"),
        (with(json!({"iss": "https://evil.example"})), "issuer"),
        (with(v1), "issuer"),
        (with(json!({"aud": OTHER})), "audience"),
        (with(json!({"aud": [CLIENT]})), "audience"),
        (with(json!({"azp": OTHER})), "authorized party"),
        (
            with(json!({"tid": OTHER, "iss": world.issuer(OTHER)})),
            "tenant",
        ),
        (with(json!({"nonce": "another"})), "nonce is wrong"),
        (lacking("nonce"), "no claim nonce"),
        (with(json!({"exp": NOW})), "expired"),
        (with(json!({"nbf": NOW + 61})), "not yet valid"),
        (lacking("oid"), "no claim oid"),
        (lacking("sub"), "no claim sub"),
        (lacking("ver"), "no claim ver"),
    ];
    for (id_token, expected) in table {
        let answer = json!({
            "token_type": "Bearer", "expires_in": 3599, "scope": "",
            "access_token": SIGNER.sign(&world.claims_own()), "id_token": id_token,
        });
        world.authority.answer(Prepared::json(200, &answer));
        let error = world.client.redeem_code(&redemption()).await.unwrap_err();
        let EntraError::IdToken(reason) = &error else {
            panic!("{expected}: {error:?}");
        };
        assert!(
            reason.to_string().contains(expected),
            "{expected}: {reason}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_an_id_token_is_refused() {
    let world = World::new().await;
    world.grant(&world.claims_own(), None);
    let error = world.client.redeem_code(&redemption()).await.unwrap_err();
    assert!(matches!(error, EntraError::IdToken(IdTokenError::Absent)));
}

#[tokio::test]
async fn tokens_of_two_subjects_are_refused() {
    let world = World::open().await;
    let table = [
        json!({"oid": CALLER}),
        json!({"tid": OTHER, "iss": world.issuer(OTHER)}),
    ];
    for changes in table {
        let id = changed(world.claims_id(), changes);
        world.grant(&world.claims_own(), Some(&id));
        let error = world.client.redeem_code(&redemption()).await.unwrap_err();
        assert!(matches!(error, EntraError::SubjectMismatch), "{error:?}");
    }
}

#[tokio::test]
async fn an_access_token_that_comes_back_is_verified_like_any_other() {
    let world = World::open().await;
    let own = world.claims_own();
    let table = [
        (changed(own.clone(), json!({"aud": OTHER})), "audience"),
        (changed(own.clone(), json!({"scp": "other"})), "scope"),
        (changed(own.clone(), json!({"azp": CALLER})), "client"),
        (changed(own, json!({"exp": NOW - 1})), "expired"),
        (
            changed(world.claims_app(), json!({"azp": CLIENT})),
            "not an access token",
        ),
    ];
    for (access, expected) in table {
        world.grant(&access, Some(&world.claims_id()));
        let error = world.client.redeem_code(&redemption()).await.unwrap_err();
        let EntraError::AccessToken(reason) = &error else {
            panic!("{expected}: {error:?}");
        };
        assert!(reason.to_string().contains(expected), "{reason}");
    }
}

#[tokio::test]
async fn a_code_is_sent_once_whatever_entra_answers() {
    for status in [429, 500, 503] {
        let world = World::new().await;
        world.authority.answer(Prepared::json(status, &json!({})));
        let error = world.client.redeem_code(&redemption()).await.unwrap_err();
        assert!(matches!(error, EntraError::Unavailable { .. }), "{error:?}");
        assert_eq!(world.authority.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_code_is_sent_again_when_entra_was_never_reached() {
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap().to_string();
    drop(reserved);
    let world = World::new().await;
    let late = format!("http://{address}/{HOME}/oauth2/v2.0/token");
    world
        .authority
        .patch_configuration(json!({"token_endpoint": late}));
    let redemption = redemption();
    let (answer, requests) = tokio::join!(world.client.redeem_code(&redemption), async {
        // Long enough for the first attempt to be refused, shorter than the
        // pause before the second.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let authority = Authority::start_at(&address).await;
        authority.answer(Prepared::json(400, &json!({"error": "invalid_grant"})));
        eventually(|| !authority.requests().is_empty()).await;
        authority.requests()
    });
    assert!(matches!(answer, Err(EntraError::InvalidGrant { .. })));
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn answers_that_are_no_bearer_token_are_refused() {
    let world = World::new().await;
    let access = SIGNER.sign(&world.claims_own());
    let table = [
        json!({}),
        json!([]),
        json!({"token_type": "pop", "expires_in": 1, "access_token": access}),
        json!({"token_type": "Bearer", "expires_in": 0, "access_token": access}),
        json!({"token_type": "Bearer", "access_token": access}),
        json!({"token_type": "Bearer", "expires_in": 1}),
    ];
    for answer in table {
        world.authority.answer(Prepared::json(200, &answer));
        let error = world.client.redeem_code(&redemption()).await.unwrap_err();
        assert!(matches!(error, EntraError::Protocol { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let world = World::new().await;
    world.grant(&world.claims_own(), Some(&world.claims_id()));
    let redemption = redemption();
    let sign_in = world.client.redeem_code(&redemption).await.unwrap();
    let printed = format!(
        "{redemption:?} {sign_in:?} {:?} {:?} {:?} {:?}",
        sign_in.tokens,
        request(),
        world.client,
        world.validator,
    );
    for secret in [
        "the-code",
        VERIFIER,
        "refresh-2",
        "s3cret",
        "eyJ",
        "the-nonce",
        "the-state",
    ] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}
