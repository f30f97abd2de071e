//! What a compiler would say of names: each is declared, each declaration is
//! used, and nobody is asked for what it does not have.

use std::collections::BTreeSet;

use crate::bicep::{Declaration, Kind, Template, Value};
use crate::references::{Reference, Role};
use crate::repository::{callee, templates};

/// The functions and decorators that are called. All of them are Bicep's.
const FUNCTIONS: [&str; 24] = [
    "batchSize",
    "concat",
    "contains",
    "deployer",
    "description",
    "empty",
    "environment",
    "filter",
    "guid",
    "items",
    "join",
    "map",
    "maxLength",
    "maxValue",
    "metadata",
    "minLength",
    "minValue",
    "resourceGroup",
    "subscription",
    "subscriptionResourceId",
    "tenant",
    "toObject",
    "union",
    "uniqueString",
];

fn faults(template: &Template) -> Vec<String> {
    let of_kinds = |kinds: &[Kind]| -> BTreeSet<&str> {
        let found = template.declarations.iter();
        let found = found.filter(|declaration| kinds.contains(&declaration.kind));
        found.map(|declaration| declaration.name.as_str()).collect()
    };
    let values = of_kinds(&[
        Kind::Parameter,
        Kind::Variable,
        Kind::Resource,
        Kind::Module,
    ]);
    let types = of_kinds(&[Kind::Type]);
    let is_known = |asking: &Declaration, reference: &Reference| {
        let name = reference.name.as_str();
        match reference.role {
            Role::Value => values.contains(name) || asking.references.locals.contains(name),
            Role::Function => FUNCTIONS.contains(&name),
            Role::Type => types.contains(name),
        }
    };
    let mut faults = Vec::new();
    for asking in &template.declarations {
        for reference in &asking.references.found {
            if !is_known(asking, reference) {
                let (file, name) = (&template.name, &asking.name);
                faults.push(format!("{file}: {name} mentions {}", reference.name));
            }
        }
    }
    faults
}

#[test]
fn every_name_is_declared() {
    let faults: Vec<_> = templates().iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn an_undeclared_name_is_found_everywhere() {
    for text in [
        "var a = b\n",
        "var a = '${b}'\n",
        "var a = [b().c]\n",
        "var a = map([1], one => { c: b })\n",
        "param a b\n",
        "param a { c: b }\n",
        "type a = { c: b }\n",
        "@minLength(b)\nparam a string\n",
        "output a string = c.?b ?? b\n",
        "resource a 'A/c@2025-01-01' = if (b) {\n  name: 'c'\n}\n",
        "resource a 'A/c@2025-01-01' = [\n  for c in b: {\n    name: c\n  }\n]\n",
        "module a 'c.bicep' = {\n  scope: b\n}\n",
    ] {
        let text =
            format!("param c object\n{text}").replace("param c object\nparam a {", "param a {");
        let template = Template::parse("sample", &text).unwrap();
        let found = faults(&template);
        assert!(
            found.iter().any(|fault| fault.ends_with("mentions b")),
            "{text}"
        );
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
fn nothing_is_declared_twice() {
    for template in templates() {
        let mut names = BTreeSet::new();
        for declaration in &template.declarations {
            // Outputs and metadata have names of their own.
            if !matches!(declaration.kind, Kind::Output | Kind::Metadata) {
                assert!(names.insert(&declaration.name), "{}", declaration.name);
            }
            let Some(value) = &declaration.value else {
                continue;
            };
            assert_no_property_twice(&template.name, value);
        }
    }
}

fn assert_no_property_twice(file: &str, value: &Value) {
    let mut names = BTreeSet::new();
    for property in value.properties() {
        assert!(names.insert(&property.name), "{file}: {}", property.name);
        assert_no_property_twice(file, &property.value);
    }
    if let Value::Array(items) = value {
        for item in items {
            assert_no_property_twice(file, item);
        }
    }
}

/// BCP318 where the module may not be there, and a question mark for nothing
/// where it is.
#[test]
fn outputs_of_a_module_are_asked_for_as_its_condition_demands() {
    let mut asked = 0;
    for caller in templates() {
        for module in caller.all(Kind::Module) {
            let callee = callee(&caller, module);
            for asking in &caller.declarations {
                for reference in &asking.references.found {
                    if reference.name != module.name || reference.path.is_empty() {
                        continue;
                    }
                    let place = format!("{}: {} of {}", caller.name, asking.name, module.name);
                    let [outputs, output] = reference.path.as_slice() else {
                        panic!("{place}: {:?}", reference.path);
                    };
                    assert_eq!(outputs.property, "outputs", "{place}");
                    assert_eq!(outputs.is_safe, module.is_conditional, "{place}");
                    assert!(!output.is_safe, "{place}");
                    callee.find(Kind::Output, &output.property);
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 15, "{asked}");
}

#[test]
fn every_module_gets_what_it_takes_and_nothing_else() {
    let mut deployed = BTreeSet::new();
    for caller in templates() {
        for module in caller.all(Kind::Module) {
            let callee = callee(&caller, module);
            let given = module.at("params");
            for parameter in callee.all(Kind::Parameter) {
                let name = &parameter.name;
                let place = format!("{}: {}.{name}", caller.name, module.name);
                let argument = given.get(name);
                assert!(argument.is_some() || parameter.value.is_some(), "{place}");
                if let (Some(of), Some(argument)) = (fields(&callee, parameter), argument) {
                    let named = argument.properties().iter();
                    let named: BTreeSet<_> = named.map(|found| found.name.clone()).collect();
                    assert_eq!(named, of, "{place}");
                }
            }
            for argument in given.properties() {
                callee.find(Kind::Parameter, &argument.name);
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

/// The properties of a parameter whose type is declared in its file.
fn fields(template: &Template, parameter: &Declaration) -> Option<BTreeSet<String>> {
    let mut types = template.all(Kind::Type);
    let of = types.find(|of| Some(&of.name) == parameter.type_of.as_ref())?;
    let properties = of.value.as_ref().unwrap().properties().iter();
    Some(properties.map(|property| property.name.clone()).collect())
}

#[test]
fn parameters_have_the_properties_that_they_are_asked_for() {
    let mut asked = 0;
    for template in templates() {
        for parameter in template.all(Kind::Parameter) {
            let Some(fields) = fields(&template, parameter) else {
                continue;
            };
            let references = template
                .declarations
                .iter()
                .flat_map(|asking| &asking.references.found)
                .filter(|reference| reference.name == parameter.name);
            for reference in references {
                let [access] = reference.path.as_slice() else {
                    panic!("{}: {:?}", parameter.name, reference.path);
                };
                assert!(fields.contains(&access.property), "{access:?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 10, "{asked}");
}

/// Linter rule no-unnecessary-dependson, as far as one declaration shows it.
#[test]
fn nothing_waits_expressly_for_what_it_mentions_anyway() {
    let mut waits = 0;
    for template in templates() {
        for declaration in &template.declarations {
            let Some(awaited) = declaration
                .value
                .as_ref()
                .and_then(|value| value.get("dependsOn"))
            else {
                continue;
            };
            for awaited in awaited.items() {
                let found = declaration.references.found.iter();
                let mentioned = found.filter(|found| found.name == awaited.text()).count();
                assert_eq!(mentioned, 1, "{}: {}", template.name, declaration.name);
                waits += 1;
            }
        }
    }
    assert_eq!(waits, 3);
}
