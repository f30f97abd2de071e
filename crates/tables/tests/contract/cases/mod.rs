pub(crate) mod batches;
pub(crate) mod conditions;
pub(crate) mod expiry;
pub(crate) mod filters;
pub(crate) mod limits;
pub(crate) mod queries;
pub(crate) mod rows;
