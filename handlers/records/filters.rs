//! Conditions put together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Condition;

/// Conditions in all.
const MOST: usize = 20;

/// All of these, or any of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Group<T> {
    /// All must hold.
    And(#[schemars(length(min = 1, max = 20))] Vec<T>),
    /// One must hold.
    Or(#[schemars(length(min = 1, max = 20))] Vec<T>),
}

/// A condition, or a group of conditions one level down: enough for every
/// combination, and a schema without recursion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Clause {
    /// A condition.
    Condition(Condition),
    /// A group of conditions.
    Group(Group<Condition>),
}

/// What records must meet: `{"and": [...]}` or `{"or": [...]}`.
pub type Filters = Group<Clause>;

impl<T> Group<T> {
    fn members(&self) -> &[T] {
        match self {
            Self::And(members) | Self::Or(members) => members,
        }
    }

    fn holds(&self, holds: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::And(members) => members.iter().all(holds),
            Self::Or(members) => members.iter().any(holds),
        }
    }
}

impl Filters {
    /// Whether a record's data meet them.
    pub(super) fn match_data(&self, data: &Map<String, Value>) -> bool {
        self.holds(|clause| match clause {
            Clause::Condition(condition) => condition.matches(data),
            Clause::Group(group) => group.holds(|condition| condition.matches(data)),
        })
    }

    /// Whether there are no more conditions than may be, and none of the
    /// groups is empty.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let counts = self.members().iter().map(|clause| match clause {
            Clause::Condition(_) => 1,
            Clause::Group(group) => group.members().len(),
        });
        let all: usize = counts.clone().sum();
        all <= MOST && all > 0 && counts.clone().all(|count| count > 0)
    }
}
