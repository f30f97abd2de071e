//! The stand-ins from outside: over http and https, as clients see them.

#[cfg(test)]
mod authorize;
#[cfg(test)]
mod client_authentication;
#[cfg(test)]
mod client_credentials;
#[cfg(test)]
mod code;
#[cfg(test)]
mod control;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod frame;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod managed_identity;
#[cfg(test)]
mod on_behalf_of;
#[cfg(test)]
mod refresh;
