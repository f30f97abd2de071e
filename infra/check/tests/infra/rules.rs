//! What Bicep's linter would say, and Azure of names.

use std::collections::{BTreeMap, BTreeSet};

use crate::bicep::{Kind, Value};
use crate::repository::{files, json, template, templates, text};

/// The API version of each resource provider's types: stable, younger than the
/// two years of the linter rule use-recent-api-versions or the newest that there
/// is (marked), and known to the compiler of every azd that `azure.yaml` lets in,
/// which would say BCP081 of a younger one.
const API_VERSIONS: [(&str, &str); 9] = [
    ("Microsoft.Authorization", "2022-04-01"), // newest
    ("Microsoft.Graph", "v1.0"),
    ("Microsoft.Insights", "2020-02-02"), // newest
    ("Microsoft.KeyVault", "2025-05-01"),
    ("Microsoft.ManagedIdentity", "2024-11-30"), // newest
    ("Microsoft.OperationalInsights", "2025-07-01"),
    ("Microsoft.Resources", "2025-04-01"),
    ("Microsoft.Storage", "2025-06-01"),
    ("Microsoft.Web", "2025-03-01"), // newest
];

/// Of Microsoft.Network: private DNS zones have versions of their own.
const NETWORK: &str = "2025-05-01";
const PRIVATE_ZONES: &str = "2024-06-01"; // newest

#[test]
fn api_versions_are_recent_and_known_to_the_compiler() {
    let expected = |of: &str| {
        let provider = of.split('/').next().unwrap();
        match provider {
            "Microsoft.Network" if of.contains("/privateDnsZones") => PRIVATE_ZONES,
            "Microsoft.Network" => NETWORK,
            _ => {
                let mut found = API_VERSIONS.iter();
                let found = found.find(|(name, _)| *name == provider);
                found.unwrap_or_else(|| panic!("no version for {of}")).1
            }
        }
    };
    let mut providers = BTreeSet::new();
    for template in templates() {
        for resource in template.all(Kind::Resource) {
            let (of, version) = resource.of.as_ref().unwrap().split_once('@').unwrap();
            assert_eq!(version, expected(of), "{}: {of}", template.name);
            providers.insert(of.split('/').next().unwrap().to_owned());
        }
    }
    assert_eq!(providers.len(), API_VERSIONS.len() + 1, "{providers:?}");
}

/// What Bicep itself has resources say, beside their types.
const BICEPS_OWN: [&str; 3] = ["dependsOn", "parent", "scope"];

/// Whoever sets a property looks it up in the published types of that API
/// version (name, allowed values, whether it can be written), and then adds it
/// to the list.
#[test]
fn every_property_was_looked_up_in_the_types() {
    let mut set = BTreeSet::new();
    for template in templates() {
        let resources = template.all(Kind::Resource);
        for resource in resources.filter(|resource| !resource.existing) {
            let of = resource.of.as_ref().unwrap();
            let paths = resource.paths.iter();
            let paths = paths.filter(|path| !BICEPS_OWN.contains(&path.as_str()));
            set.extend(paths.map(|path| format!("{of} {path}")));
        }
    }
    let list = text("infra/check/tests/infra/looked-up.txt");
    let looked_up: BTreeSet<_> = list.lines().map(str::to_owned).collect();
    let missing: Vec<_> = set.difference(&looked_up).collect();
    assert!(missing.is_empty(), "not looked up: {missing:#?}");
    let gone: Vec<_> = looked_up.difference(&set).collect();
    assert!(gone.is_empty(), "not set any more: {gone:#?}");
}

/// The rules that the compiler leaves off unless it is told otherwise.
const RULES_OFF_BY_DEFAULT: [&str; 15] = [
    "explicit-values-for-loc-params",
    "no-hardcoded-location",
    "no-hardcoded-outputs",
    "no-loc-expr-outside-params",
    "no-module-name",
    "use-description-outputs",
    "use-description-params",
    "use-description-type-properties",
    "use-description-types",
    "use-description-vars",
    "use-recent-api-versions",
    "use-recent-module-versions",
    "use-resource-id-functions",
    "use-user-defined-types",
    "what-if-short-circuiting",
];

#[test]
fn every_rule_of_the_linter_is_on() {
    let configuration = json("infra/bicepconfig.json");
    let rules = configuration["analyzers"]["core"]["rules"].as_object();
    let rules: BTreeMap<_, _> = rules.unwrap().iter().collect();
    let names: Vec<_> = rules.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, RULES_OFF_BY_DEFAULT);
    for (name, rule) in rules {
        assert_eq!(rule["level"], "warning", "{name}");
    }
}

/// How long a name may be, and whether it may have hyphens ("Naming rules and
/// restrictions for Azure resources"). The host's own id is the first 32 letters
/// of the site's name.
const NAMES: [(&str, usize, bool); 3] = [
    ("siteName", 32, true),
    ("storageAccountName", 24, false),
    ("vaultName", 24, true),
];

#[test]
fn names_that_the_world_shares_are_unique_and_short_enough() {
    let main = template("main.bicep");
    let token = main.find(Kind::Variable, "token");
    let token = token.value.as_ref().unwrap().text();
    assert_eq!(
        token,
        "uniqueString(subscription().id, environmentName, location)"
    );
    for (name, longest, hyphens) in NAMES {
        let text = main
            .find(Kind::Variable, name)
            .value
            .as_ref()
            .unwrap()
            .text();
        assert!(text.contains("${token}"), "{text}");
        let name = text.trim_matches('\'').replace("${token}", "0123456789abc");
        assert!(name.len() <= longest, "{name}");
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || (hyphens && c == '-');
        assert!(name.chars().all(fits), "{name}");
    }
}

/// Azure refuses an empty group in a scope before it looks at the condition.
#[test]
fn no_scope_is_without_a_name() {
    let main = template("main.bicep");
    for module in main.all(Kind::Module) {
        let scope = module.at("scope").text();
        if scope != "group" {
            assert_eq!(module.name, "foundryAccess");
            assert!(
                scope.contains("empty(foundryResourceGroup) ? group.name : foundryResourceGroup"),
                "{scope}"
            );
        }
    }
}

/// A location comes from whoever deploys (rules no-hardcoded-location and
/// no-loc-expr-outside-params).
#[test]
fn locations_are_given() {
    for template in templates() {
        for resource in template.all(Kind::Resource) {
            let location = resource
                .value
                .as_ref()
                .and_then(|value| value.get("location"));
            match location {
                None | Some(Value::Expression(_)) => {}
                Some(Value::Text(text)) => assert_eq!(text, "global", "{}", resource.name),
                Some(other) => panic!("{}: {other:?}", resource.name),
            }
            assert!(
                !resource.source.contains("().location"),
                "{}",
                resource.name
            );
        }
    }
}

/// Hosts of the public cloud that `environment()` knows (Bicep's linter rule
/// no-hardcoded-env-urls, which looks at every string).
const CLOUD_HOSTS: [&str; 12] = [
    "azuredatalakeanalytics.net",
    "azuredatalakestore.net",
    "batch.core.windows.net",
    "core.windows.net",
    "database.windows.net",
    "datalake.azure.net",
    "gallery.azure.com",
    "graph.windows.net",
    "login.microsoftonline.com",
    "management.azure.com",
    "management.core.windows.net",
    "vault.azure.net",
];

#[test]
fn no_host_of_the_public_cloud_is_written_out() {
    for path in files("infra", "bicep") {
        let source = std::fs::read_to_string(&path).unwrap();
        for host in CLOUD_HOSTS {
            assert!(!source.contains(host), "{}: {host}", path.display());
        }
    }
}
