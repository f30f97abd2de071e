//! What `AzureTables` makes of a service that fails: answers that are lost,
//! refusals, credentials that do not fit.

#[cfg(test)]
mod bearer;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod lost_answers;
#[cfg(test)]
mod refusals;
