use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::Url;

/// A signing key of the authority.
pub(super) struct Signer {
    pub(super) id: String,
    pub(super) pair: RsaKeyPair,
}

impl Signer {
    pub(super) fn new(id: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self {
            id: id.to_owned(),
            pair,
        }
    }

    pub(super) fn public(&self) -> PublicKeyComponents<Vec<u8>> {
        PublicKeyComponents::from(self.pair.public_key())
    }

    /// The key as Entra publishes it.
    pub(super) fn jwk(&self) -> Value {
        let public = self.public();
        json!({
            "kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id,
            "n": URL_SAFE_NO_PAD.encode(&public.n),
            "e": URL_SAFE_NO_PAD.encode(&public.e),
            "x5c": ["MIIC"],
        })
    }

    /// A token signed by RS256 over exactly these texts.
    pub(super) fn sign_text(&self, header: &str, payload: &str) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                input.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.id, "x5t": self.id});
        self.sign_text(&header.to_string(), &claims.to_string())
    }
}

/// One answer that the test prepared.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) status: u16,
    pub(super) retry_after: Option<&'static str>,
    pub(super) body: String,
}

impl Prepared {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            retry_after: None,
            body: body.to_string(),
        }
    }
}

#[derive(Default)]
struct Script {
    keys: Vec<Value>,
    fetches: BTreeMap<String, usize>,
    outage: Option<Prepared>,
    configuration_patch: Option<Value>,
    delay: Duration,
    answers: VecDeque<Prepared>,
    requests: Vec<TokenRequest>,
}

/// One request to the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenRequest {
    pub(super) realm: String,
    pub(super) fields: BTreeMap<String, String>,
}

/// The authority: realms of one server, each with configuration, keys and
/// token endpoint.
#[derive(Clone)]
pub(super) struct Authority {
    pub(super) base: Url,
    script: Arc<Mutex<Script>>,
}

impl Authority {
    pub(super) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(super) async fn start_at(address: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let authority = Self {
            base: base.parse().unwrap(),
            script: Arc::default(),
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

    pub(super) fn publish(&self, keys: &[Value]) {
        self.script(|script| script.keys = keys.to_vec());
    }

    /// How often a document was asked for: `keys` or a realm's name.
    pub(super) fn fetches(&self, document: &str) -> usize {
        self.script(|script| script.fetches.get(document).copied().unwrap_or(0))
    }

    /// From now on documents are answered like this.
    pub(super) fn fail_with(&self, status: u16, body: &str) {
        let outage = Prepared {
            status,
            retry_after: None,
            body: body.to_owned(),
        };
        self.script(|script| script.outage = Some(outage));
    }

    pub(super) fn recover(&self) {
        self.script(|script| script.outage = None);
    }

    /// Members that replace those of every configuration.
    pub(super) fn patch_configuration(&self, patch: Value) {
        self.script(|script| script.configuration_patch = Some(patch));
    }

    /// Every document takes this long.
    pub(super) fn be_slow(&self, delay: Duration) {
        self.script(|script| script.delay = delay);
    }

    /// What the token endpoint answers next, in order.
    pub(super) fn answer(&self, prepared: Prepared) {
        self.script(|script| script.answers.push_back(prepared));
    }

    pub(super) fn requests(&self) -> Vec<TokenRequest> {
        self.script(|script| script.requests.clone())
    }

    async fn document(&self, name: &str, body: impl FnOnce(&Script) -> Value) -> Response<Body> {
        let (delay, prepared) = self.script(|script| {
            *script.fetches.entry(name.to_owned()).or_default() += 1;
            let prepared = script
                .outage
                .clone()
                .unwrap_or_else(|| Prepared::json(200, &body(script)));
            (script.delay, prepared)
        });
        tokio::time::sleep(delay).await;
        respond(prepared)
    }
}

fn respond(prepared: Prepared) -> Response<Body> {
    let mut response = Response::builder().status(prepared.status);
    if let Some(seconds) = prepared.retry_after {
        response = response.header("retry-after", seconds);
    }
    response.body(Body::from(prepared.body)).unwrap()
}

async fn configuration(
    State(authority): State<Authority>,
    Path(realm): Path<String>,
) -> Response<Body> {
    let base = authority.base.as_str().trim_end_matches('/').to_owned();
    authority
        .document(&realm, |script| {
            let tenant = match realm.as_str() {
                "organizations" | "common" => "{tenantid}",
                tenant => tenant,
            };
            let mut document = json!({
                "issuer": format!("{base}/{tenant}/v2.0"),
                "authorization_endpoint": format!("{base}/{realm}/oauth2/v2.0/authorize"),
                "token_endpoint": format!("{base}/{realm}/oauth2/v2.0/token"),
                "jwks_uri": format!("{base}/{realm}/discovery/v2.0/keys"),
                "response_modes_supported": ["query", "fragment", "form_post"],
            });
            if let Some(Value::Object(patch)) = script.configuration_patch.clone() {
                document.as_object_mut().unwrap().extend(patch);
            }
            document
        })
        .await
}

async fn keys(State(authority): State<Authority>) -> Response<Body> {
    authority
        .document("keys", |script| json!({"keys": script.keys}))
        .await
}

async fn token(
    State(authority): State<Authority>,
    Path(realm): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response<Body> {
    let content_type = headers.get("content-type").unwrap().to_str().unwrap();
    assert_eq!(content_type, "application/x-www-form-urlencoded");
    assert!(headers.get("authorization").is_none());
    let mut fields = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body.as_bytes()) {
        let twice = fields.insert(name.into_owned(), value.into_owned());
        assert_eq!(twice, None, "a field came twice");
    }
    let prepared = authority.script(|script| {
        script.requests.push(TokenRequest { realm, fields });
        script.answers.pop_front()
    });
    match prepared {
        Some(prepared) => respond(prepared),
        None => Response::builder()
            .status(StatusCode::IM_A_TEAPOT)
            .body(Body::from("the test prepared no answer"))
            .unwrap(),
    }
}
