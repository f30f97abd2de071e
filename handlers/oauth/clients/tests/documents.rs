use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::ManualClock;
use serde_json::{Value, json};

use super::super::documents::Documents;
use super::super::fetch::{Errand, Fetcher};
use super::super::{
    AddressPolicy, Client, ClientAuthentication, ClientError, ClientOrigin, GrantType,
    RedirectRules, SystemLookup,
};
use super::keys::p256_jwk;
use super::server::{Answer, Server};
use super::world;
use crate::config::BaseUrl;

pub(super) struct Field {
    pub(super) server: Server,
    clock: Arc<ManualClock>,
    pub(super) documents: Arc<Documents>,
    pub(super) id: String,
}

impl Field {
    pub(super) async fn new() -> Self {
        let server = Server::plain().await;
        let clock = world::clock();
        let documents = Arc::new(documents(
            AddressPolicy::LoopbackToo,
            "http://localhost:7071",
            clock.clone(),
        ));
        let id = server.url("/client.json");
        server.say(Answer::json(&document(&id)));
        Self {
            server,
            clock,
            documents,
            id,
        }
    }

    pub(super) async fn find(&self) -> Result<Arc<Client>, ClientError> {
        self.documents.find(&self.id, Errand::Page).await
    }

    pub(super) async fn reason(&self) -> String {
        match self.find().await {
            Err(ClientError::Refused { reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn documents(policy: AddressPolicy, own: &str, clock: Arc<ManualClock>) -> Documents {
    let own = BaseUrl::parse(own).unwrap();
    let fetcher = Fetcher::new(policy, own, Arc::new(SystemLookup));
    Documents::new(fetcher, RedirectRules::new([]), clock)
}

pub(super) fn document(id: &str) -> Value {
    json!({
        "client_id": id,
        "client_name": "Claude Code",
        "client_uri": "https://claude.ai",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

fn with(mut document: Value, name: &str, value: Value) -> Value {
    document[name] = value;
    document
}

#[tokio::test]
async fn a_client_is_what_its_document_says() {
    let field = Field::new().await;
    let client = field.find().await.unwrap();
    assert_eq!(client.id, field.id);
    assert_eq!(client.name.as_deref(), Some("Claude Code"));
    assert_eq!(client.uri.as_deref(), Some("https://claude.ai/"));
    assert_eq!(client.origin, ClientOrigin::MetadataDocument);
    assert!(client.needs_consent());
    assert!(
        client
            .redirect_uri("http://localhost:40404/callback")
            .is_ok()
    );
    assert!(client.grant_types.contains(&GrantType::RefreshToken));
    assert!(matches!(client.authentication, ClientAuthentication::None));
    assert_eq!(client.scope.as_deref(), Some("mcp"));
}

async fn refused(members: &[(&str, Value, &str)]) {
    let field = Field::new().await;
    for (name, value, reason) in members {
        let document = with(document(&field.id), name, value.clone());
        field.server.say(Answer::json(&document));
        let found = field.reason().await;
        assert!(found.contains(reason), "{document}: {found}");
    }
}

#[tokio::test]
async fn a_document_of_another_url_is_refused() {
    refused(&[
        (
            "client_id",
            json!("https://other.example/c"),
            "is not the document's URL",
        ),
        ("client_id", json!(""), "is not the document's URL"),
        ("client_id", json!(null), "not client metadata"),
    ])
    .await;
    let field = Field::new().await;
    for id in [format!("{}?", field.id), field.server.url("/client.json/")] {
        field.server.say(Answer::json(&document(&id)));
        assert!(field.reason().await.contains("is not the document's URL"));
    }
}

#[tokio::test]
async fn a_document_with_a_shared_secret_is_refused() {
    let method = "token_endpoint_auth_method";
    refused(&[
        ("client_secret", json!("hunter2"), "client secret"),
        ("client_secret_expires_at", json!(0), "client secret"),
        (
            method,
            json!("client_secret_post"),
            "none or private_key_jwt",
        ),
        (
            method,
            json!("client_secret_basic"),
            "none or private_key_jwt",
        ),
        (
            method,
            json!("client_secret_jwt"),
            "none or private_key_jwt",
        ),
        (method, json!("private_key_jwt"), "either jwks or jwks_uri"),
    ])
    .await;
}

#[tokio::test]
async fn a_document_that_is_not_a_client_of_people_is_refused() {
    refused(&[
        (
            "redirect_uris",
            json!(["myapp://callback"]),
            "no redirect URI",
        ),
        ("redirect_uris", json!([]), "no redirect URI"),
        ("redirect_uris", json!("x"), "not client metadata"),
        ("redirect_uris", json!(null), "not client metadata"),
        (
            "redirect_uris",
            json!(vec!["https://a.example/"; 21]),
            "more than 20",
        ),
        (
            "grant_types",
            json!(["client_credentials"]),
            "authorization_code",
        ),
        ("response_types", json!(["token"]), "code"),
        ("scope", json!("a\"b"), "scope"),
    ])
    .await;
    let field = Field::new().await;
    for text in ["", "[]", "null", "\"x\"", "{", "{}"] {
        let mut answer = Answer::json(&json!({}));
        answer.body = text.to_owned();
        field.server.say(answer);
        assert!(
            field.reason().await.contains("not client metadata"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_taken_is_left_out() {
    let field = Field::new().await;
    let uris = json!([
        "vscode://x/y",
        "http://127.0.0.1/",
        "https://vscode.dev/redirect"
    ]);
    let document = with(document(&field.id), "redirect_uris", uris);
    field.server.say(Answer::json(&document));
    let client = field.find().await.unwrap();
    assert_eq!(
        client.redirect_uris,
        ["http://127.0.0.1/", "https://vscode.dev/redirect"]
    );
    assert!(client.redirect_uri("vscode://x/y").is_err());
}

#[tokio::test]
async fn an_answer_that_is_not_plainly_the_document_is_refused() {
    let field = Field::new().await;
    let good = Answer::json(&document(&field.id));
    let elsewhere = field.server.url("/elsewhere");
    for status in [301, 302, 303, 307, 308] {
        let redirect = good.clone().status(status).header("location", &elsewhere);
        field.server.say(redirect);
        assert!(field.reason().await.contains("redirects"), "{status}");
    }
    assert_eq!(field.server.hits(), 5, "no redirect was followed");
    for status in [201, 204, 206, 400, 401, 403, 404, 410] {
        field.server.say(good.clone().status(status));
        assert!(
            field.reason().await.contains(&status.to_string()),
            "{status}"
        );
    }
    for kind in [
        "text/html",
        "text/plain",
        "application/jsonp",
        "application/octet-stream",
        "",
    ] {
        let mut answer = good.clone();
        answer.headers = vec![("content-type", kind.to_owned())];
        field.server.say(answer);
        assert!(field.reason().await.contains("content type"), "{kind}");
    }
    let mut answer = good.clone();
    answer.headers.clear();
    field.server.say(answer);
    assert!(field.reason().await.contains("content type"));
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/cimd+json",
    ] {
        let mut answer = good.clone();
        answer.headers = vec![("content-type", kind.to_owned())];
        answer
            .headers
            .push(("cache-control", "max-age=0".to_owned()));
        field.server.say(answer);
        assert!(field.find().await.is_ok(), "{kind}");
        field.pass(300);
    }
}

#[tokio::test]
async fn a_document_of_five_kibibytes_is_read_and_one_more_byte_is_not() {
    let field = Field::new().await;
    let mut answer = Answer::json(&document(&field.id));
    answer
        .body
        .push_str(&" ".repeat(5 * 1024 + 1 - answer.body.len()));
    field.server.say(answer.clone());
    assert!(field.reason().await.contains("longer than 5 KiB"));
    answer.body.pop();
    field.server.say(answer);
    field.find().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_or_trickles_is_not_waited_for() {
    let field = Field::new().await;
    let mut silent = Answer::json(&document(&field.id));
    silent.delay = Duration::from_mins(10);
    let mut trickling = Answer::json(&document(&field.id));
    trickling.trickle = true;
    for answer in [silent, trickling] {
        field.server.say(answer);
        let found = tokio::time::timeout(Duration::from_secs(6), field.find()).await;
        let found = found.expect("it took longer than five seconds");
        assert!(
            matches!(found, Err(ClientError::Unavailable { .. })),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_overloaded_may_come_back() {
    let field = Field::new().await;
    for status in [429, 500, 502, 503] {
        field.server.say(Answer::json(&json!({})).status(status));
        let found = field.find().await;
        assert!(
            matches!(found, Err(ClientError::Unavailable { .. })),
            "{found:?}"
        );
    }
    let nobody = field
        .documents
        .find("http://127.0.0.1:1/client.json", Errand::Page)
        .await;
    assert!(
        matches!(nobody, Err(ClientError::Unavailable { .. })),
        "{nobody:?}"
    );
    field.server.say(Answer::json(&document(&field.id)));
    field.find().await.unwrap();
}

#[tokio::test]
async fn keys_come_with_the_document_or_from_their_own_place() {
    let field = Field::new().await;
    let method = with(
        document(&field.id),
        "token_endpoint_auth_method",
        json!("private_key_jwt"),
    );
    let set = json!({"keys": [p256_jwk("1")]});
    field
        .server
        .say(Answer::json(&with(method.clone(), "jwks", set.clone())));
    let client = field.find().await.unwrap();
    assert!(matches!(
        client.authentication,
        ClientAuthentication::PrivateKeyJwt { .. }
    ));

    let field = Field::new().await;
    let method = with(method, "client_id", json!(field.id));
    let described = with(method, "jwks_uri", json!(field.server.url("/keys.json")));
    field.server.say_by_path(move |path| match path {
        "/keys.json" => Answer::json(&set).header("cache-control", "max-age=600"),
        _ => Answer::json(&described).header("cache-control", "max-age=86400"),
    });
    let client = field.find().await.unwrap();
    assert!(matches!(
        client.authentication,
        ClientAuthentication::PrivateKeyJwt { .. }
    ));
    assert_eq!(field.server.hits(), 2);
    field.pass(599);
    field.find().await.unwrap();
    assert_eq!(field.server.hits(), 2);
    field.pass(1);
    field.find().await.unwrap();
    assert_eq!(field.server.hits(), 4, "the shorter lifetime counts");
}

#[tokio::test]
async fn the_place_of_keys_is_held_to_the_same_rules() {
    let field = Field::new().await;
    let method = with(
        document(&field.id),
        "token_endpoint_auth_method",
        json!("private_key_jwt"),
    );
    for (uri, reason) in [
        ("http://10.0.0.1/keys".to_owned(), "https://"),
        ("https://10.0.0.1/keys".to_owned(), "private use"),
        ("https://keys.example:8443/keys".to_owned(), "port"),
        (
            "http://localhost:7071/.well-known/jwks.json".to_owned(),
            "this server's own",
        ),
        ("file:///etc/passwd".to_owned(), "https://"),
        ("keys".to_owned(), "jwks_uri is not a URL"),
        (field.server.url("/redirect"), "redirects"),
        (field.server.url("/symmetric"), "symmetric or a private key"),
        (field.server.url("/text"), "content type"),
    ] {
        let described = with(method.clone(), "jwks_uri", json!(uri));
        field.server.say_by_path(move |path| match path {
            "/redirect" => Answer::json(&json!({}))
                .status(302)
                .header("location", "/keys"),
            "/symmetric" => Answer::json(&json!({"keys": [{"kty": "oct", "k": "AAAA"}]})),
            "/text" => {
                let mut answer = Answer::json(&json!({"keys": []}));
                answer.headers = vec![("content-type", "text/plain".to_owned())];
                answer
            }
            _ => Answer::json(&described),
        });
        let found = field.reason().await;
        assert!(found.contains(reason), "{uri}: {found}");
    }
}

#[tokio::test]
async fn ids_that_are_not_proper_urls_are_refused_without_a_fetch() {
    let documents = documents(
        AddressPolicy::PublicOnly,
        "https://entrada.example",
        world::clock(),
    );
    let long = format!("https://client.example/{}", "x".repeat(1024));
    for (id, reason) in [
        ("https://client.example", "path"),
        ("https://client.example/", "path"),
        ("https://client.example/a#b", "fragment"),
        ("https://user@client.example/a", "credentials"),
        ("https://client.example/a/../b", "normal form"),
        ("https://client.example/a/%2e%2e/b", "normal form"),
        ("https://Client.example/a", "normal form"),
        ("https://client.example:443/a", "normal form"),
        ("https://client.example:8443/a", "port"),
        ("http://client.example/a", "https://"),
        ("http://localhost/a", "https://"),
        ("https://entrada.example/a", "this server's own"),
        ("https://entrada.example./a", "this server's own"),
        ("https://127.0.0.1/a", "loopback"),
        ("https://2130706433/a", "normal form"),
        ("https://0x7f.1/a", "normal form"),
        ("https://169.254.169.254/metadata", "link-local"),
        ("https://168.63.129.16/a", "Azure platform"),
        ("https://[::1]/a", "loopback"),
        ("https://[::ffff:7f00:1]/a", "IPv4-mapped"),
        ("https://[64:ff9b::a9fe:a9fe]/a", "NAT64"),
        ("https://[2002:a9fe:a9fe::1]/a", "6to4"),
        ("https://[fd00::1]/a", "unique local"),
        ("https://localhost/a", "no address on the public internet"),
        (long.as_str(), "1,024"),
    ] {
        match documents.find(id, Errand::Page).await {
            Err(ClientError::Refused { reason: found }) => {
                assert!(found.contains(reason), "{id}: {found}");
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}
