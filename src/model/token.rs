//! Personal access tokens, without their secrets.

use super::clock::Timestamp;
use super::id::{TokenId, UserId};
use super::scope::Scopes;

/// A personal access token as its owner sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its identifier.
    pub id: TokenId,
    /// Whom it speaks for.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The last four characters of its secret.
    pub hint: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was last accepted, to within ten minutes.
    pub last_used_at: Option<Timestamp>,
    /// When and why it was ended for good.
    pub ended: Option<(Timestamp, EndReason)>,
}

impl Token {
    /// Whether it was neither ended nor has expired. Its owner's status is a second question.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended.is_none() && self.expires_at.is_none_or(|expires| now < expires)
    }
}

/// Why a token was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Somebody deleted it.
    Deleted,
    /// Its owner took a new one in its place.
    Rotated,
    /// Its owner was deactivated.
    OwnerDeactivated,
}

impl EndReason {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Rotated => "rotated",
            Self::OwnerDeactivated => "owner_deactivated",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Deleted, Self::Rotated, Self::OwnerDeactivated].into_iter().find(|reason| reason.as_str() == text)
    }
}
