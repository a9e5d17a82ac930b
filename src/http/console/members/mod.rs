//! The members of a company, to its admins.

pub(super) mod act;
pub(super) mod invite;
pub(super) mod list;
pub(super) mod member;
