//! The vendor's APIs, to the byte: paths, members, statuses and fixed strings are the contract.

pub(super) mod deactivation;
mod deactivation_error;
pub(super) mod identifiers;
mod identifiers_error;
