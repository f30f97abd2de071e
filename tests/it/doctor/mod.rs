//! `entrada explain` and `entrada doctor`, as people run them.

mod azure_cli;
mod broken;
mod explain;
mod front;
mod local;
mod program;
mod registration;
mod server;
