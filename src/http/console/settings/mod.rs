//! User Settings: what everybody decides for himself.

pub(super) mod profile;
pub(super) mod sessions;
mod token_form;
mod token_wording;
pub(super) mod tokens;
