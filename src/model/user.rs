//! Users: the people of the platform.

use super::clock::Timestamp;
use super::email::Email;
use super::id::{CompanyId, UserId};

/// A person on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never used again for somebody else.
    pub id: UserId,
    /// The one company that the person belongs to.
    pub company: CompanyId,
    /// The address by which the person is found.
    pub email: Email,
    /// What the person is called.
    pub name: String,
    /// What the person may do in the company.
    pub role: Role,
    /// Whether the person's credentials work.
    pub status: Status,
    /// Since when the status is what it is.
    pub status_since: Timestamp,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// Whether a user's credentials work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// They do.
    Active,
    /// They sleep, and wake with *resume*.
    Suspended,
    /// They were ended for good; *reactivate* starts with none.
    Deactivated,
}

impl Status {
    /// Every status that there is.
    pub const ALL: [Self; 3] = [Self::Active, Self::Suspended, Self::Deactivated];

    /// The name, stored and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What a user may do in the company, from least to most; each may do what the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Nothing with others.
    Member,
    /// Manages members through the User Management API.
    MemberManager,
    /// Manages all through the User Management API.
    CompanyManager,
    /// Deactivates, looks up, reads the audit log; counts as Company Manager.
    MendixAdmin,
}

impl Role {
    /// Every role that there is.
    pub const ALL: [Self; 4] = [Self::Member, Self::MemberManager, Self::CompanyManager, Self::MendixAdmin];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::MemberManager => "member_manager",
            Self::CompanyManager => "company_manager",
            Self::MendixAdmin => "mendix_admin",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Member => "Member",
            Self::MemberManager => "Member Manager",
            Self::CompanyManager => "Company Manager",
            Self::MendixAdmin => "Mendix Admin",
        }
    }

    /// Whether this is the role that deactivates others.
    pub fn is_admin(self) -> bool {
        self == Self::MendixAdmin
    }
}
