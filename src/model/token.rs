//! Personal access tokens, and the API keys of the User Management API, without their secrets.

use super::clock::Timestamp;
use super::id::{TokenId, UserId};
use super::scope::Scopes;
use super::secret;

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A personal access token: what its scopes say.
    Pat,
    /// An API key: the User Management API, as far as its owner's role goes.
    ApiKey,
}

impl TokenKind {
    /// The stored name, and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pat => "pat",
            Self::ApiKey => "api_key",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pat, Self::ApiKey].into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind of its secret.
    pub fn secret_kind(self) -> secret::Kind {
        match self {
            Self::Pat => secret::Kind::Token,
            Self::ApiKey => secret::Kind::ApiKey,
        }
    }
}

/// A token or key as its owner sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its identifier.
    pub id: TokenId,
    /// What it opens.
    pub kind: TokenKind,
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
