use entrada_functions_host::TriggerSummary;
use serde_json::json;

use crate::http::{get, request};
use crate::package::{Package, SEVEN, http_bindings, last_seen, seen};

#[tokio::test]
async fn functions_are_tried_in_the_order_of_their_names() {
    let host = Package::new()
        .http("Zebra", "z", &SEVEN)
        .http("alpha", "a", &["get"])
        .http("Beta", "b/{id?}", &["post"])
        .start()
        .await;
    let names: Vec<_> = host
        .functions()
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    assert_eq!(names, ["alpha", "Beta", "Zebra"]);
    assert_eq!(
        host.functions()[1].trigger,
        TriggerSummary::Http {
            methods: vec!["post".to_owned()],
            path: "/b/{id?}".to_owned()
        }
    );
}

#[tokio::test]
async fn a_method_that_nobody_takes_finds_nothing() {
    let host = Package::new().http("mcp", "mcp", &["post"]).start().await;
    assert_eq!(request(&host, "POST /MCP/", &[], "").await.status, 200);
    for line in ["GET /mcp", "TRACE /mcp", "POST /other"] {
        let answer = request(&host, line, &[], "").await;
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{line}");
    }
}

#[tokio::test]
async fn a_route_prefix_is_part_of_the_path_that_the_handler_sees() {
    let host = Package::new()
        .host("/extensions/http/routePrefix", json!("api/v1"))
        .http("chat", "chat", &SEVEN)
        .start()
        .await;
    assert_eq!(get(&host, "/chat").await.status, 404);
    assert_eq!(get(&host, "/api/v1/chat").await.status, 200);
    assert_eq!(last_seen(&host).await["path"], "/api/v1/chat");
}

#[tokio::test]
async fn the_prefix_is_api_where_none_is_set() {
    let host = Package::new()
        .host("/extensions/http", json!(null))
        .http("chat", "", &SEVEN)
        .start()
        .await;
    assert_eq!(get(&host, "/api/chat").await.status, 200);
}

#[tokio::test]
async fn the_hosts_own_paths_come_before_any_function() {
    let host = Package::new().web().start().await;
    for path in [
        "/admin/host/status",
        "/ADMIN/functions/web",
        "/x/../admin/vfs/a",
    ] {
        assert_eq!(get(&host, path).await.status, 401, "{path}");
    }
    // The MCP webhook is open, but there is no tool, and so no extension.
    assert_eq!(get(&host, "/runtime/webhooks/mcp").await.status, 404);
    assert_eq!(get(&host, "/runtime/webhooks/other/x").await.status, 401);
    let before = seen(&host).await.len();
    for line in [
        "GET /admin/x",
        "PATCH /runtime/webhooks/mcp",
        "GET /runtime",
    ] {
        assert_eq!(request(&host, line, &[], "").await.status, 200, "{line}");
    }
    assert_eq!(seen(&host).await.len(), before + 3);
}

#[tokio::test]
async fn webhooks_ask_for_a_key_unless_they_are_opened() {
    let host = Package::new()
        .host("/extensions/mcp", json!(null))
        .tool("search")
        .start()
        .await;
    let answer = request(
        &host,
        "POST /runtime/webhooks/mcp",
        &[("x-functions-key", "k")],
        "{}",
    )
    .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn functions_that_ask_for_a_key_answer_nobody() {
    let mut bindings = http_bindings("secret", &SEVEN);
    bindings[0]["authLevel"] = json!("function");
    let host = Package::new()
        .function("secret", &bindings)
        .web()
        .start()
        .await;
    let answer = request(&host, "GET /secret", &[("x-functions-key", "k")], "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(get(&host, "/other").await.status, 200);
}

#[tokio::test]
async fn a_disabled_function_is_not_found_and_shadows_later_ones() {
    let package = Package::new()
        .http("login", "auth/login", &SEVEN)
        .web()
        .tool("search");
    let options = package
        .options()
        .setting("AzureWebJobs_login_Disabled", "1")
        .setting("AzureWebJobs.search.Disabled", "true");
    let host = package.start_with(options).await;
    assert_eq!(get(&host, "/auth/login").await.status, 404);
    assert_eq!(get(&host, "/auth/other").await.status, 200);
    assert_eq!(get(&host, "/runtime/webhooks/mcp").await.status, 404);
    let disabled: Vec<_> = host
        .functions()
        .iter()
        .map(|function| function.disabled)
        .collect();
    assert_eq!(disabled, [true, true, false]);
}

#[tokio::test]
async fn the_home_page_answers_where_no_function_takes_the_root() {
    let package = Package::new().http("mcp", "mcp", &["post"]);
    let host = package.start().await;
    assert_eq!(
        get(&host, "/").await.header("content-type"),
        Some("text/html")
    );
    let options = package
        .options()
        .setting("AzureWebJobsDisableHomepage", "true");
    let host = package.start_with(options).await;
    assert_eq!(get(&host, "/").await.status, 204);
}

#[tokio::test]
async fn routes_may_be_declared_in_host_json_alone() {
    let host = Package::new()
        .host(
            "/customHandler/http",
            json!({
                "DefaultAuthorizationLevel": "anonymous",
                "routes": [{"route": "a/{*rest}"}, {"route": "b", "authorizationLevel": "function"}],
            }),
        )
        .start()
        .await;
    let names: Vec<_> = host
        .functions()
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    assert_eq!(names, ["http-handler1", "http-handler2"]);
    assert_eq!(request(&host, "TRACE /a/x", &[], "").await.status, 200);
    assert_eq!(get(&host, "/b").await.status, 401);
}

#[tokio::test]
async fn the_profile_for_mcp_handlers_presets_a_catch_all() {
    let package = Package::new()
        .host("/configurationProfile", json!("mcp-custom-handler"))
        .host("/extensions", json!(null))
        .host("/customHandler/enableProxyingHttpRequest", json!(null))
        .host(
            "/customHandler/http",
            json!({"DefaultAuthorizationLevel": "anonymous"}),
        );
    let host = package.start().await;
    assert_eq!(get(&host, "/mcp").await.status, 200);
    let refusal = package.web().refusal().await.to_string();
    assert!(refusal.starts_with("Detected both function.json files and custom handler HTTP route"));
}
