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
    let tool = definition_of::<RollDice>().unwrap();
    assert_eq!(tool.name, "roll_dice");
    // As the list `tools!` makes it.
    let _: fn(&Services) -> RollDice = RollDice::new;
}
