use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entrada_ambient::{NetworkOptions, SystemClock, SystemRandom, http_client};
use serde_json::{Value, json};

use crate::directory::FABRIKAM;
use crate::{SignatureKind, StandInOptions, StandIns, TokenKind, TokenRequest, start};

struct Bench {
    stand_ins: StandIns,
    http: reqwest::Client,
}

struct Answer {
    status: u16,
    challenge: String,
    body: Value,
}

impl Bench {
    async fn start() -> Self {
        let options = StandInOptions::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
        Self {
            stand_ins: start(options).await.unwrap(),
            http: http_client(&NetworkOptions::default()).unwrap(),
        }
    }

    fn mint(&self, request: TokenRequest) -> String {
        let graph = Some("https://graph.microsoft.com".to_owned());
        let resource = request.resource.clone().or(graph);
        let request = TokenRequest {
            resource,
            ..request
        };
        self.stand_ins.mint(&request).unwrap()
    }

    async fn me(&self, token: &str, query: &str) -> Answer {
        let url = format!("{}graph/v1.0/me{query}", self.stand_ins.url());
        let mut request = self.http.get(url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let challenge = response.headers().get("www-authenticate");
        Answer {
            status: response.status().as_u16(),
            challenge: challenge
                .map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
            body: response.json().await.unwrap(),
        }
    }
}

fn reader() -> TokenRequest {
    TokenRequest::for_persona("reader").with("scp", "User.Read")
}

#[tokio::test]
async fn a_person_reads_the_own_profile_and_what_was_selected_of_it() {
    let bench = Bench::start().await;
    let token = bench.mint(reader());
    let all = bench.me(&token, "").await;
    assert_eq!(all.status, 200);
    assert_eq!(all.body["displayName"], "Rita Reader");
    assert_eq!(all.body["userPrincipalName"], "reader@contoso.example");
    assert!(all.body["mobilePhone"].is_null());
    let some = bench.me(&token, "?$select=id,surname").await;
    let mut names: Vec<_> = some.body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["@odata.context", "id", "surname"]);
    for query in ["?$select=nickname", "?$top=1", "?select=id"] {
        let refused = bench.me(&token, query).await;
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.body["error"]["code"], "BadRequest");
    }
}

#[tokio::test]
async fn a_guest_is_served_since_graph_is_every_tenants() {
    let bench = Bench::start().await;
    let token = bench.mint(TokenRequest::for_persona("guest").with("scp", "User.Read"));
    assert_eq!(bench.me(&token, "").await.body["displayName"], "Gus Guest");
}

#[tokio::test]
async fn tokens_that_are_not_good_for_graph_are_refused_with_the_reason() {
    let bench = Bench::start().await;
    let foundry = TokenRequest {
        resource: Some("https://ai.azure.com".to_owned()),
        ..reader()
    };
    let signed = |signature| TokenRequest {
        signature,
        ..reader()
    };
    for (request, reason) in [
        (foundry, "Invalid audience"),
        (
            reader().with("aud", "https://graph.windows.net"),
            "Invalid audience",
        ),
        (
            reader().with("iss", "https://evil.example/"),
            "Invalid issuer",
        ),
        (reader().with("tid", FABRIKAM.to_string()), "Invalid issuer"),
        (signed(SignatureKind::Corrupt), "Signature"),
        (signed(SignatureKind::None), "CompactToken"),
        (
            TokenRequest {
                expires_in: Some(-1),
                ..reader()
            },
            "expired",
        ),
        (
            TokenRequest {
                kind: TokenKind::Id,
                ..TokenRequest::for_persona("reader")
            },
            "validation failure",
        ),
    ] {
        let label = format!("{request:?}");
        let refused = bench.me(&bench.mint(request), "").await;
        assert_eq!(refused.status, 401, "{label}");
        let error = &refused.body["error"];
        assert_eq!(error["code"], "InvalidAuthenticationToken", "{label}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(reason), "{label}: {message}");
        assert_eq!(
            error["innerError"]["request-id"].as_str().unwrap().len(),
            36
        );
        assert!(
            refused.challenge.starts_with("Bearer realm=\"\""),
            "{label}"
        );
        assert!(!refused.challenge.contains("claims"), "{label}");
    }
    let empty = bench.me("", "").await;
    assert_eq!(empty.body["error"]["message"], "Access token is empty.");
}

#[tokio::test]
async fn the_permission_decides_and_applications_have_no_me() {
    let bench = Bench::start().await;
    let other = bench.mint(reader().with("scp", "Mail.Read User.ReadBasic.All"));
    let denied = bench.me(&other, "").await;
    assert_eq!(denied.status, 403);
    assert_eq!(denied.body["error"]["code"], "Authorization_RequestDenied");
    let daemon = bench.mint(TokenRequest::for_persona("daemon"));
    let refused = bench.me(&daemon, "").await;
    assert_eq!(refused.status, 400);
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("/me request is only valid"),
        "{message}"
    );
}

#[tokio::test]
async fn a_token_from_before_a_revocation_meets_a_claims_challenge() {
    let bench = Bench::start().await;
    let token = bench.mint(reader());
    assert_eq!(bench.me(&token, "").await.status, 200);
    let control = format!("{}stand-in/people/reader", bench.stand_ins.url());
    let revoke = json!({"revoke_sessions": true});
    let answer = bench.http.post(control).json(&revoke).send().await.unwrap();
    assert!(answer.status().is_success());
    let refused = bench.me(&token, "").await;
    assert_eq!(refused.status, 401);
    assert!(refused.challenge.contains("error=\"insufficient_claims\""));
    let claims = refused.challenge.split("claims=\"").nth(1).unwrap();
    let claims = STANDARD.decode(claims.trim_end_matches('"')).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["access_token"]["nbf"]["essential"], true);
}

#[tokio::test]
async fn other_routes_do_not_exist() {
    let bench = Bench::start().await;
    let url = format!(
        "{}graph/v1.0/users/somebody/messages",
        bench.stand_ins.url()
    );
    let response = bench.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 404);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "ResourceNotFound");
}
