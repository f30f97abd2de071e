//! What clients discover.

use serde_json::{Value, json};

use super::application::{Application, LOOPBACK};
use crate::rig::{Person, Rig};

async fn document(rig: &Rig, path: &str) -> Value {
    let response = rig.http.get(rig.url(path)).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

#[tokio::test]
async fn both_documents_name_one_issuer_and_what_mcp_clients_insist_on() {
    let rig = Rig::start().await;
    let base = &rig.handler.base;
    let rfc8414 = document(&rig, "/.well-known/oauth-authorization-server").await;
    let openid = document(&rig, "/.well-known/openid-configuration").await;
    for metadata in [&rfc8414, &openid] {
        assert_eq!(metadata["issuer"], json!(base));
        assert_eq!(
            metadata["code_challenge_methods_supported"],
            json!(["S256"])
        );
        assert_eq!(metadata["response_types_supported"], json!(["code"]));
        assert_eq!(
            metadata["scopes_supported"],
            json!(["mcp", "offline_access"])
        );
        assert_eq!(
            metadata["authorization_response_iss_parameter_supported"],
            json!(true)
        );
        assert_eq!(
            metadata["client_id_metadata_document_supported"],
            json!(true)
        );
        let methods = metadata["token_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap();
        assert!(methods.contains(&json!("none")), "{methods:?}");
        assert_eq!(
            metadata["grant_types_supported"],
            json!(["authorization_code", "refresh_token"])
        );
        for (name, path) in [
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("registration_endpoint", "/register"),
            ("revocation_endpoint", "/revoke"),
            ("jwks_uri", "/.well-known/jwks.json"),
        ] {
            assert_eq!(metadata[name], json!(format!("{base}{path}")));
        }
    }
    assert_eq!(openid["subject_types_supported"], json!(["public"]));
    // The protected resource names the same server, byte for byte.
    let resource = document(&rig, "/.well-known/oauth-protected-resource/mcp").await;
    assert_eq!(resource["authorization_servers"][0], rfc8414["issuer"]);
}

#[tokio::test]
async fn any_origin_reads_metadata_and_posts_to_token_without_cookies() {
    let rig = Rig::start().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let request = rig
            .http
            .get(rig.url(path))
            .header("origin", "https://anybody.example");
        let response = request.send().await.unwrap();
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "*",
            "{path}"
        );
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-credentials")
        );
    }
    for path in ["/token", "/register", "/revoke"] {
        let request = rig
            .http
            .request(reqwest::Method::OPTIONS, rig.url(path))
            .header("origin", "https://anybody.example")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            );
        let response = request.send().await.unwrap();
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
        assert!(
            headers["access-control-allow-methods"]
                .to_str()
                .unwrap()
                .contains("POST")
        );
        let allowed = headers["access-control-allow-headers"].to_str().unwrap();
        assert!(allowed.contains("authorization"), "{allowed}");
    }
    // Pages are nobody else's to read.
    for path in ["/authorize", "/consent"] {
        let request = rig
            .http
            .get(rig.url(path))
            .header("origin", "https://anybody.example");
        let response = request.send().await.unwrap();
        assert!(
            !response
                .headers()
                .contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn our_tokens_are_signed_by_a_published_key_for_the_one_resource() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let rig = Rig::start().await;
    let keys = document(&rig, "/.well-known/jwks.json").await;
    let application = Application::register(&rig, LOOPBACK).await;
    let tokens = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let access = tokens["access_token"].as_str().unwrap();
    let part = |index: usize| -> Value {
        let text = access.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("ES256"), &json!("at+jwt"))
    );
    let published = keys["keys"].as_array().unwrap();
    assert!(published.iter().any(|key| key["kid"] == header["kid"]));
    assert!(published.iter().all(|key| key.get("d").is_none()));
    assert_eq!(claims["iss"], json!(rig.handler.base));
    assert_eq!(claims["aud"], json!([format!("{}/mcp", rig.handler.base)]));
    assert_eq!(claims["client_id"], json!(application.id));
    assert_eq!(claims["scope"], json!("mcp"));
}
