//! The vault's client from outside, against the Key Vault stand-in.

#[cfg(test)]
mod vault;
