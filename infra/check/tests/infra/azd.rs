//! `azure.yaml`, its hooks and parameters, and the page that goes through them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::bicep::Kind;
use crate::repository::{json, root, template, text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Project {
    required_versions: RequiredVersions,
    infra: Infra,
    services: BTreeMap<String, Service>,
    hooks: BTreeMap<String, Hook>,
}

#[derive(Deserialize)]
struct RequiredVersions {
    azd: String,
}

#[derive(Deserialize)]
struct Infra {
    path: String,
    module: String,
}

/// Every field that there may be: `remoteBuild` is none of them, since the
/// program is built before it is uploaded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    host: String,
    language: String,
    project: String,
    dist: String,
    hooks: BTreeMap<String, Hook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    posix: Script,
    windows: Script,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    shell: String,
    run: String,
    #[serde(default)]
    interactive: bool,
}

/// The oldest azd: its `azd down` leaves alone what it did not make.
const OLDEST: &str = "1.24.0";

fn project() -> Project {
    serde_norway::from_str(&text("azure.yaml")).unwrap()
}

#[test]
fn the_package_is_uploaded_as_it_is() {
    let project = project();
    assert_eq!(project.required_versions.azd, format!(">= {OLDEST}"));
    assert!(text("docs/deploy.md").contains(&format!("{OLDEST} or later")));
    assert_eq!(
        (project.infra.path.as_str(), project.infra.module.as_str()),
        ("infra", "main")
    );
    let service = &project.services["entrada"];
    assert_eq!(project.services.len(), 1);
    assert_eq!(service.host, "function");
    assert_eq!(service.language, "custom");
    assert_eq!(service.project, ".");
    assert_eq!(service.dist, "dist.zip");
    let site = template("modules/site.bicep");
    let tags = site.resource("Microsoft.Web/sites").at("tags").text();
    assert!(tags.contains("'azd-service-name': 'entrada'"), "{tags}");
}

/// The scripts that make the key ring.
const HOOKS: [&str; 2] = ["infra/hooks/keys.sh", "infra/hooks/keys.ps1"];

#[test]
fn hooks_package_and_make_keys_in_both_shells() {
    let project = project();
    let package = &project.services["entrada"].hooks["prepackage"];
    let keys = &project.hooks["postprovision"];
    for hook in [package, keys] {
        assert_eq!(hook.posix.shell, "sh");
        assert_eq!(hook.windows.shell, "pwsh");
    }
    assert_eq!(package.posix.run, "cargo xtask package");
    assert_eq!(package.windows.run, "cargo xtask package");
    // azd hands the shell a path as it is: with a space in it, as a checkout's may
    // have, that is two words.
    assert_eq!(keys.posix.run, "sh infra/hooks/keys.sh");
    assert_eq!(keys.windows.run, "infra/hooks/keys.ps1");
    for (hook, script) in [(&keys.posix, HOOKS[0]), (&keys.windows, HOOKS[1])] {
        assert!(hook.interactive, "azd would take its output off the screen");
        let script = text(script);
        assert!(script.contains("cargo run --quiet --package entrada -- keys init --wait 15m"));
    }
}

/// What a hook reads from its environment must be an output.
#[test]
fn hooks_read_only_outputs() {
    let outputs = outputs();
    for script in HOOKS {
        let script = text(script);
        let names: BTreeSet<_> = script
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| word.starts_with("ENTRADA_"))
            .map(str::to_owned)
            .collect();
        assert!(names.contains("ENTRADA_KEY_VAULT_IS_PRIVATE"));
        assert!(names.is_subset(&outputs), "{names:?}");
    }
}

/// With private networking nobody outside reaches the vault, and a deployment
/// that worked must not end as one that failed.
#[cfg(unix)]
#[test]
fn the_hook_says_what_to_do_when_the_vault_is_private_and_succeeds() {
    let hook = std::process::Command::new("sh")
        .arg(root().join("infra/hooks/keys.sh"))
        .env("ENTRADA_KEY_VAULT_IS_PRIVATE", "true")
        .env("ENTRADA_KEY_VAULT_URL", "https://kv-test.example/")
        .output()
        .unwrap();
    let said = String::from_utf8(hook.stdout).unwrap();
    assert!(hook.status.success());
    assert!(
        said.contains("ENTRADA_KEY_VAULT_URL=https://kv-test.example/"),
        "{said}"
    );
    assert!(said.contains("keys init"), "{said}");
}

fn outputs() -> BTreeSet<String> {
    let main = template("main.bicep");
    main.all(Kind::Output)
        .map(|output| output.name.clone())
        .collect()
}

/// Each parameter and the variable of the azd environment that it comes from.
fn parameters() -> BTreeMap<String, String> {
    let file = json("infra/main.parameters.json");
    let parameters = file["parameters"].as_object().unwrap();
    parameters
        .iter()
        .map(|(name, parameter)| {
            let value = parameter["value"].as_str().unwrap();
            let variable = value
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'));
            (name.clone(), variable.unwrap().to_owned())
        })
        .collect()
}

#[test]
fn every_parameter_can_be_set_in_the_azd_environment() {
    let main = template("main.bicep");
    let declared: BTreeSet<_> = main
        .all(Kind::Parameter)
        .map(|parameter| parameter.name.clone())
        .collect();
    let parameters = parameters();
    let given: BTreeSet<_> = parameters.keys().cloned().collect();
    assert_eq!(given, declared);
    let variables: BTreeSet<_> = parameters.values().collect();
    assert_eq!(
        variables.len(),
        parameters.len(),
        "one variable for two parameters"
    );
}

/// azd writes outputs into the environment that parameters come from: the
/// second deployment would take the first one's output for somebody's choice.
#[test]
fn no_output_comes_back_as_a_parameter() {
    let variables: BTreeSet<_> = parameters().into_values().collect();
    let both: Vec<_> = variables.intersection(&outputs()).cloned().collect();
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn the_outputs_say_where_mcp_clients_connect() {
    let main = template("main.bicep");
    for (output, path) in [
        ("ENTRADA_MCP_URL", "'${baseUrl}/mcp'"),
        (
            "ENTRADA_MCP_WEBHOOK_URL",
            "'${baseUrl}/runtime/webhooks/mcp'",
        ),
    ] {
        let output = main.find(Kind::Output, output);
        assert_eq!(output.value.as_ref().unwrap().text(), path);
    }
}

#[test]
fn the_page_on_deploying_names_every_variable_and_output() {
    let page = text("docs/deploy.md");
    for name in parameters().into_values().chain(outputs()) {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/deploy.md lacks {name}"
        );
    }
}

#[test]
fn the_image_is_the_package_on_the_host_for_custom_handlers() {
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.contains("\nFROM mcr.microsoft.com/azure-functions/base:4\n"));
    assert!(dockerfile.ends_with("\nCOPY dist/ /home/site/wwwroot/\n"));
    // Secrets of this machine stay here.
    let ignored = text(".dockerignore");
    assert_eq!(ignored, "*\n!dist/\ndist/local.settings.json\n");
}
