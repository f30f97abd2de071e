use serde_json::json;

use super::super::{ClientAuthentication, ClientOrigin, ConfiguredClients, GrantType};

const TENANT: &str = "11111111-1111-4111-8111-111111111111";

#[test]
fn websites_and_daemons_are_taken() {
    let file = json!({"clients": [
        {
            "client_id": "portal",
            "client_name": "The portal",
            "redirect_uris": ["https://portal.example/callback", "com.example.portal:/callback"],
        },
        {
            "client_id": "confidential",
            "redirect_uris": ["https://web.example/callback"],
            "client_secret_sha256": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
        },
        {
            "client_id": "nightly",
            "tenant_id": TENANT,
            "roles": ["Task.Read"],
            "jwks": {"keys": [super::keys::p256_jwk("one")]},
        },
    ]});
    let clients = ConfiguredClients::parse(&file.to_string()).unwrap();

    let portal = clients.get("portal").unwrap();
    assert_eq!(portal.origin, ClientOrigin::Configured);
    assert!(!portal.needs_consent());
    assert!(matches!(portal.authentication, ClientAuthentication::None));
    assert!(portal.redirect_uri("com.example.portal:/callback").is_ok());
    assert_eq!(portal.daemon, None);

    let confidential = clients.get("confidential").unwrap();
    assert!(confidential.authentication.accepts_secret(&"test".into()));

    let nightly = clients.get("nightly").unwrap();
    assert_eq!(
        nightly.grant_types.iter().collect::<Vec<_>>(),
        [&GrantType::ClientCredentials]
    );
    let terms = nightly.daemon.clone().unwrap();
    assert_eq!(terms.tenant_id.to_string(), TENANT);
    assert_eq!(terms.roles, ["Task.Read"]);
    assert!(clients.get("nobody").is_none());
}

#[test]
fn the_clients_of_the_page_on_settings_are_as_it_says() {
    let file = crate::examples::example("docs/settings.md", "\"client_secret_sha256\"");
    let clients = ConfiguredClients::parse(&file).unwrap();
    let portal = clients.get("portal").unwrap();
    assert!(matches!(
        portal.authentication,
        ClientAuthentication::Secret { .. }
    ));
    let nightly = clients.get("nightly-report").unwrap();
    assert!(nightly.grant_types.contains(&GrantType::ClientCredentials));
    assert!(nightly.daemon.is_some());
}

#[test]
fn every_fault_is_named_with_its_client() {
    let file = json!({"clients": [
        {"client_id": "no-uris"},
        {"client_id": "er-00000000000000000000000000000000", "redirect_uris": ["https://a.example/"]},
        {"client_id": "https://a.example/client", "redirect_uris": ["https://a.example/"]},
        {"client_id": "bad-uri", "redirect_uris": ["javascript:alert(1)", "http://a.example/"]},
        {"client_id": "bad-grant", "grant_types": ["password"], "redirect_uris": []},
        {"client_id": "bad-hash", "redirect_uris": ["https://a.example/"], "client_secret_sha256": "plain"},
        {"client_id": "bad-keys", "redirect_uris": ["https://a.example/"], "jwks": {"keys": []}},
        {"client_id": "open-daemon", "roles": ["Task.Read"], "tenant_id": TENANT},
        {"client_id": "lost-daemon", "grant_types": ["client_credentials"], "jwks": {"keys": [super::keys::p256_jwk("one")]}},
        {"client_id": "no-daemon", "redirect_uris": ["https://a.example/"], "grant_types": ["authorization_code"], "roles": ["Task.Read"]},
        {"client_id": "twice", "redirect_uris": ["https://a.example/"]},
        {"client_id": "twice", "redirect_uris": ["https://a.example/"]},
        {"client_id": "entrada", "redirect_uris": ["https://a.example/"]},
        {"client_id": "secret-daemon", "roles": ["Task.Read"], "tenant_id": TENANT, "client_secret_sha256": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"},
        {"client_id": "typo", "redirect_uri": "https://a.example/"},
        {"client_id": "bad-tenant", "tenant_id": "contoso"},
    ]});
    let faults = ConfiguredClients::parse(&file.to_string()).unwrap_err();
    let faults: Vec<_> = faults.iter().map(str::to_owned).collect();
    for (client, what) in [
        ("`no-uris`", "needs redirect_uris"),
        ("`er-0000", "form that registered clients have"),
        ("`https://a.example/client`", "1 to 128 characters"),
        ("`bad-uri`", "javascript:alert(1)"),
        ("`bad-uri`", "http://a.example/"),
        ("`bad-grant`", "`password`"),
        ("`bad-hash`", "SHA-256"),
        ("`bad-keys`", "no key"),
        ("`open-daemon`", "needs jwks"),
        ("`entrada`", "sign-in"),
        ("`secret-daemon`", "needs jwks"),
        ("`lost-daemon`", "needs roles"),
        ("`lost-daemon`", "needs tenant_id"),
        ("`no-daemon`", "client_credentials"),
        ("`twice`", "twice"),
        ("client 15", "redirect_uri"),
        ("client 16", "UUID"),
    ] {
        let named = |fault: &&String| fault.contains(client) && fault.contains(what);
        assert!(
            faults.iter().any(|fault| named(&fault)),
            "{client} {what}: {faults:#?}"
        );
    }
}

#[test]
fn what_is_not_the_documented_json_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        "{\"clients\": {}}",
        "{\"clients\": [], \"extra\": 1}",
    ] {
        assert!(ConfiguredClients::parse(text).is_err(), "{text}");
    }
    assert!(ConfiguredClients::parse("{\"clients\": []}").is_ok());
}
