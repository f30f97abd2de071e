//! That the Bicep files are Bicep, and say what they are for.

use crate::bicep::{Kind, Template};
use crate::repository::templates;

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
        ("name: name", "name: name location: name"),
        ("name: name", "name: [name name]"),
        ("name: name", "name: '${name'"),
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
