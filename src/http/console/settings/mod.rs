//! User Settings: what everybody decides for himself.

pub(super) mod profile;
pub(super) mod sessions;
pub(super) mod tokens;
