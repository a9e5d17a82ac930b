//! The groups of a company, to its admins.

pub(super) mod delete;
pub(super) mod group;
pub(super) mod list;
pub(super) mod members;
pub(super) mod new;
pub(super) mod rights;
mod row;

pub(super) use row::{GroupLink, GroupRow};
