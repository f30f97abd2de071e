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

/// A change of bindings, and what is said of it.
type Case = (fn(&mut Value), &'static str);

/// A package with one HTTP function, its bindings changed.
fn http(change: fn(&mut Value)) -> Package {
    let mut bindings = http_bindings("a", &SEVEN);
    change(&mut bindings);
    Package::new().function("fun", &bindings)
}

#[tokio::test]
async fn function_names_follow_the_hosts_pattern() {
    for name in ["1st", "host", "a.b", "_x"] {
        let package = Package::new().http(name, "a", &SEVEN);
        refused(package, &format!("'{name}' is not a valid function name.")).await;
    }
}

#[tokio::test]
async fn bindings_are_checked_with_the_hosts_own_words() {
    let broken = Package::new().file("fun/function.json", "{");
    refused(broken, "function.json is not JSON").await;
    let none = Package::new().function("fun", &json!([]));
    refused(none, "At least one binding must be declared.").await;
    let cases: [Case; 9] = [
        (
            |b| b[0]["name"] = json!("re-q"),
            "The binding name re-q is invalid.",
        ),
        (
            |b| b[1]["name"] = json!("REQ"),
            "Multiple bindings with name",
        ),
        (
            |b| b[0]["direction"] = json!("into"),
            "'into' is not a valid binding direction.",
        ),
        (|b| b[0]["direction"] = Value::Null, "has no 'direction'"),
        (
            |b| b[0]["type"] = Value::Null,
            "Bindings must specify a Type.",
        ),
        (
            |b| b[0]["type"] = json!("http"),
            "No trigger binding specified.",
        ),
        (
            |b| b[0]["type"] = json!("queueTrigger"),
            "not 'queueTrigger'",
        ),
        (
            |b| b[1] = json!({"type": "x", "direction": "in", "name": "$return"}),
            "must specify a direction of 'out'",
        ),
        (
            |b| b[1] = json!({"type": "timerTrigger", "direction": "in", "name": "t"}),
            "Multiple trigger bindings defined.",
        ),
    ];
    for (change, expected) in cases {
        refused(http(change), expected).await;
    }
}

#[tokio::test]
async fn http_triggers_are_checked() {
    let cases: [Case; 4] = [
        (
            |b| b[0]["authLevel"] = json!("anybody"),
            "'anybody' is not an authorization level",
        ),
        (
            |b| b[0]["methods"] = json!("get"),
            "'methods' must be an array",
        ),
        (
            |b| b[0]["route"] = json!("a//b"),
            "The route template 'a//b' is invalid.",
        ),
        (
            |b| b[1]["type"] = json!("queue"),
            "is wrapped, which this stand-in does for timers and MCP tools alone",
        ),
    ];
    for (change, expected) in cases {
        refused(http(change), expected).await;
    }
    for route in ["admin/x", "Administrators", "/runtime-x"] {
        let package = Package::new().http("fun", route, &SEVEN);
        refused(
            package,
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

/// A package with one tool, its trigger changed.
fn tool(change: impl Fn(&mut Value)) -> Package {
    let mut binding = tool_binding("search");
    change(&mut binding);
    Package::new().function("search", &json!([binding]))
}

#[tokio::test]
async fn tools_are_checked_as_the_extension_checks_them() {
    for name in ["description", "toolName"] {
        let package = tool(|b| drop(b.as_object_mut().unwrap().remove(name)));
        refused(package, "Can't figure out which ctor to call.").await;
    }
    let cases: [Case; 5] = [
        (
            |b| b["inputSchema"] = json!({"type": "object"}),
            "'inputSchema' must be a string",
        ),
        (
            |b| b["toolProperties"] = json!([]),
            "'toolProperties' must be a string",
        ),
        (
            |b| b["useWorkerInputSchema"] = json!(true),
            "InputSchema is null or invalid.",
        ),
        (
            |b| b["outputSchema"] = json!("{"),
            "Failed to parse OutputSchema for tool 'search'",
        ),
        (
            |b| b["metadata"] = json!("[]"),
            "Metadata root must be a JSON object",
        ),
    ];
    for (change, expected) in cases {
        refused(tool(change), expected).await;
    }
    for schema in [
        "[]",
        "{\"type\":\"array\"}",
        "{\"type\":\"object\",\"required\":{}}",
    ] {
        let package = tool(|b| {
            b["useWorkerInputSchema"] = json!(true);
            b["inputSchema"] = json!(schema);
        });
        refused(package, "not a valid MCP tool input JSON schema").await;
    }
}

#[tokio::test]
async fn what_stands_beside_a_tool_trigger_is_checked() {
    let beside = |binding: Value| {
        Package::new().function("search", &json!([tool_binding("search"), binding]))
    };
    refused(
        beside(
            json!({"type": "mcpToolProperty", "direction": "in", "name": "q",
            "propertyName": "q", "propertyType": "string", "description": "a query"}),
        ),
        "Can't figure out which ctor to call. ('isRequired' is missing.)",
    )
    .await;
    refused(
        beside(json!({"type": "mcpToolTrigger", "direction": "out", "name": "$return"})),
        "do not declare it",
    )
    .await;
    refused(
        beside(json!({"type": "queue", "direction": "out", "name": "q"})),
        "This stand-in has no 'queue' binding",
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

/// A package with one function for each of these triggers.
fn triggers(members: &[Value]) -> Package {
    let mut package = Package::new();
    for (index, members) in members.iter().enumerate() {
        let mut binding = json!({"direction": "in", "name": "context"});
        let members = members.as_object().unwrap().clone();
        binding.as_object_mut().unwrap().extend(members);
        package = package.function(&format!("f{index}"), &json!([binding]));
    }
    package
}

#[tokio::test]
async fn resources_and_prompts_are_checked_as_the_extension_checks_them() {
    let resource =
        |uri: &str| json!({"type": "mcpResourceTrigger", "uri": uri, "resourceName": "x"});
    let prompt = |name: &str| json!({"type": "mcpPromptTrigger", "promptName": name});
    let with = |mut trigger: Value, member: &str, value: Value| {
        trigger[member] = value;
        trigger
    };
    for (declared, expected) in [
        (
            vec![json!({"type": "mcpResourceTrigger", "uri": "a://b"})],
            "Can't figure out which ctor to call. ('resourceName' is missing.)",
        ),
        (
            vec![json!({"type": "mcpPromptTrigger"})],
            "Can't figure out which ctor to call. ('promptName' is missing.)",
        ),
        (
            vec![resource("pages")],
            "Invalid resource URI format: 'pages'",
        ),
        (vec![resource("a://{b")], "malformed template syntax"),
        (
            vec![with(resource("a://b"), "size", json!("1"))],
            "'size' must be an integer.",
        ),
        (
            vec![with(resource("a://b"), "metadata", json!("[]"))],
            "Metadata root must be a JSON object",
        ),
        (
            vec![with(prompt("p"), "promptArguments", json!([]))],
            "'promptArguments' must be a string",
        ),
        (
            vec![with(prompt("p"), "promptArguments", json!("[{}]"))],
            "'promptArguments': an argument has no name.",
        ),
        (
            vec![with(prompt("p"), "icons", json!("{}"))],
            "'icons': invalid type",
        ),
        (
            vec![prompt("one"), prompt("ONE")],
            "Prompt with name 'ONE' is already registered.",
        ),
        (
            vec![resource("a://b/{c}"), resource("A://B/{d}")],
            "Resource with URI 'A://B/{d}' is already registered.",
        ),
    ] {
        refused(triggers(&declared), expected).await;
    }
    let fine = [
        resource("a://b/{c}"),
        resource("a://b/c"),
        prompt("p"),
        prompt("q"),
    ];
    assert_eq!(triggers(&fine).start().await.functions().len(), 4);
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
