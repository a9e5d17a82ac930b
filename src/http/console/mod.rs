//! The pages.

/// Where a link to set a password leads; its secret follows.
pub const SET_PASSWORD: &str = "/set-password";
/// Where a break-glass link leads; its secret follows.
pub const BREAK_GLASS: &str = "/break-glass";
