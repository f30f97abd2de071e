//! `entrada explain` and `entrada doctor`, as people run them.

mod explain;
mod program;
