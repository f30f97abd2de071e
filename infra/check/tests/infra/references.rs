//! The names that a declaration mentions, and what it asks of them.

use std::collections::BTreeSet;

use tree_sitter::Node;

use crate::bicep::{children, source};

/// A name in an expression or a type.
#[derive(Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The properties that are asked for behind it, one of the other.
    pub(crate) path: Vec<Access>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Value,
    Function,
    Type,
}

/// A property that is asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Access {
    pub(crate) property: String,
    /// Whether there may be nothing to ask: `.?`.
    pub(crate) is_safe: bool,
}

/// What a declaration mentions.
#[derive(Debug, Default)]
pub(crate) struct References {
    pub(crate) found: Vec<Reference>,
    /// Names that its loops and lambdas bring along.
    pub(crate) locals: BTreeSet<String>,
}

impl References {
    /// Those of a declaration's node.
    pub(crate) fn of(declaration: Node<'_>, text: &str) -> Self {
        let mut references = Self::default();
        let in_type = declaration.kind() == "type_declaration";
        // The first name is the declaration's own.
        let mut own = true;
        for child in children(declaration) {
            if child.kind() == "identifier" && std::mem::take(&mut own) {
                continue;
            }
            references.collect(child, in_type, text);
        }
        references
    }

    /// Those of decorators.
    pub(crate) fn take_up(&mut self, decorators: Node<'_>, text: &str) {
        self.collect(decorators, false, text);
    }

    /// Whether the name of a parameter, variable, resource, module or type is
    /// among them.
    pub(crate) fn mention(&self, name: &str) -> bool {
        self.found
            .iter()
            .any(|reference| reference.role != Role::Function && reference.name == name)
    }

    fn collect(&mut self, node: Node<'_>, in_type: bool, text: &str) {
        let in_type = in_type || node.kind() == "type";
        match node.kind() {
            "identifier" => self.take_name(node, in_type, text),
            "loop_variable" | "loop_enumerator" => {
                self.locals.insert(source(node, text).to_owned());
            }
            _ => {
                for child in children(node) {
                    self.collect(child, in_type, text);
                }
            }
        }
    }

    fn take_name(&mut self, node: Node<'_>, in_type: bool, text: &str) {
        let name = source(node, text).to_owned();
        let parent = node.parent().unwrap();
        let is_first = parent.child(0) == Some(node);
        match parent.kind() {
            "object_property" if is_first => return,
            "lambda_expression" if is_first => {
                self.locals.insert(name);
                return;
            }
            "for_statement" if parent.child_by_field_name("initializer") == Some(node) => {
                self.locals.insert(name);
                return;
            }
            _ => {}
        }
        // In an array the grammar takes a call for a name and parentheses.
        let role = if text[node.end_byte()..].starts_with('(') {
            Role::Function
        } else if in_type {
            Role::Type
        } else {
            Role::Value
        };
        let path = path_behind(node, text);
        self.found.push(Reference { name, role, path });
    }
}

fn path_behind(name: Node<'_>, text: &str) -> Vec<Access> {
    let mut path = Vec::new();
    let mut node = name;
    while let Some(parent) = node.parent() {
        if parent.kind() != "member_expression"
            || parent.child_by_field_name("object") != Some(node)
        {
            break;
        }
        let property = parent.child_by_field_name("property").unwrap();
        path.push(Access {
            property: source(property, text).to_owned(),
            is_safe: children(parent).iter().any(|part| part.kind() == ".?"),
        });
        node = parent;
    }
    path
}
