//! A Bicep file as its declarations and their values.

use std::collections::BTreeSet;

use tree_sitter::{Node, Parser};

use crate::references::References;

/// A parsed Bicep file.
pub(crate) struct Template {
    /// Path under `infra/`.
    pub(crate) name: String,
    /// The declarations in their order.
    pub(crate) declarations: Vec<Declaration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Parameter,
    Variable,
    Output,
    Type,
    Resource,
    Module,
    Metadata,
}

/// A declaration with its decorators.
pub(crate) struct Declaration {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// Text of `@description`.
    pub(crate) description: Option<String>,
    /// The type of a resource, the path of a module.
    pub(crate) of: Option<String>,
    /// Whether the resource is only referred to.
    pub(crate) existing: bool,
    /// Whether a condition decides on it.
    pub(crate) is_conditional: bool,
    /// The type of a parameter or an output.
    pub(crate) type_of: Option<String>,
    /// What stands after the equals sign. Of a loop or a condition, its body.
    pub(crate) value: Option<Value>,
    /// The names that it mentions.
    pub(crate) references: References,
    /// Where the properties of all its objects stand, by names with dots.
    pub(crate) paths: BTreeSet<String>,
    /// The source text, without decorators.
    pub(crate) source: String,
}

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Object(Vec<Property>),
    Array(Vec<Value>),
    /// A string without interpolation.
    Text(String),
    /// The source text of anything else.
    Expression(String),
}

/// A property of an object or an object type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) is_described: bool,
}

impl Template {
    /// Parses a file.
    ///
    /// The grammar does not know `extension` statements, so those lines are
    /// blanked first.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let text = blank_extensions(text);
        let mut parser = Parser::new();
        parser
            .set_language(&tree_sitter_bicep::LANGUAGE.into())
            .unwrap();
        let tree = parser.parse(&text, None).unwrap();
        if let Some(fault) = first_fault(tree.root_node(), &text) {
            return Err(format!("{name}:{fault}"));
        }
        Ok(Self {
            name: name.to_owned(),
            declarations: declarations(tree.root_node(), &text),
        })
    }

    /// The declarations of one kind.
    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = &Declaration> {
        self.declarations
            .iter()
            .filter(move |declaration| declaration.kind == kind)
    }

    /// The declaration of that kind and name.
    pub(crate) fn find(&self, kind: Kind, name: &str) -> &Declaration {
        self.all(kind)
            .find(|declaration| declaration.name == name)
            .unwrap_or_else(|| panic!("{}: no {kind:?} {name}", self.name))
    }

    /// The resources that it deploys of a type, given without API version.
    pub(crate) fn resources<'a>(&'a self, of: &'a str) -> impl Iterator<Item = &'a Declaration> {
        self.all(Kind::Resource).filter(move |resource| {
            let (found, _) = resource.of.as_deref().unwrap().split_once('@').unwrap();
            found == of && !resource.existing
        })
    }

    /// The one resource that it deploys of a type.
    pub(crate) fn resource<'a>(&'a self, of: &'a str) -> &'a Declaration {
        let mut found = self.resources(of);
        let resource = found.next().unwrap_or_else(|| panic!("no {of}"));
        assert!(found.next().is_none(), "{}: several {of}", self.name);
        resource
    }
}

impl Declaration {
    /// The value at a path of property names that are separated by dots.
    pub(crate) fn at(&self, path: &str) -> &Value {
        let value = self.value.as_ref().unwrap();
        value
            .get(path)
            .unwrap_or_else(|| panic!("{}: no {path}", self.name))
    }

    /// The other declarations of the file that it mentions.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.references.mention(name)
    }
}

impl Value {
    /// The value at a path of property names that are separated by dots.
    pub(crate) fn get(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| {
            let property = value.properties().iter().find(|found| found.name == name)?;
            Some(&property.value)
        })
    }

    /// The properties of an object; none of anything else.
    pub(crate) fn properties(&self) -> &[Property] {
        match self {
            Self::Object(properties) => properties,
            _ => &[],
        }
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            other => panic!("not an array: {other:?}"),
        }
    }

    /// The text of a string, or the source of another expression.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Expression(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    /// The properties of this value and of those within it.
    pub(crate) fn every_property(&self) -> Vec<&Property> {
        match self {
            Self::Object(properties) => properties
                .iter()
                .flat_map(|property| {
                    let inner = property.value.every_property();
                    std::iter::once(property).chain(inner)
                })
                .collect(),
            Self::Array(items) => items.iter().flat_map(Self::every_property).collect(),
            _ => Vec::new(),
        }
    }
}

fn blank_extensions(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.starts_with("extension ") {
                "\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

fn first_fault(node: Node<'_>, text: &str) -> Option<String> {
    if node.is_error() || node.is_missing() || is_run_together(node, text) {
        let line = node.start_position().row + 1;
        return Some(format!("{line}: near `{}`", source(node, text)));
    }
    children(node)
        .into_iter()
        .find_map(|child| first_fault(child, text))
}

/// Whether two parts of an array or an object stand on a line with no comma
/// between them, which the grammar lets pass and the compiler does not.
fn is_run_together(node: Node<'_>, text: &str) -> bool {
    if !matches!(node.kind(), "array" | "object") {
        return false;
    }
    let parts = named_children(node);
    parts.windows(2).any(|pair| {
        let between = &text[pair[0].end_byte()..pair[1].start_byte()];
        !between.is_empty() && !between.contains([',', '\n'])
    })
}

fn declarations(root: Node<'_>, text: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut decorators = None;
    for node in children(root) {
        let kind = match node.kind() {
            "decorators" => {
                decorators = Some(node);
                continue;
            }
            "parameter_declaration" => Kind::Parameter,
            "variable_declaration" => Kind::Variable,
            "output_declaration" => Kind::Output,
            "type_declaration" => Kind::Type,
            "resource_declaration" => Kind::Resource,
            "module_declaration" => Kind::Module,
            "metadata_declaration" => Kind::Metadata,
            _ => continue,
        };
        found.push(declaration(node, kind, decorators.take(), text));
    }
    found
}

fn declaration(
    node: Node<'_>,
    kind: Kind,
    decorators: Option<Node<'_>>,
    text: &str,
) -> Declaration {
    let named = named_children(node);
    let parts = children(node);
    let is_there = |kind: &str| parts.iter().any(|part| part.kind() == kind);
    let equals = parts.iter().find(|part| part.kind() == "=");
    let after = equals.map(Node::end_byte);
    let of = matches!(kind, Kind::Resource | Kind::Module).then(|| literal(named[1], text));
    let type_of = parts.iter().find(|part| part.kind() == "type");
    let mut references = References::of(node, text);
    if let Some(decorators) = decorators {
        references.take_up(decorators, text);
    }
    Declaration {
        kind,
        name: source(named[0], text).to_owned(),
        description: decorators.and_then(|decorators| description_of(decorators, text)),
        of,
        existing: is_there("existing"),
        is_conditional: is_there("if_statement"),
        type_of: type_of.map(|of| source(*of, text).to_owned()),
        value: after
            .and_then(|end| named.iter().find(|child| child.start_byte() >= end))
            .map(|child| value(*child, text)),
        references,
        paths: paths(node, "", text),
        source: source(node, text).to_owned(),
    }
}

/// The paths of the properties in a node, in lambdas and conditions too. A name
/// that is computed is a star.
fn paths(node: Node<'_>, above: &str, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for child in children(node) {
        if child.kind() != "object_property" {
            found.extend(paths(child, above, text));
            continue;
        }
        let key = source(child.child(0).unwrap(), text).trim_matches('\'');
        let key = if key.contains("${") { "*" } else { key };
        let path = format!("{above}{key}");
        found.extend(paths(child, &format!("{path}."), text));
        found.insert(path);
    }
    found
}

fn value(node: Node<'_>, text: &str) -> Value {
    match node.kind() {
        "object" => Value::Object(properties(node, text)),
        "array" => Value::Array(
            named_children(node)
                .into_iter()
                .map(|item| value(item, text))
                .collect(),
        ),
        "string" if !source(node, text).contains("${") => Value::Text(literal(node, text)),
        "if_statement" | "for_statement" => {
            let body = named_children(node).into_iter().next_back().unwrap();
            value(body, text)
        }
        _ => Value::Expression(source(node, text).to_owned()),
    }
}

fn properties(object: Node<'_>, text: &str) -> Vec<Property> {
    let mut found = Vec::new();
    let mut is_described = false;
    for node in named_children(object) {
        if node.kind() == "decorators" {
            is_described = description_of(node, text).is_some();
            continue;
        }
        let parts = children(node);
        let colon = parts.iter().position(|part| part.kind() == ":").unwrap();
        found.push(Property {
            name: source(parts[0], text).trim_matches('\'').to_owned(),
            value: value(parts[colon + 1], text),
            is_described: std::mem::take(&mut is_described),
        });
    }
    found
}

fn description_of(decorators: Node<'_>, text: &str) -> Option<String> {
    let text = source(decorators, text);
    let (_, after) = text.split_once("@description('")?;
    let (described, _) = after.split_once("')")?;
    Some(described.trim().to_owned()).filter(|described| !described.is_empty())
}

fn literal(string: Node<'_>, text: &str) -> String {
    source(string, text).trim_matches('\'').replace("\\'", "'")
}

pub(crate) fn source<'a>(node: Node<'_>, text: &'a str) -> &'a str {
    &text[node.byte_range()]
}

pub(crate) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    node.children(&mut node.walk()).collect()
}

fn named_children(node: Node<'_>) -> Vec<Node<'_>> {
    node.named_children(&mut node.walk())
        .filter(|child| !child.kind().contains("comment"))
        .collect()
}
