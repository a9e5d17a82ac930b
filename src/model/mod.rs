//! Plain types, shared by every room; nothing here knows SQL, HTTP or the rules.

pub mod actor;
pub mod audit;
pub mod clock;
pub mod company;
pub mod email;
pub mod entropy;
pub mod group;
pub mod id;
pub mod link;
pub mod quota;
pub mod scim;
pub mod scope;
pub mod secret;
pub mod service;
pub mod session;
pub mod text;
pub mod token;
pub mod user;

/// A value from outside that breaks a rule; the text says what would be right, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Invalid {
    /// Says what is wrong and what would be right.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
