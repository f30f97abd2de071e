//! The log as a whole: what is written can be verified and read, and what is
//! done to it is found.

mod log;
mod places;
mod support;
mod verify;

pub(crate) use support::in_memory;
