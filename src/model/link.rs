//! Links that work once: with one, somebody sets a password who has none yet, or forgot it.

use super::clock::Timestamp;
use super::id::{CompanyId, LinkId, UserId};

/// A link without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its identifier.
    pub id: LinkId,
    /// What it does, and for whom.
    pub purpose: Purpose,
    /// The user who made it, and so saw its secret; `None` is the operator, or whoever asked for it by mail.
    pub made_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// What a link does, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A new user sets the first password.
    Invitation(UserId),
    /// A user sets a new password in place of a forgotten one.
    Reset(UserId),
    /// The host's operator opens a session for a company, for this reason.
    BreakGlass(CompanyId, String),
}

impl Purpose {
    /// The stored name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Invitation(_) => "invitation",
            Self::Reset(_) => "reset",
            Self::BreakGlass(..) => "break_glass",
        }
    }
}

/// Why a link was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// It did what it was for.
    Used,
    /// A newer one took its place, or its owner's password was set otherwise.
    Replaced,
    /// Its owner was deactivated.
    OwnerDeactivated,
    /// Who made it, and so saw its secret, was suspended, deactivated, or is no admin any more.
    MakerLostAccess,
}

impl EndReason {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Replaced => "replaced",
            Self::OwnerDeactivated => "owner_deactivated",
            Self::MakerLostAccess => "maker_lost_access",
        }
    }
}
