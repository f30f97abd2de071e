use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;
use entrada_tables::{Query, TableError};

use super::super::redirect::RedirectRules;
use super::super::registrations::{Registrations, parse_id};
use super::super::{ClientError, RegistrationResponse, TABLE};
use super::world::{DAY, OnePartition, World, clients, plain};

/// Room for three unused clients, all in one partition.
fn small(world: &World) -> Registrations {
    let random = Arc::new(OnePartition::default());
    Registrations::new(world.tables.clone(), world.clock.clone(), random).with_room_for(3)
}

async fn add(registrations: &Registrations) -> RegistrationResponse {
    let metadata = plain().accept(&RedirectRules::new([])).unwrap();
    registrations.add(metadata).await.unwrap()
}

async fn is_there(registrations: &Registrations, response: &RegistrationResponse) -> bool {
    let id = parse_id(&response.client_id).unwrap();
    registrations.find(id).await.unwrap().is_some()
}

async fn rows(world: &World) -> usize {
    let page = world.tables.query(TABLE, &Query::partition("7")).await;
    page.unwrap().rows.len()
}

async fn grant(
    registrations: &Registrations,
    response: &RegistrationResponse,
) -> Result<(), TableError> {
    registrations
        .mark_granted(parse_id(&response.client_id).unwrap())
        .await
}

#[tokio::test]
async fn the_oldest_unused_client_makes_room_for_a_new_one() {
    let world = World::new().await;
    let registrations = small(&world);
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(add(&registrations).await);
        world.clock.advance(Duration::from_secs(1));
    }
    let mut there = Vec::new();
    for response in &made {
        there.push(is_there(&registrations, response).await);
    }
    assert_eq!(there, [false, false, true, true, true]);
    assert_eq!(rows(&world).await, 6);
}

#[tokio::test]
async fn a_granted_client_is_never_evicted() {
    let world = World::new().await;
    let registrations = small(&world);
    let granted = add(&registrations).await;
    grant(&registrations, &granted).await.unwrap();
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(1));
        add(&registrations).await;
    }
    assert!(is_there(&registrations, &granted).await);
    assert_eq!(rows(&world).await, 1 + 2 * 3);
}

#[tokio::test]
async fn a_grant_that_comes_after_the_eviction_is_refused() {
    let world = World::new().await;
    let registrations = small(&world);
    let evicted = add(&registrations).await;
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(1));
        add(&registrations).await;
    }
    let error = grant(&registrations, &evicted).await.unwrap_err();
    assert!(matches!(error, TableError::NotFound), "{error:?}");
    assert!(!is_there(&registrations, &evicted).await);
}

#[tokio::test]
async fn a_grant_between_the_choice_of_a_victim_and_its_eviction_saves_it() {
    let world = World::new().await;
    let registrations = small(&world);
    let oldest = add(&registrations).await;
    world.clock.advance(Duration::from_secs(1));
    add(&registrations).await;
    add(&registrations).await;
    let eviction = registrations.evictions("7", world.clock.unix()).await;
    let eviction = eviction.unwrap();
    assert_eq!(eviction.len(), 2);
    grant(&registrations, &oldest).await.unwrap();
    let error = world.tables.batch(TABLE, &eviction).await.unwrap_err();
    assert!(matches!(error, TableError::NotFound), "{error:?}");
    assert!(is_there(&registrations, &oldest).await);
}

#[tokio::test]
async fn an_unused_client_lives_for_a_day_and_its_rows_go_with_the_next_registration() {
    let world = World::new().await;
    let registrations = small(&world);
    let unused = add(&registrations).await;
    add(&registrations).await;
    world.clock.advance(Duration::from_secs(24 * 3600 - 1));
    assert!(is_there(&registrations, &unused).await);
    world.clock.advance(Duration::from_secs(1));
    assert!(!is_there(&registrations, &unused).await);
    let error = grant(&registrations, &unused).await.unwrap_err();
    assert!(matches!(error, TableError::NotFound), "{error:?}");
    let alone = add(&registrations).await;
    assert_eq!(rows(&world).await, 2);
    assert!(is_there(&registrations, &alone).await);
}

#[tokio::test]
async fn a_granted_client_lives_ninety_days_from_its_last_use() {
    let world = World::new().await;
    let registrations = small(&world);
    let client = add(&registrations).await;
    grant(&registrations, &client).await.unwrap();
    for _ in 0..4 {
        world.clock.advance(DAY * 80);
        grant(&registrations, &client).await.unwrap();
    }
    world.clock.advance(DAY * 90);
    assert!(is_there(&registrations, &client).await);
    world.clock.advance(DAY);
    assert!(!is_there(&registrations, &client).await);
    let error = grant(&registrations, &client).await.unwrap_err();
    assert!(matches!(error, TableError::NotFound), "{error:?}");
}

#[tokio::test]
async fn a_use_is_written_down_once_a_day_by_all_instances_together() {
    let world = World::new().await;
    let (one, other) = (small(&world), small(&world));
    let client = add(&one).await;
    let key = format!("client-{}", client.client_id.trim_start_matches("er-"));
    let version = || async {
        world
            .tables
            .get(TABLE, "7", &key)
            .await
            .unwrap()
            .unwrap()
            .etag
    };

    grant(&one, &client).await.unwrap();
    let first = version().await;
    world.clock.advance(Duration::from_secs(24 * 3600 - 1));
    grant(&one, &client).await.unwrap();
    grant(&other, &client).await.unwrap();
    assert_eq!(version().await, first);
    world.clock.advance(Duration::from_secs(1));
    grant(&other, &client).await.unwrap();
    let second = version().await;
    assert_ne!(second, first);
    grant(&one, &client).await.unwrap();
    assert_eq!(version().await, second);
}

#[tokio::test]
async fn grants_of_one_client_at_the_same_moment_all_succeed() {
    let world = World::new().await;
    let client = add(&small(&world)).await;
    let grants = (0..10).map(|_| {
        let registrations = small(&world);
        let client = client.clone();
        async move { grant(&registrations, &client).await }
    });
    for outcome in futures::future::join_all(grants).await {
        outcome.unwrap();
    }
    assert_eq!(rows(&world).await, 1);
}

#[tokio::test]
async fn registrations_at_the_same_moment_do_not_get_in_each_others_way() {
    let world = World::new().await;
    let clients = world.clients();
    let made = futures::future::join_all((0..40).map(|_| clients.register(plain(), None))).await;
    let ids: BTreeSet<_> = made
        .into_iter()
        .map(|made| made.unwrap().client_id)
        .collect();
    assert_eq!(ids.len(), 40);
    for id in ids {
        clients.find(&id).await.unwrap();
    }
}

#[tokio::test]
async fn clients_survive_a_restart_and_are_known_to_other_instances() {
    let world = World::new().await;
    let mut request = plain();
    request.token_endpoint_auth_method = Some("client_secret_post".to_owned());
    let made = world.clients().register(request, None).await.unwrap();
    let before = world.clients().find(&made.client_id).await.unwrap();
    world.clients().mark_granted(&made.client_id).await.unwrap();

    let world = world.reopened();
    world.clock.advance(DAY * 30);
    let after = world.clients().find(&made.client_id).await.unwrap();
    assert_eq!(after.redirect_uris, before.redirect_uris);
    assert_eq!(after.name, before.name);
    let secret = made.client_secret.unwrap();
    assert!(after.authentication.accepts_secret(&secret));
}

#[tokio::test]
async fn an_id_has_one_spelling_and_unknown_ones_are_unknown() {
    let world = World::new().await;
    let clients = world.clients();
    let made = clients.register(plain(), None).await.unwrap();
    let digits = made.client_id.strip_prefix("er-").unwrap();
    for id in [
        "",
        "er-",
        "nobody",
        "er-00000000000000000000000000000000",
        &format!("er-{}", digits.to_uppercase()),
        &format!("ER-{digits}"),
        &format!("er-{{{digits}}}"),
        &format!("{} ", made.client_id),
        digits,
    ] {
        if id == made.client_id {
            continue;
        }
        let found = clients.find(id).await;
        assert!(
            matches!(found, Err(ClientError::Unknown)),
            "{id:?}: {found:?}"
        );
    }
    assert!(clients.find("portal").await.is_ok());
    clients.mark_granted("portal").await.unwrap();
    clients
        .mark_granted("https://client.example/metadata")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failure_of_storage_is_not_mistaken_for_an_unknown_client() {
    let folder = tempfile::tempdir().unwrap();
    let clock = super::world::clock();
    let tables = entrada_tables::EmbeddedTables::open(folder.path().join("t"), clock.clone());
    // The table was never made.
    let clients = clients(Arc::new(tables.unwrap()), clock);
    let found = clients.find("er-00000000000000000000000000000000").await;
    assert!(
        matches!(found, Err(ClientError::Unavailable { .. })),
        "{found:?}"
    );
    let error = clients.register(plain(), None).await.unwrap_err();
    assert_eq!(error.code(), "temporarily_unavailable");
}
