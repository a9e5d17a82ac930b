//! What can go wrong, in the words of the domain.

use std::time::Duration;

use crate::model::Invalid;
use crate::model::id::{SessionId, TokenId};
use crate::model::scim::fault::Fault;
use crate::model::scope::{Scope, Scopes};
use crate::model::user::{Role, Status};
use crate::store;

/// Why an operation was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller may not, or not on this target. An audit entry says so too.
    #[error("{0}")]
    Refused(Refusal),
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A SCIM request breaks a rule; says which, in the protocol's words too.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// What is to be made exists; names it.
    #[error("{0} exists already")]
    Exists(String),
    /// What is named does not exist.
    #[error("there is no {0}")]
    NotFound(Unknown),
    /// The store can't be reached or is overloaded; what the log keeps.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// Our fault; what the log keeps, never for the caller.
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(cause) | store::Error::Conflict(cause) => Self::Unavailable(cause),
            store::Error::Taken(cause) | store::Error::Broken(cause) => Self::Internal(cause),
            store::Error::Missing(id) => Self::NotFound(Unknown::User(id.to_string())),
            error @ (store::Error::Undone | store::Error::Refused(_)) => Self::Internal(error.to_string()),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What was named and does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// A company, by this name or UUID.
    #[error("company '{0}'")]
    Company(String),
    /// A user, by this address or UUID.
    #[error("user '{0}'")]
    User(String),
    /// A token, by this UUID.
    #[error("token '{0}'")]
    Token(TokenId),
    /// A session, by this UUID.
    #[error("session '{0}'")]
    Session(SessionId),
    /// A service, by this name or UUID.
    #[error("service '{0}'")]
    Service(String),
    /// A group, by this name or UUID.
    #[error("group '{0}'")]
    Group(String),
    /// A page.
    #[error("page here")]
    Page,
}

/// Why a caller was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token lacks a scope.
    #[error("the token lacks the scope {}", .required.as_str())]
    MissingScope {
        /// The one that is needed.
        required: Scope,
        /// Those that the token has.
        provided: Scopes,
    },
    /// Only an active Mendix Admin may.
    #[error("only a Mendix Admin may do this")]
    NotAdmin,
    /// The caller's role does not suffice.
    #[error("only a {} may do this", .0.label())]
    NeedsRole(Role),
    /// Nobody may do this to himself.
    #[error("nobody may do this to himself")]
    Oneself,
    /// The caller's company has no such user; whether another one has stays untold.
    #[error("there is no such user in the caller's company")]
    NoSuchUser,
    /// The company would be left without an active Mendix Admin.
    #[error("the company would be left without an active Mendix Admin")]
    LastAdmin,
    /// The user's status does not allow it.
    #[error("the user is {}", .0.as_str())]
    WrongStatus(Status),
    /// Only who has the role for it may have a token with this scope.
    #[error("the scope {} is for Mendix Admins", .0.as_str())]
    ScopeNotYours(Scope),
    /// A personal access token may not do this, whatever its scopes.
    #[error("only somebody who signed in may do this")]
    SessionNeeded,
    /// Only the owner may do this.
    #[error("only the owner may do this")]
    NotOwner,
    /// The operator belongs to no company, and the operation acts within one.
    #[error("the caller belongs to no company")]
    NoCompany,
    /// Address and password do not go together, or their owner may not sign in; the caller is not told which.
    #[error("e-mail address and password do not match, or access has ended")]
    WrongCredentials,
    /// Another try at the same account waits for its answer.
    #[error("too many tries at once")]
    TooManyAttempts,
    /// The link was used, replaced, is over, never was, or its owner may not sign in.
    #[error("the link does not work, or no longer")]
    DeadLink,
    /// More people would lose access within a window than the company's guard lets.
    #[error("{limit} people lost access within {} minutes: more than that has to be confirmed by a Mendix Admin", .window.as_secs() / 60)]
    GuardTripped {
        /// How many may go.
        limit: u64,
        /// Within what time.
        window: Duration,
    },
    /// Somebody else stopped the user, and the company does not let an identity provider undo that.
    #[error("the user was {} by somebody else than the identity provider", .0.as_str())]
    StoppedByHand(Status),
    /// An identity provider says who is a Mendix Admin.
    #[error("Mendix Admins are managed by the identity provider")]
    ManagedByProvider,
    /// The console may not change this group.
    #[error("the group is managed elsewhere")]
    GroupLocked,
    /// What the caller goes by is not the present state any more.
    #[error("it was changed meanwhile")]
    Outdated,
    /// The caller's own access ended while the request was under way.
    #[error("the caller's own access has ended")]
    CallerEnded,
}

impl Refusal {
    /// A short name for audit entries and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::MissingScope { .. } => "missing_scope",
            Self::NotAdmin => "not_admin",
            Self::NeedsRole(_) => "needs_role",
            Self::Oneself => "oneself",
            Self::NoSuchUser => "no_such_user",
            Self::LastAdmin => "last_admin",
            Self::WrongStatus(_) => "wrong_status",
            Self::ScopeNotYours(_) => "scope_not_yours",
            Self::SessionNeeded => "session_needed",
            Self::NotOwner => "not_owner",
            Self::NoCompany => "no_company",
            Self::WrongCredentials => "wrong_credentials",
            Self::TooManyAttempts => "too_many_attempts",
            Self::DeadLink => "dead_link",
            Self::GuardTripped { .. } => "guard_tripped",
            Self::StoppedByHand(_) => "stopped_by_hand",
            Self::ManagedByProvider => "managed_by_provider",
            Self::GroupLocked => "group_locked",
            Self::Outdated => "outdated",
            Self::CallerEnded => "caller_ended",
        }
    }
}
