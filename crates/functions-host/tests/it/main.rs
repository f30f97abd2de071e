//! Runs packages whose handler records what it is sent.

#[cfg(test)]
mod binary;
#[cfg(test)]
mod extension;
#[cfg(test)]
mod http;
#[cfg(test)]
mod legacy;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod package;
#[cfg(test)]
mod posts;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod resources_prompts;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod validation;
#[cfg(test)]
mod wrapped;
