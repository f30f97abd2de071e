//! That the Bicep files are sound by themselves, and fit together.

use std::collections::BTreeSet;

use crate::bicep::{Declaration, Kind, Template};
use crate::repository::{files, root, template, templates};

#[test]
fn every_file_parses_and_says_what_it_is() {
    for template in templates() {
        let description = template.find(Kind::Metadata, "description");
        assert!(description.value.is_some(), "{}", template.name);
    }
}

#[test]
fn a_broken_file_is_refused() {
    let sound = "param name string\n\nresource a 'A/b@2025-01-01' = {\n  name: name\n}\n";
    assert!(Template::parse("sound", sound).is_ok());
    for (part, instead) in [
        ("= {", "{"),
        ("}\n", "\n"),
        ("name: name", "name name"),
        ("'A/b", "A/b"),
        ("param name string", "parm name string"),
    ] {
        let broken = sound.replace(part, instead);
        assert!(Template::parse("broken", &broken).is_err(), "{broken}");
    }
}

#[test]
fn everything_is_described() {
    for template in templates() {
        let described = [Kind::Parameter, Kind::Variable, Kind::Output, Kind::Type];
        for declaration in &template.declarations {
            let name = format!("{}: {}", template.name, declaration.name);
            if described.contains(&declaration.kind) {
                assert!(declaration.description.is_some(), "{name} is not described");
            }
            if declaration.kind == Kind::Type {
                for property in declaration.value.as_ref().unwrap().every_property() {
                    assert!(property.is_described, "{name}.{} is not", property.name);
                }
            }
        }
    }
}

#[test]
fn nothing_is_declared_for_nothing() {
    for template in templates() {
        let used = |name: &str| {
            template
                .declarations
                .iter()
                .any(|other| other.name != name && other.mentions(name))
        };
        for declaration in &template.declarations {
            let must_be_used = match declaration.kind {
                Kind::Parameter | Kind::Variable | Kind::Type => true,
                Kind::Resource => declaration.existing,
                _ => false,
            };
            assert!(
                !must_be_used || used(&declaration.name),
                "{}: {} is used nowhere",
                template.name,
                declaration.name
            );
        }
    }
}

#[test]
fn every_module_gets_what_it_takes_and_nothing_else() {
    let mut deployed = BTreeSet::new();
    for caller in templates() {
        for module in caller.all(Kind::Module) {
            let callee = template(&path_from(&caller, module));
            let given: BTreeSet<_> = names(module);
            for parameter in callee.all(Kind::Parameter) {
                assert!(
                    given.contains(parameter.name.as_str()) || parameter.value.is_some(),
                    "{}: {} does not get {}",
                    caller.name,
                    module.name,
                    parameter.name
                );
            }
            for name in given {
                callee.find(Kind::Parameter, name);
            }
            deployed.insert(callee.name);
        }
    }
    for template in templates() {
        assert!(
            deployed.contains(&template.name) || template.name == "main.bicep",
            "nobody deploys {}",
            template.name
        );
    }
}

#[test]
fn outputs_that_are_asked_for_exist() {
    for caller in templates() {
        for module in caller.all(Kind::Module) {
            let callee = template(&path_from(&caller, module));
            for asking in &caller.declarations {
                for access in [".outputs.", ".?outputs."] {
                    let prefix = format!("{}{access}", module.name);
                    for (_, after) in asking
                        .source
                        .match_indices(&prefix)
                        .map(|(start, found)| asking.source.split_at(start + found.len()))
                    {
                        let end = after.find(|c: char| !c.is_alphanumeric());
                        callee.find(Kind::Output, &after[..end.unwrap_or(after.len())]);
                    }
                }
            }
        }
    }
}

/// API versions that the linter would call old, and two of one type.
#[test]
fn a_type_has_one_api_version_everywhere() {
    let versions: BTreeSet<(String, String)> = templates()
        .iter()
        .flat_map(|template| {
            template
                .all(Kind::Resource)
                .map(|resource| {
                    let (of, version) = resource.of.as_ref().unwrap().split_once('@').unwrap();
                    (of.to_owned(), version.to_owned())
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let types: BTreeSet<_> = versions.iter().map(|(of, _)| of).collect();
    assert_eq!(types.len(), versions.len(), "{versions:#?}");
    assert!(
        versions
            .iter()
            .all(|(_, version)| !version.contains("preview")),
        "{versions:#?}"
    );
}

fn names(module: &Declaration) -> BTreeSet<&str> {
    let parameters = module.at("params").properties();
    parameters.iter().map(|found| found.name.as_str()).collect()
}

/// The path under `infra/` of the file that a module deploys.
fn path_from(caller: &Template, module: &Declaration) -> String {
    let infra = root().join("infra");
    let folder = infra.join(&caller.name).parent().unwrap().to_owned();
    let path = folder.join(module.of.as_ref().unwrap());
    let path = path.canonicalize().unwrap();
    path.strip_prefix(infra)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
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
