use entrada_functions_host::{HostError, start};
use serde_json::{Value, json};

use crate::package::{Package, SEVEN, http_bindings, tool_binding};

async fn refused(package: Package, expected: &str) {
    let error = package.refusal().await.to_string();
    assert!(error.contains(expected), "{expected:?} is not in {error:?}");
}

#[tokio::test]
async fn host_json_is_checked_with_the_hosts_own_words() {
    let host = |pointer: &str, value: Value| Package::new().web().host(pointer, value);
    refused(
        host("/version", Value::Null),
        "missing the required 'version' property",
    )
    .await;
    refused(
        host("/version", json!("3.0")),
        "'3.0' is an invalid value for host.json 'version'",
    )
    .await;
    refused(
        host("/customHandler/description", Value::Null),
        "Missing worker Description.",
    )
    .await;
    refused(
        host("/customHandler/description", json!({"arguments": ["a"]})),
        "WorkerDescription DefaultExecutablePath cannot be empty",
    )
    .await;
    refused(
        host("/configurationProfile", json!("web-app")),
        "Configuration profile 'web-app' is not supported",
    )
    .await;
    refused(
        host("/customHandler/enableProxyingHttpRequest", json!("yes")),
        "Failed to convert configuration value 'yes' at 'AzureFunctionsJobHost:customHandler:enableProxyingHttpRequest'",
    )
    .await;
    refused(
        host("/customHandler/initializationTimeout", json!("30s")),
        "System.TimeSpan",
    )
    .await;
    refused(host("/customHandler/port", json!("http")), "System.Int32").await;
    refused(
        host("/customHandler/http", json!({"routes": [{"route": "{*route}"}]})),
        "Detected both function.json files and custom handler HTTP route configuration definition in host.json",
    )
    .await;
    let broken = Package::new().web();
    let options = broken.options();
    std::fs::write(broken.path().join("host.json"), "{").unwrap();
    let error = start(options).await.unwrap_err().to_string();
    assert!(error.starts_with("Unable to parse host configuration file"));
}

#[tokio::test]
async fn app_settings_override_host_json_in_any_case() {
    let package = Package::new()
        .web()
        .host("/customHandler/enableProxyingHttpRequest", json!(false));
    refused(
        package,
        "set 'customHandler.enableProxyingHttpRequest' to true",
    )
    .await;
    let package = Package::new()
        .web()
        .host(
            "/CUSTOMHANDLER",
            json!({"DESCRIPTION": {"defaultexecutablepath": "/nowhere"}}),
        )
        .host("/customHandler", Value::Null);
    let options = package
        .options()
        .setting(
            "AzureFunctionsJobHost__customhandler__enableproxyinghttprequest",
            "True",
        )
        .setting(
            "azurefunctionsjobhost__customHandler__description__defaultExecutablePath",
            crate::package::HANDLER,
        );
    assert!(start(options).await.is_ok());
}

#[tokio::test]
async fn function_folders_are_checked_with_the_hosts_own_words() {
    let function = |name: &str, bindings: Value| Package::new().function(name, &bindings);
    let http = |change: fn(&mut Value)| {
        let mut bindings = http_bindings("a", &SEVEN);
        change(&mut bindings);
        Package::new().function("fun", &bindings)
    };
    for name in ["1st", "host", "a.b", "_x"] {
        let expected = format!("'{name}' is not a valid function name.");
        refused(function(name, http_bindings("a", &SEVEN)), &expected).await;
    }
    refused(
        Package::new().file("fun/function.json", "{"),
        "function.json is not JSON",
    )
    .await;
    refused(
        function("fun", json!([])),
        "At least one binding must be declared.",
    )
    .await;
    refused(
        http(|b| b[0]["name"] = json!("re-q")),
        "The binding name re-q is invalid.",
    )
    .await;
    refused(
        http(|b| b[1]["name"] = json!("REQ")),
        "Multiple bindings with name",
    )
    .await;
    refused(
        http(|b| b[0]["direction"] = json!("into")),
        "'into' is not a valid binding direction.",
    )
    .await;
    refused(
        http(|b| b[0]["direction"] = Value::Null),
        "has no 'direction'",
    )
    .await;
    refused(
        http(|b| b[0]["type"] = Value::Null),
        "Bindings must specify a Type.",
    )
    .await;
    refused(
        http(|b| b[0]["type"] = json!("http")),
        "No trigger binding specified.",
    )
    .await;
    refused(
        http(|b| b[0]["type"] = json!("queueTrigger")),
        "not 'queueTrigger'",
    )
    .await;
    refused(
        http(|b| b[0]["authLevel"] = json!("anybody")),
        "'anybody' is not an authorization level",
    )
    .await;
    refused(
        http(|b| b[0]["methods"] = json!("get")),
        "'methods' must be an array",
    )
    .await;
    refused(
        http(|b| b[0]["route"] = json!("a//b")),
        "The route template 'a//b' is invalid.",
    )
    .await;
    refused(
        http(|b| {
            b.as_array_mut()
                .unwrap()
                .push(json!({"type": "queue", "direction": "out", "name": "q"}))
        }),
        "is wrapped, which this stand-in does for timers and MCP tools alone",
    )
    .await;
    for route in ["admin/x", "Administrators", "/runtime-x"] {
        refused(
            function("fun", http_bindings(route, &SEVEN)),
            "The specified route conflicts with one or more built in routes.",
        )
        .await;
    }
}

#[tokio::test]
async fn routes_conflict_when_a_method_is_in_both() {
    let package = |methods: &[&str]| {
        Package::new()
            .http("one", "a/{x}", &["get", "post"])
            .http("two", "/A/{x}/", methods)
    };
    refused(
        package(&["POST"]),
        "The 'two' function is in error: The route specified conflicts with the route defined by function 'one'.",
    )
    .await;
    package(&["put"]).start().await;
}

#[tokio::test]
async fn timers_need_a_valid_schedule() {
    let timer = |schedule: Value| {
        let mut binding = json!({"type": "timerTrigger", "direction": "in", "name": "timer"});
        binding["schedule"] = schedule;
        Package::new().function("sweep", &json!([binding]))
    };
    for schedule in [
        Value::Null,
        json!("every night"),
        json!("01:00:00"),
        json!("60 * * * * *"),
    ] {
        refused(
            timer(schedule),
            "was not recognized as a valid cron expression",
        )
        .await;
    }
    refused(
        timer(json!("%SCHEDULE%")),
        "'%SCHEDULE%' does not resolve to a value.",
    )
    .await;
    let package = timer(json!("%SCHEDULE%"));
    let options = package.options().setting("SCHEDULE", "0 */5 * * * *");
    assert!(start(options).await.is_ok());
}

#[tokio::test]
async fn tools_are_checked_as_the_extension_checks_them() {
    let tool = |change: fn(&mut Value)| {
        let mut binding = tool_binding("search");
        change(&mut binding);
        Package::new().function("search", &json!([binding]))
    };
    let remove = |name: &'static str| {
        let mut binding = tool_binding("search");
        binding.as_object_mut().unwrap().remove(name);
        Package::new().function("search", &json!([binding]))
    };
    refused(
        remove("description"),
        "Can't figure out which ctor to call.",
    )
    .await;
    refused(remove("toolName"), "Can't figure out which ctor to call.").await;
    refused(
        tool(|b| b["inputSchema"] = json!({"type": "object"})),
        "'inputSchema' must be a string",
    )
    .await;
    refused(
        tool(|b| b["toolProperties"] = json!([])),
        "'toolProperties' must be a string",
    )
    .await;
    refused(
        tool(|b| b["useWorkerInputSchema"] = json!(true)),
        "InputSchema is null or invalid.",
    )
    .await;
    for schema in [
        "[]",
        "{\"type\":\"array\"}",
        "{\"type\":\"object\",\"required\":{}}",
    ] {
        let mut binding = tool_binding("search");
        binding["useWorkerInputSchema"] = json!(true);
        binding["inputSchema"] = json!(schema);
        refused(
            Package::new().function("search", &json!([binding])),
            "not a valid MCP tool input JSON schema",
        )
        .await;
    }
    refused(
        tool(|b| b["outputSchema"] = json!("{")),
        "Failed to parse OutputSchema for tool 'search'",
    )
    .await;
    refused(
        tool(|b| b["metadata"] = json!("[]")),
        "Metadata root must be a JSON object",
    )
    .await;
    let property = json!({"type": "mcpToolProperty", "direction": "in", "name": "q",
        "propertyName": "q", "propertyType": "string", "description": "a query"});
    refused(
        Package::new().function("search", &json!([tool_binding("search"), property])),
        "Can't figure out which ctor to call. ('isRequired' is missing.)",
    )
    .await;
    let output = json!({"type": "mcpToolTrigger", "direction": "out", "name": "$return"});
    refused(
        Package::new().function("search", &json!([tool_binding("search"), output])),
        "do not declare it",
    )
    .await;
    refused(
        Package::new()
            .tool("one")
            .function("two", &json!([tool_binding("ONE")])),
        "Tool with name 'ONE' is already registered.",
    )
    .await;
    refused(
        Package::new()
            .host("/extensionBundle", Value::Null)
            .tool("search"),
        "The binding type(s) 'mcpToolTrigger' are not registered.",
    )
    .await;
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let package = Package::new()
        .http("one", "admin", &SEVEN)
        .function("two", &json!([]))
        .http("three", "fine", &SEVEN);
    let HostError::Functions(faults) = package.refusal().await else {
        panic!("another error");
    };
    let names: Vec<_> = faults.iter().map(|fault| fault.function.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
}

#[tokio::test]
async fn only_folders_directly_below_the_root_are_functions() {
    let host = Package::new()
        .web()
        .file("deeper/fun/function.json", "not read")
        .file("notes/readme.md", "not a function")
        .start()
        .await;
    assert_eq!(host.functions().len(), 1);
}
