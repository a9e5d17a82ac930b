//! Groups of users, and what membership gives.

use super::clock::Timestamp;
use super::id::{CompanyId, GroupId};
use super::scope::Scopes;
use super::user::Role;

pub use super::company::name_key;

/// A group of users of one company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its identifier.
    pub id: GroupId,
    /// Whose it is.
    pub company: CompanyId,
    /// What people call it; no two groups of a company have names that differ in case alone.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether the console may not change its name and its members: an identity provider, or a script, does.
    pub locked: bool,
    /// How an identity provider knows it.
    pub external_id: Option<String>,
    /// What membership gives.
    pub rights: Rights,
    /// How many members it has.
    pub member_count: u64,
    /// Grows with each change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What membership of a group gives beside the member's own role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// A role, if it is a greater one.
    pub role: Option<Role>,
    /// Scopes for which the member's role would not do.
    pub scopes: Scopes,
}

impl Rights {
    /// Whether membership gives nothing.
    pub fn is_empty(self) -> bool {
        self.role.is_none() && self.scopes.is_empty()
    }
}
