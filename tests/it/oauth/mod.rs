//! The authorization server from outside: as a client, as a browser, as a
//! thief.

pub(crate) mod application;

mod authorize;
mod consent;
mod crashes;
mod daemons;
mod metadata;
mod my_grants;
mod over_time;
mod refresh;
mod remembered;
mod revoke;
mod scopes;
mod step_up;
mod table;
mod token;
