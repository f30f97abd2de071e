//! An authority for tests: signs users' tokens, and answers On-Behalf-Of
//! requests with tokens that say whom they are for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

/// Making a key takes long, so all tests share one.
static SIGNER: LazyLock<RsaKeyPair> =
    LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());

const KEY_ID: &str = "test-key";

#[derive(Default)]
struct Script {
    answers: VecDeque<(u16, Value)>,
    requests: Vec<BTreeMap<String, String>>,
    issued: Vec<String>,
    delay: Duration,
    lifetime: i64,
}

/// The authority.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) base: Url,
    script: Arc<Mutex<Script>>,
}

impl Authority {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let authority = Self {
            base: base.parse().unwrap(),
            script: Arc::new(Mutex::new(Script {
                lifetime: 3599,
                ..Script::default()
            })),
        };
        let router = Router::new()
            .route(
                "/{realm}/v2.0/.well-known/openid-configuration",
                get(configuration),
            )
            .route("/{realm}/discovery/v2.0/keys", get(keys))
            .route("/{realm}/oauth2/v2.0/token", post(token))
            .with_state(authority.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        authority
    }

    fn script<T>(&self, act: impl FnOnce(&mut Script) -> T) -> T {
        act(&mut self.script.lock().unwrap())
    }

    /// What the token endpoint answers next instead of a token.
    pub(crate) fn refuse(&self, status: u16, body: Value) {
        self.script(|script| script.answers.push_back((status, body)));
    }

    /// How long the token endpoint takes.
    pub(crate) fn be_slow(&self, delay: Duration) {
        self.script(|script| script.delay = delay);
    }

    /// How long the tokens live that it issues, in seconds.
    pub(crate) fn issue_for(&self, lifetime: i64) {
        self.script(|script| script.lifetime = lifetime);
    }

    /// The forms that the token endpoint was sent.
    pub(crate) fn requests(&self) -> Vec<BTreeMap<String, String>> {
        self.script(|script| script.requests.clone())
    }

    /// The tokens that it issued.
    pub(crate) fn issued(&self) -> Vec<String> {
        self.script(|script| script.issued.clone())
    }

    /// A token with these claims.
    pub(crate) fn sign(claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": KEY_ID});
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; SIGNER.public_modulus_len()];
        SIGNER
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                input.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn configuration(
    State(authority): State<Authority>,
    Path(realm): Path<String>,
) -> Json<Value> {
    let base = authority.base.as_str().trim_end_matches('/');
    let tenant = match realm.as_str() {
        "organizations" | "common" => "{tenantid}",
        tenant => tenant,
    };
    Json(json!({
        "issuer": format!("{base}/{tenant}/v2.0"),
        "authorization_endpoint": format!("{base}/{realm}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/{realm}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/{realm}/discovery/v2.0/keys"),
    }))
}

async fn keys() -> Json<Value> {
    let public = PublicKeyComponents::<Vec<u8>>::from(SIGNER.public_key());
    Json(json!({"keys": [{
        "kty": "RSA", "use": "sig", "kid": KEY_ID,
        "n": URL_SAFE_NO_PAD.encode(&public.n),
        "e": URL_SAFE_NO_PAD.encode(&public.e),
    }]}))
}

async fn token(
    State(authority): State<Authority>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let delay = authority.script(|script| script.delay);
    tokio::time::sleep(delay).await;
    authority.script(|script| {
        script.requests.push(form);
        if let Some((status, body)) = script.answers.pop_front() {
            let status = StatusCode::from_u16(status).unwrap();
            return (status, Json(body)).into_response();
        }
        let token = format!("downstream-token-{}", script.issued.len() + 1);
        script.issued.push(token.clone());
        Json(json!({
            "token_type": "Bearer", "expires_in": script.lifetime,
            "scope": "https://ai.azure.com/user_impersonation", "access_token": token,
        }))
        .into_response()
    })
}
