//! The tool of `docs/adding-a-tool.md` is one: the page shows
//! `example/roll_dice.rs` as it stands, and this file gives it the neighbours
//! that it would have in `handlers/mcp/tools/`.

mod roll_dice;

use crate::examples::example;
use crate::mcp::definition::definition_of;
use crate::mcp::tools::Services;
use roll_dice::RollDice;

#[test]
fn the_tool_of_the_page_on_adding_one_compiles_and_can_be_listed() {
    let page = example("docs/adding-a-tool.md", "impl Tool for RollDice");
    assert_eq!(page, include_str!("example/roll_dice.rs"));
    let _made_as_tools_are: fn(&Services) -> RollDice = RollDice::new;
    assert_eq!(definition_of::<RollDice>().unwrap().name, "roll_dice");
}
