//! The document has every route of `/api` and `/auth`, and no other.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::rig::Rig;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What the router takes: it tells its routes by `Debug` alone.
fn taken(router: &axum::Router) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let own = text.split("fallback_router").next().unwrap();
    let (endpoints, node) = own.split_once("node: Node").unwrap();
    let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for route in endpoints.split("RouteId(").skip(1) {
        let (id, route) = route.split_once(')').unwrap();
        let found = METHODS.into_iter().filter(|method| {
            let state = route.split(&format!("{method}: ")).nth(1);
            state.is_some_and(|state| !state.starts_with("None"))
        });
        methods.insert(id, found.collect());
    }
    let mut taken = BTreeSet::new();
    for place in node.split("RouteId(").skip(1) {
        let (id, place) = place.split_once(')').unwrap();
        let path = place.split('"').nth(1).unwrap();
        for method in &methods[id] {
            taken.insert(format!("{method} {path}"));
        }
    }
    taken
}

/// The document as anybody gets it.
async fn document(router: axum::Router) -> Value {
    let request = Request::get("/api/openapi.json")
        .body(Body::empty())
        .unwrap();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn every_401_has_its_challenge_and_a_step_up_says_what_it_refuses() {
    let document = document(Rig::routes().await).await;
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    let mut refusing = 0;
    for (operation, described) in operations {
        let refused = &described["responses"]["401"];
        if refused.is_null() {
            continue;
        }
        refusing += 1;
        let headers = &refused["headers"];
        assert!(headers["WWW-Authenticate"].is_object(), "{operation}");
    }
    assert!(refusing > 10, "{refusing}");
    let step_up = &document["paths"]["/auth/step-up/{id}"]["get"]["responses"];
    assert!(step_up["403"].is_object(), "{step_up}");
    assert!(step_up["403"]["content"]["text/html"].is_object());
}

#[tokio::test]
async fn every_route_of_the_api_is_in_the_document_and_the_reverse() {
    let router = Rig::routes().await;
    let taken = taken(&router);
    // What is read there is what there is.
    for known in [
        "post /token",
        "get /authorize",
        "post /authorize",
        "get /health",
    ] {
        assert!(taken.contains(known), "{known}: {taken:?}");
    }
    let document = document(router).await;
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{method} {path}"))
        })
        .collect();
    let of_the_api: BTreeSet<String> = taken
        .into_iter()
        .filter(|route| {
            let path = route.split(' ').nth(1).unwrap();
            path.starts_with("/api/") || path.starts_with("/auth/")
        })
        .collect();
    assert!(of_the_api.len() > 20, "{of_the_api:?}");
    assert_eq!(described, of_the_api);
}
