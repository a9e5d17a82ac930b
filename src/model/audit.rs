//! The audit trail: who did, or was refused, what to whom, by which credential, from where, when and why.

use super::actor::{Actor, Caller, Origin};
use super::clock::Timestamp;
use super::id::{CompanyId, EntryId, TokenId, UserId};

/// One line of the trail, written in the transaction of what it records.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its identifier.
    pub id: EntryId,
    /// When.
    pub at: Timestamp,
    /// Whose trail it stands in; `None` for what concerns no company.
    pub company: Option<CompanyId>,
    /// Who, and by which credential.
    pub actor: ActorRecord,
    /// Through which door, under which request id, from which address.
    pub origin: Origin,
    /// What was done or tried.
    pub action: Action,
    /// On whom or what.
    pub subject: Option<Subject>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// What people say about it.
    pub note: Note,
    /// What changed, as short JSON: `{"from":"active","to":"deactivated","tokensRevoked":2}`.
    pub detail: Option<String>,
}

/// Who acted, as the trail keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorRecord {
    /// A person and the personal access token that was shown.
    User(UserId, TokenId),
    /// Whoever runs the host.
    Operator,
}

impl From<&Caller> for ActorRecord {
    fn from(caller: &Caller) -> Self {
        match &caller.actor {
            Actor::User(identity) => Self::User(identity.user, identity.token),
            Actor::Operator => Self::Operator,
        }
    }
}

/// What was done or tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A company was made.
    CreateCompany,
    /// A user was made.
    CreateUser,
    /// A user's password was set.
    SetPassword,
    /// A user was suspended.
    SuspendUser,
    /// A suspended user was let back in.
    ResumeUser,
    /// A user was deactivated.
    DeactivateUser,
    /// A deactivated user was let back in, without credentials.
    ReactivateUser,
    /// The UUIDs of addresses were asked for.
    LookUpUsers,
    /// A personal access token was made.
    CreateToken,
    /// A personal access token was deleted.
    DeleteToken,
}

impl Action {
    /// The stored name: `resource.verb`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateCompany => "company.create",
            Self::CreateUser => "user.create",
            Self::SetPassword => "user.set_password",
            Self::SuspendUser => "user.suspend",
            Self::ResumeUser => "user.resume",
            Self::DeactivateUser => "user.deactivate",
            Self::ReactivateUser => "user.reactivate",
            Self::LookUpUsers => "user.look_up",
            Self::CreateToken => "token.create",
            Self::DeleteToken => "token.delete",
        }
    }
}

/// On whom or what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A company.
    Company(CompanyId),
    /// A user, or a UUID that somebody tried as a user's.
    User(UserId),
    /// A personal access token.
    Token(TokenId),
}

impl Subject {
    /// The stored name of its kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Company(_) => "company",
            Self::User(_) => "user",
            Self::Token(_) => "token",
        }
    }

    /// Its identifier.
    pub fn id(self) -> uuid::Uuid {
        match self {
            Self::Company(id) => id.0,
            Self::User(id) => id.0,
            Self::Token(id) => id.0,
        }
    }
}

/// Whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was.
    Done,
    /// It was refused, for this reason; nothing changed.
    Refused(&'static str),
}

/// What people say about an act: why, and under which ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// The ticket in some other system.
    pub ticket: Option<String>,
}
