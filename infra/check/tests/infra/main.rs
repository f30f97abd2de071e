//! Checks what deploys Entrada, without Azure and without the Bicep compiler.
//!
//! The Bicep files are parsed by an independent parser, tree-sitter-bicep. It
//! knows no types of Azure. These tests hold what a compiler would say of names
//! and of what modules give each other, and what it does not say: that the files
//! agree with the code's settings, tables and roles, with `azure.yaml` and with
//! the documentation, and that what Azure would accept in silence and then not
//! start is not there.

#[cfg(test)]
mod access;
#[cfg(test)]
mod azd;
#[cfg(test)]
mod bicep;
#[cfg(test)]
mod entra;
#[cfg(test)]
mod names;
#[cfg(test)]
mod references;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod site;
#[cfg(test)]
mod syntax;
