//! The function app: what Azure would take in silence and not start, or refuse.

use std::collections::BTreeSet;

use crate::bicep::{Kind, Template, Value};
use crate::repository::{template, templates};

/// Settings that Flex Consumption refuses or ignores, that collide with what
/// the host or the managed identity makes of them, or that move a function
/// app's clock. A star stands for any ending.
///
/// Sources: "App settings reference for Azure Functions", section "Flex
/// Consumption plan deprecations"; `azure_identity` and the host's
/// `DefaultAzureCredential` for `AZURE_CLIENT_*`; "Flex Consumption plan",
/// section "Considerations", for the time zone.
const FORBIDDEN: [&str; 13] = [
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_EXTENSION_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_CONTENT*",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "ENABLE_ORYX_BUILD",
    "WEBSITE_TIME_ZONE",
    "TZ",
    "linuxFxVersion",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AzureWebJobsStorage",
    "cors",
];

/// The forbidden settings of a template, in what a function or a condition is
/// given as well.
fn forbidden(template: &Template) -> BTreeSet<String> {
    let is_forbidden = |name: &&str| {
        FORBIDDEN
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name.eq_ignore_ascii_case(pattern),
            })
    };
    let declarations = template.declarations.iter();
    declarations
        .flat_map(|declaration| {
            let values = declaration.value.iter().flat_map(Value::every_property);
            let given = values.filter_map(|property| setting_name(&property.value));
            let paths = declaration.paths.iter();
            given.chain(paths.filter_map(|path| path.split('.').next_back()))
        })
        .filter(is_forbidden)
        .map(str::to_owned)
        .collect()
}

/// A setting's name in the form `{ name: …, value: … }`.
fn setting_name(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[test]
fn no_setting_is_one_that_flex_consumption_refuses_or_that_collides() {
    for template in templates() {
        assert!(forbidden(&template).is_empty(), "{}", template.name);
    }
}

#[test]
fn a_forbidden_setting_is_found_in_every_form() {
    for body in [
        "properties: { FUNCTIONS_WORKER_RUNTIME: 'custom' }",
        "properties: { WEBSITE_CONTENTSHARE: 'x' }",
        "properties: { siteConfig: { appSettings: [{ name: 'TZ', value: 'x' }] } }",
        "properties: { siteConfig: { linuxFxVersion: '' } }",
        "properties: { siteConfig: { cors: { allowedOrigins: ['*'] } } }",
        "properties: { 'AzureWebJobsStorage': 'x' }",
        "properties: union(others, { TZ: 'x' })",
        "properties: union(others, { nested: { 'WEBSITE_CONTENTSHARE': 'x' } })",
        "properties: isBig ? { AZURE_CLIENT_ID: 'x' } : {}",
        "properties: toObject(names, name => name, name => { ENABLE_ORYX_BUILD: name })",
    ] {
        let text = format!("resource a 'A/b@2025-01-01' = {{\n  {body}\n}}\n");
        let template = Template::parse("site", &text).unwrap();
        assert_eq!(forbidden(&template).len(), 1, "{body}");
    }
}

#[test]
fn the_runtime_is_custom_1_0_on_flex_consumption() {
    let file = template("modules/site.bicep");
    let plan = file.resource("Microsoft.Web/serverfarms");
    assert_eq!(plan.at("sku.name").text(), "FC1");
    assert_eq!(plan.at("sku.tier").text(), "FlexConsumption");
    assert_eq!(plan.at("properties.reserved").text(), "true");
    let site = file.resource("Microsoft.Web/sites");
    let runtime = site.at("properties.functionAppConfig.runtime");
    assert_eq!(runtime.get("name").unwrap().text(), "custom");
    assert_eq!(runtime.get("version").unwrap().text(), "1.0");
    assert_eq!(site.at("kind").text(), "functionapp,linux");
}

#[test]
fn an_instance_takes_250_requests_at_once_and_has_2048_mb() {
    let site = template("modules/site.bicep");
    let site = site.resource("Microsoft.Web/sites");
    let scale = site.at("properties.functionAppConfig.scaleAndConcurrency");
    for (path, from) in [
        ("instanceMemoryMB", "scale.instanceMemory"),
        ("maximumInstanceCount", "scale.maximumInstances"),
        (
            "triggers.http.perInstanceConcurrency",
            "scale.requestsPerInstance",
        ),
    ] {
        assert_eq!(scale.get(path).unwrap().text(), from);
    }
    let always_ready = scale.get("alwaysReady").unwrap().text();
    assert!(always_ready.contains("name: 'http'"), "{always_ready}");
    let main = template("main.bicep");
    for (parameter, default) in [
        ("requestsPerInstance", "250"),
        ("instanceMemory", "2048"),
        ("alwaysReadyInstances", "0"),
    ] {
        let parameter = main.find(Kind::Parameter, parameter);
        assert_eq!(parameter.value.as_ref().unwrap().text(), default);
    }
}

#[test]
fn the_host_reaches_storage_and_telemetry_as_the_managed_identity() {
    let file = template("modules/site.bicep");
    let settings = file.find(Kind::Variable, "hostSettings");
    let settings: Vec<_> = settings
        .value
        .as_ref()
        .unwrap()
        .properties()
        .iter()
        .collect();
    let names: Vec<_> = settings.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "AzureWebJobsStorage__credential",
            "AzureWebJobsStorage__clientId",
            "AzureWebJobsStorage__blobServiceUri",
            "AzureWebJobsStorage__queueServiceUri",
            "AzureWebJobsStorage__tableServiceUri",
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        ]
    );
    assert_eq!(settings[0].value.text(), "managedidentity");
    assert_eq!(settings[1].value.text(), "identity.clientId");
    assert_eq!(
        settings[6].value.text(),
        "'ClientId=${identity.clientId};Authorization=AAD'"
    );
    let site = file.resource("Microsoft.Web/sites");
    let storage = site.at("properties.functionAppConfig.deployment.storage");
    assert_eq!(
        storage.get("authentication.type").unwrap().text(),
        "UserAssignedIdentity"
    );
}

/// The later one wins in a `union`, so settings that somebody adds come first.
#[test]
fn added_settings_cannot_replace_those_of_the_host() {
    let file = template("modules/site.bicep");
    let settings = file.find(Kind::Resource, "settings");
    assert_eq!(settings.at("name").text(), "appsettings");
    let union = settings.at("properties").text();
    let place = |name: &str| union.find(name).unwrap();
    assert!(union.starts_with("union("));
    assert!(place("additionalSettings") < place("entradaSettings"));
    assert!(place("entradaSettings") < place("hostSettings"));
}

#[test]
fn only_https_and_no_passwords_reach_the_site() {
    let file = template("modules/site.bicep");
    let site = file.resource("Microsoft.Web/sites");
    assert_eq!(site.at("properties.httpsOnly").text(), "true");
    let policies = "Microsoft.Web/sites/basicPublishingCredentialsPolicies";
    let mut refused: Vec<_> = file
        .resources(policies)
        .map(|policy| {
            assert_eq!(policy.at("properties.allow").text(), "false");
            policy.at("name").text()
        })
        .collect();
    refused.sort_unstable();
    assert_eq!(refused, ["ftp", "scm"]);
}
