//! `roll_dice`: a number by chance.

use std::sync::Arc;

use entrada_ambient::Random;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Services;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;

/// Rolls a die.
pub(super) struct RollDice {
    random: Arc<dyn Random>,
}

impl RollDice {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            random: services.random.clone(),
        }
    }
}

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// How many sides the die has.
    #[schemars(range(min = 2, max = 100))]
    sides: u8,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Roll {
    /// The number that came up, from 1.
    number: u8,
}

impl Tool for RollDice {
    const NAME: &'static str = "roll_dice";
    const TITLE: &'static str = "Roll a die";
    const DESCRIPTION: &'static str = "Rolls a die with two to a hundred sides.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = Roll;

    fn example() -> Value {
        json!({"sides": 6})
    }

    async fn call(&self, _caller: &Principal, arguments: Arguments) -> Result<Roll, ToolError> {
        let mut byte = [0];
        self.random.fill(&mut byte);
        let [byte] = byte;
        Ok(Roll {
            number: byte % arguments.sides + 1,
        })
    }
}
