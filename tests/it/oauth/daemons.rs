//! Daemons: `client_credentials` by a signed assertion, for configured
//! clients alone.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{Clock as _, SystemClock};
use entrada_stand_ins::directory::CONTOSO;
use serde_json::{Value, json};

use crate::rig::Rig;

const ID: &str = "nightly-report";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A daemon's key.
struct Key(EcdsaKeyPair);

impl Key {
    fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "kid": "1", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self
            .0
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "1", "typ": "JWT"})
}

/// Claims as they should be, with changes; `null` leaves one out.
fn claims(rig: &Rig, changes: &Value) -> Value {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let now = SystemClock::new().unix();
    let mut claims = json!({
        "iss": ID, "sub": ID, "aud": rig.handler.base, "iat": now, "exp": now + 60,
        "jti": format!("id-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

async fn rig(key: &Key, daemons: &str) -> Rig {
    let clients = json!({"clients": [{
        "client_id": ID,
        "client_name": "Nightly report",
        "grant_types": ["client_credentials"],
        "jwks": {"keys": [key.jwk()]},
        "tenant_id": CONTOSO,
        "roles": ["Task.Read"],
    }]});
    Rig::with(&[
        ("ENTRADA_CLIENTS", &clients.to_string()),
        ("ENTRADA_DAEMONS", daemons),
    ])
    .await
}

async fn ask(rig: &Rig, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    form.extend(more);
    rig.ask(rig.http.post(rig.url("/token")).form(&form)).await
}

#[tokio::test]
async fn a_daemon_gets_a_token_in_its_own_name_once_for_each_assertion() {
    let key = Key::generate();
    let rig = rig(&key, "true").await;
    let assertion = key.sign(&header(), &claims(&rig, &json!({})));
    let (status, tokens) = ask(&rig, &assertion, &[]).await;
    assert_eq!(status, 200, "{tokens}");
    assert!(tokens.get("refresh_token").is_none());
    assert_eq!(tokens["scope"], "mcp");
    let access = tokens["access_token"].as_str().unwrap();
    let (status, tools) = rig.get("/mcp/tools", access).await;
    assert_eq!(status, 200);
    assert!(tools.to_string().contains("get_weather"), "{tools}");
    assert!(!tools.to_string().contains("set_weather_alert"), "{tools}");
    assert_eq!(rig.get("/api/auth/me", access).await.0, 401);
    let (status, replayed) = ask(&rig, &assertion, &[]).await;
    assert_eq!(
        (status, &replayed["error"]),
        (401, &json!("invalid_client"))
    );
    // It can be taken back like anybody's.
    let own = key.sign(&header(), &claims(&rig, &json!({})));
    let form = [
        ("token", access),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &own),
    ];
    let revoked = rig
        .http
        .post(rig.url("/revoke"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(revoked.status(), 200);
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
}

#[tokio::test]
async fn every_fault_of_an_assertion_is_refused() {
    let key = Key::generate();
    let rig = rig(&key, "true").await;
    let base = rig.handler.base.clone();
    let now = SystemClock::new().unix();
    for changes in [
        json!({"iss": "another"}),
        json!({"sub": "another"}),
        json!({"aud": format!("{base}/token")}),
        json!({"aud": format!("{base}/")}),
        json!({"aud": [base, "https://other.example"]}),
        json!({"aud": null}),
        json!({"exp": null}),
        json!({"exp": now - 1}),
        json!({"exp": now + 400}),
        json!({"exp": now + 400, "iat": null}),
        json!({"iat": now + 200, "exp": now + 300}),
        json!({"nbf": now + 200}),
        json!({"jti": null}),
        json!({"jti": ""}),
    ] {
        let assertion = key.sign(&header(), &claims(&rig, &changes));
        let (status, answer) = ask(&rig, &assertion, &[]).await;
        assert_eq!(
            (status, &answer["error"]),
            (401, &json!("invalid_client")),
            "{changes}"
        );
    }
    let good = claims(&rig, &json!({}));
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256", "kid": "1"}),
        json!({"alg": "ES384", "kid": "1"}),
        json!({"alg": "ES256", "kid": "2"}),
        json!({"alg": "ES256", "kid": "1", "crit": ["x"]}),
    ] {
        let (status, _) = ask(&rig, &key.sign(&header, &good), &[]).await;
        assert_eq!(status, 401, "{header}");
    }
    let stolen = Key::generate().sign(&header(), &good);
    assert_eq!(ask(&rig, &stolen, &[]).await.0, 401);
    assert_eq!(ask(&rig, "a.b.c", &[]).await.0, 401);
    // None of that used the good one's id up.
    assert_eq!(ask(&rig, &key.sign(&header(), &good), &[]).await.0, 200);
    // Without proof there is nothing.
    let form = [("grant_type", "client_credentials"), ("client_id", ID)];
    let unproven = rig.ask(rig.http.post(rig.url("/token")).form(&form)).await;
    assert_eq!(unproven.0, 401);
}

#[tokio::test]
async fn daemons_get_nothing_where_they_are_not_enabled() {
    let key = Key::generate();
    let rig = rig(&key, "false").await;
    let assertion = key.sign(&header(), &claims(&rig, &json!({})));
    let (status, answer) = ask(&rig, &assertion, &[]).await;
    assert_eq!(
        (status, &answer["error"]),
        (400, &json!("unsupported_grant_type"))
    );
}

#[tokio::test]
async fn a_daemons_token_is_for_the_resource_that_it_asked_for() {
    let key = Key::generate();
    let rig = rig(&key, "true").await;
    let webhook = format!("{}/runtime/webhooks/mcp", rig.handler.base);
    let assertion = key.sign(&header(), &claims(&rig, &json!({})));
    let (status, tokens) = ask(&rig, &assertion, &[("resource", &webhook)]).await;
    assert_eq!(status, 200, "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
    for (name, value, error) in [
        ("resource", "https://other.example/mcp", "invalid_target"),
        ("scope", "admin", "invalid_scope"),
    ] {
        let assertion = key.sign(&header(), &claims(&rig, &json!({})));
        let (status, answer) = ask(&rig, &assertion, &[(name, value)]).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)));
    }
}
