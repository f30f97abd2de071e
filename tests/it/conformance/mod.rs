//! MCP's own conformance suite (`@modelcontextprotocol/conformance`): against
//! a server with everything that the suite asks for, behind the product's
//! doors, and against the product itself.
//!
//! The server with everything runs in this process: the product's router with
//! its check of tokens, `Host` and `Origin`, its limits and its audit log, and
//! other tools.

mod everything;
mod proxy;
mod suite;

use std::net::SocketAddr;
use std::sync::Arc;

use entrada::app::{Ambient, App};
use entrada::config::Settings;
use entrada_ambient::{FixedEnvironment, SystemClock, SystemRandom};
use everything::Everything;
use proxy::Proxy;
use suite::run;
use tokio::net::TcpListener;

use crate::rig::{Rig, becomes_healthy};

/// The server with everything, and where the suite finds it. The rig lends
/// its stand-ins and its settings.
async fn everything() -> (Rig, String) {
    let rig = Rig::start().await;
    let proxy = Proxy::bind().await;
    let base = proxy.base();
    let storage = format!("file:{}", rig.file("everything.redb").display());
    let mut environment = rig.handler.environment().to_vec();
    environment.retain(|(name, _)| name != "ENTRADA_BASE_URL" && name != "ENTRADA_STORAGE");
    environment.push(("ENTRADA_BASE_URL".to_owned(), base.clone()));
    environment.push(("ENTRADA_STORAGE".to_owned(), storage));
    let (settings, _) = Settings::load(&FixedEnvironment::new(environment), false).unwrap();
    let ambient = Ambient {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        http: rig.trusting_client(),
    };
    let app = App::assemble_serving(&settings, &ambient, Everything::new).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app
        .start()
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    let address = format!("http://{address}");
    assert!(becomes_healthy(&address).await);
    proxy.serve(&address, rig.token("reader"), rig.http.clone());
    (rig, format!("{base}/mcp"))
}

/// The product, and where the suite finds it.
async fn product() -> (Rig, String) {
    let proxy = Proxy::bind().await;
    let base = proxy.base();
    let rig = Rig::with(&[("ENTRADA_BASE_URL", &base)]).await;
    proxy.serve(&rig.url(""), rig.token("all"), rig.http.clone());
    (rig, format!("{base}/mcp"))
}

/// Every scenario of the suite for a version of the protocol.
fn all_of(version: &str) -> [&str; 4] {
    ["--suite", "all", "--spec-version", version]
}

#[tokio::test]
async fn the_transport_conforms_to_2026_07_28() {
    let (_rig, url) = everything().await;
    let found = run(&url, &all_of("2026-07-28"), None).await;
    assert_eq!(found.totals, (152, 0));
}

#[tokio::test]
async fn what_2026_07_28_requires_is_met() {
    let (_rig, url) = everything().await;
    let found = run(&url, &["--requirements", "2026-07-28"], None).await;
    // The suite runs the tasks extension too, which is not required.
    let tasks = |check: &String| check.starts_with("server-tasks-");
    assert!(found.not_passed.iter().all(tasks), "{found:#?}");
    assert_eq!(found.totals, (164, 30));
}

#[tokio::test]
async fn the_transport_conforms_to_2025_11_25_but_for_sessions() {
    let (_rig, url) = everything().await;
    let all = all_of("2025-11-25");
    let found = run(&url, &all, Some("everything-2025-11-25.yml")).await;
    assert_eq!(found.totals, (63, 4));
}

#[tokio::test]
async fn the_product_conforms_to_2026_07_28_where_it_can_be_tested() {
    let (_rig, url) = product().await;
    let all = all_of("2026-07-28");
    let found = run(&url, &all, Some("product-2026-07-28.yml")).await;
    assert_eq!(found.totals, (84, 40));
}

#[tokio::test]
async fn the_product_conforms_to_2025_11_25_where_it_can_be_tested() {
    let (_rig, url) = product().await;
    let all = all_of("2025-11-25");
    let found = run(&url, &all, Some("product-2025-11-25.yml")).await;
    assert_eq!(found.totals, (35, 26));
}
