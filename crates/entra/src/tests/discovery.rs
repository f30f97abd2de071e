use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;

use super::world::{HOME, OTHER, World, eventually};
use crate::{FetchError, PERSONAL_ACCOUNTS_TENANT, Tenancy};

const DAY: u64 = 24 * 3_600;

#[tokio::test]
async fn the_tenancy_decides_which_configuration_sign_ins_go_by() {
    let listed = |tenant| Tenancy::Listed(BTreeSet::from([tenant]));
    let home = HOME.to_string();
    let table = [
        (Tenancy::Home, home.as_str()),
        (listed(OTHER), "organizations"),
        (Tenancy::AnyOrganization, "organizations"),
        (listed(PERSONAL_ACCOUNTS_TENANT), "common"),
        (Tenancy::AnyOrganizationOrPersonal, "common"),
    ];
    for (tenancy, realm) in table {
        let world = World::with(|settings| settings.tenancy = tenancy).await;
        let configuration = world.discovery.sign_in().await.unwrap();
        let path = format!("/{realm}/oauth2/v2.0/authorize");
        assert_eq!(configuration.authorization_endpoint.path(), path);
        assert_eq!(configuration.issuer(OTHER), world.issuer(OTHER));
        assert_eq!(world.authority.fetches(realm), 1);
    }
}

#[tokio::test]
async fn a_configuration_is_fetched_once_and_again_after_a_day() {
    let world = World::new().await;
    let home = HOME.to_string();
    world.authority.be_slow(Duration::from_millis(50));
    let all = join_all((0..50).map(|_| world.discovery.sign_in())).await;
    assert!(all.iter().all(Result::is_ok));
    world.advance(DAY - 1);
    world.discovery.sign_in().await.unwrap();
    assert_eq!(world.authority.fetches(&home), 1);
    world.advance(1);
    world.discovery.sign_in().await.unwrap();
    eventually(|| world.authority.fetches(&home) == 2).await;
}

#[tokio::test]
async fn in_an_outage_the_configuration_is_kept_however_old() {
    let world = World::new().await;
    world.discovery.sign_in().await.unwrap();
    world.authority.fail_with(503, "");
    world.advance(30 * DAY);
    assert!(world.discovery.sign_in().await.is_ok());
}

#[tokio::test]
async fn a_changed_configuration_takes_over_after_a_day() {
    let world = World::new().await;
    world.discovery.sign_in().await.unwrap();
    let moved = format!("{}moved/token", world.authority.base);
    world
        .authority
        .patch_configuration(json!({"token_endpoint": moved}));
    world.advance(DAY);
    world.discovery.sign_in().await.unwrap();
    for _ in 0..1_000 {
        let configuration = world.discovery.sign_in().await.unwrap();
        if configuration.token_endpoint.path() == "/moved/token" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the new configuration never came");
}

#[tokio::test]
async fn a_configuration_with_foreign_schemes_or_issuer_is_refused() {
    for patch in [
        json!({"token_endpoint": "https://127.0.0.1/token"}),
        json!({"jwks_uri": "file:///etc/keys"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"issuer": format!("http://127.0.0.1/{OTHER}/v2.0")}),
        json!({"issuer": "http://127.0.0.1/v2.0"}),
        json!({"issuer": null}),
        json!({"jwks_uri": "/relative"}),
    ] {
        let world = World::new().await;
        world.authority.patch_configuration(patch.clone());
        let error = world.discovery.sign_in().await.unwrap_err();
        assert!(
            matches!(error, FetchError::Unusable { .. }),
            "{patch} {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_without_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let world = World::with(|settings| settings.authority.set_port(Some(port)).unwrap()).await;
    let error = world.discovery.sign_in().await.unwrap_err();
    assert!(matches!(error, FetchError::Transport(_)), "{error:?}");
    let printed = format!("{error} {error:?}");
    assert!(!printed.contains("openid-configuration"), "{printed}");
}

#[tokio::test]
async fn a_passing_fault_is_asked_again() {
    let world = World::new().await;
    world.authority.fail_with(503, "");
    let (answer, ()) = tokio::join!(world.discovery.sign_in(), async {
        eventually(|| world.authority.fetches(&HOME.to_string()) == 1).await;
        world.authority.recover();
    });
    assert!(answer.is_ok());
    assert_eq!(world.authority.fetches(&HOME.to_string()), 2);
}
