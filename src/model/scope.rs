//! What a personal access token may be used for.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Invalid;
use super::user::Role;

/// One permission of a token, by the vendor's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Deactivate users (API 1).
    UserDeactivationWrite,
    /// Look up the UUIDs of e-mail addresses (API 2).
    UserIdentifiersRead,
    /// Read the company's audit log (API 3).
    AuditLoggingRead,
}

impl Scope {
    /// Every scope that there is.
    pub const ALL: [Self; 3] = [Self::UserDeactivationWrite, Self::UserIdentifiersRead, Self::AuditLoggingRead];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserDeactivationWrite => "mx:user-deactivation:write",
            Self::UserIdentifiersRead => "mx:mxid3:user-identifiers:uuid:read",
            Self::AuditLoggingRead => "mx:audit-logging:read",
        }
    }

    /// The API that asks for it.
    pub fn api(self) -> &'static str {
        match self {
            Self::UserDeactivationWrite => "User Deactivation API",
            Self::UserIdentifiersRead => "User Identifiers API",
            Self::AuditLoggingRead => "Audit Logging API",
        }
    }

    /// What it permits, in a sentence.
    pub fn explained(self) -> &'static str {
        match self {
            Self::UserDeactivationWrite => "Deactivate users of your company: end all that they hold.",
            Self::UserIdentifiersRead => "Look up the UUIDs of users of your company by their e-mail addresses.",
            Self::AuditLoggingRead => "Read your company's audit log.",
        }
    }

    /// Who may give it to a token of his own, and use it.
    pub fn role(self) -> Role {
        match self {
            Self::UserDeactivationWrite | Self::UserIdentifiersRead | Self::AuditLoggingRead => Role::MendixAdmin,
        }
    }

    /// Reads a name on the wire.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Invalid::new(format!("there is no scope '{text}'; there are: {known}"))
        })
    }
}

/// A set of scopes; written, as in OAuth (RFC 6749 section 3.3), with spaces between.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes {
    /// One bit a scope, at its place in [`Scope::ALL`].
    bits: u64,
}

impl Scopes {
    /// All that somebody in this role may use.
    pub fn of_role(role: Role) -> Self {
        Scope::ALL.into_iter().filter(|scope| role >= scope.role()).collect()
    }

    /// Whether this permission is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.bits & bit(scope) != 0
    }

    /// All that are in either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits }
    }

    /// Those that are in both.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { bits: self.bits & other.bits }
    }

    /// Those that are not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self { bits: self.bits & !other.bits }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.contains(*scope)).map(Scope::as_str).collect()
    }

    /// Takes what the store holds. A scope that this version does not know permits nothing.
    pub fn from_stored(text: &str) -> Self {
        text.split(' ').filter_map(|name| Scope::parse(name).ok()).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self { bits: scopes.into_iter().fold(0, |bits, scope| bits | bit(scope)) }
    }
}

fn bit(scope: Scope) -> u64 {
    1 << scope as u32
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        for scope in Scope::ALL.into_iter().filter(|scope| self.contains(*scope)) {
            f.write_str(space)?;
            f.write_str(scope.as_str())?;
            space = " ";
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_as_it_is_written() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Ok(scope));
        }
        assert!(Scope::parse("mx:everything").is_err());
    }

    #[test]
    fn an_unknown_stored_scope_permits_nothing() {
        let scopes = Scopes::from_stored("mx:audit-logging:read mx:of-a-later-version");
        assert_eq!(scopes.names(), ["mx:audit-logging:read"]);
        assert!(Scopes::from_stored("").is_empty());
    }
}
