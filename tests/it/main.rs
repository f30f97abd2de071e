//! Black-box tests: the real program, asked over HTTP, by third-party clients
//! where there are any.
//!
//! `cargo xtask test` runs them directly on embedded storage, and those that
//! touch storage or the host also on Azurite, through the host stand-in, and
//! through both (`ENTRADA_TEST_STORAGE`, `ENTRADA_TEST_THROUGH`).

#[cfg(test)]
mod rig;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod foundry_agents;
#[cfg(test)]
mod functions;
#[cfg(test)]
mod health;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod python;
#[cfg(test)]
mod round_trips;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod stand_ins;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod tools;
