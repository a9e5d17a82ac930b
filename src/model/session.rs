//! Sessions: the stay of somebody who signed in, without its secret.

use std::time::Duration;

use super::clock::Timestamp;
use super::id::SessionId;

/// A session as its owner sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// How it was opened.
    pub opened_by: Opening,
    /// The browser and system, as it called itself.
    pub device: String,
    /// The address that it was opened from.
    pub address: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, to within a minute.
    pub last_seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
}

/// The most characters of a device's name that are kept.
pub const DEVICE_LENGTH: usize = 300;

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Unused.
    pub idle: Duration,
    /// However much they are used.
    pub lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_mins(30), lifetime: Duration::from_hours(12) }
    }
}

impl Limits {
    /// Sessions that were last seen at or before this instant have idled too long.
    pub fn idle_since(&self, now: Timestamp) -> Timestamp {
        now.before(self.idle)
    }
}

/// How a session was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// By e-mail address and password.
    Password,
    /// By the host's operator, with a break-glass link.
    BreakGlass,
}

impl Opening {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::BreakGlass => "break_glass",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Password, Self::BreakGlass].into_iter().find(|opening| opening.as_str() == text)
    }
}

/// Why a session was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its owner signed out.
    SignedOut,
    /// Its owner, or an admin, ended it from a list.
    Ended,
    /// Its owner's password was set anew.
    PasswordSet,
    /// Its owner was suspended.
    OwnerSuspended,
    /// Its owner was deactivated.
    OwnerDeactivated,
}

impl EndReason {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Ended => "ended",
            Self::PasswordSet => "password_set",
            Self::OwnerSuspended => "owner_suspended",
            Self::OwnerDeactivated => "owner_deactivated",
        }
    }
}
