//! The audit trail: who did, or was refused, what to whom, by which credential, from where, when and why.

use super::actor::{Actor, Caller, Credential, Origin};
use super::clock::Timestamp;
use super::id::{CompanyId, EntryId, GroupId, LinkId, ServiceId, SessionId, TokenId, UserId};

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
    /// Whom it concerns: the user, or the owner of what was changed.
    pub person: Option<UserId>,
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
    /// A person and what proved it.
    User(UserId, Proof),
    /// Whoever runs the host; in a browser, by this session.
    Operator(Option<SessionId>),
    /// Somebody who proved nothing: who tried to sign in, or asked for a link.
    Stranger,
    /// An identity provider, by this SCIM token.
    Provisioner(ServiceId),
}

/// What proved who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A personal access token, or an API key.
    Token(TokenId),
    /// A session.
    Session(SessionId),
    /// A link that works once.
    Link(LinkId),
}

impl From<&Caller> for ActorRecord {
    fn from(caller: &Caller) -> Self {
        match &caller.actor {
            Actor::User(identity) => match identity.credential {
                Credential::Token(id) | Credential::ApiKey(id) => Self::User(identity.user, Proof::Token(id)),
                Credential::Session(id) => Self::User(identity.user, Proof::Session(id)),
                Credential::Scim(id) => Self::Provisioner(id),
            },
            Actor::Provisioner(provisioner) => Self::Provisioner(provisioner.service),
            Actor::Operator => Self::Operator(None),
            Actor::BreakGlass(glass) => Self::Operator(Some(glass.session)),
        }
    }
}

/// What was done or tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A company was made.
    CreateCompany,
    /// A company got another name.
    RenameCompany,
    /// A company got an e-mail domain.
    AddDomain,
    /// A company gave an e-mail domain up.
    RemoveDomain,
    /// How long tokens may live was set.
    SetPolicy,
    /// The operator made a link to a break-glass session.
    OpenBreakGlass,
    /// A user was made.
    CreateUser,
    /// A user got another name.
    RenameUser,
    /// A user got another role.
    SetRole,
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
    /// The members were looked at; recorded only when that was refused.
    ReadMembers,
    /// A list of users was taken out.
    ExportUsers,
    /// A personal access token was made.
    CreateToken,
    /// A personal access token was replaced by a new one.
    RotateToken,
    /// A personal access token was deleted.
    DeleteToken,
    /// Somebody signed in.
    StartSession,
    /// A session was ended.
    EndSession,
    /// A link to set a password was made.
    CreateLink,
    /// A service that asks about credentials was registered.
    CreateService,
    /// A service got another secret.
    RotateService,
    /// A service was deleted.
    DeleteService,
    /// What an identity provider says of a user was changed.
    UpdateUser,
    /// A user was deactivated and hidden.
    DeleteUser,
    /// A group was made.
    CreateGroup,
    /// A group's name, rights or members were changed.
    ChangeGroup,
    /// A group was deleted.
    DeleteGroup,
    /// The groups were looked at; recorded only when that was refused.
    ReadGroups,
    /// A key of the User Management API was made.
    CreateApiKey,
    /// How many people may lose access at once was set.
    SetGuard,
    /// Somebody said that more people are to lose access.
    ConfirmGuard,
    /// Whether the identity provider may let people back in was set.
    SetAuthority,
    /// The audit trail was taken out.
    ExportTrail,
}

impl Action {
    /// Every action that there is.
    pub const ALL: [Self; 37] = [
        Self::CreateCompany,
        Self::RenameCompany,
        Self::AddDomain,
        Self::RemoveDomain,
        Self::SetPolicy,
        Self::OpenBreakGlass,
        Self::CreateUser,
        Self::RenameUser,
        Self::SetRole,
        Self::SetPassword,
        Self::SuspendUser,
        Self::ResumeUser,
        Self::DeactivateUser,
        Self::ReactivateUser,
        Self::LookUpUsers,
        Self::ReadMembers,
        Self::ExportUsers,
        Self::CreateToken,
        Self::RotateToken,
        Self::DeleteToken,
        Self::StartSession,
        Self::EndSession,
        Self::CreateLink,
        Self::CreateService,
        Self::RotateService,
        Self::DeleteService,
        Self::UpdateUser,
        Self::DeleteUser,
        Self::CreateGroup,
        Self::ChangeGroup,
        Self::DeleteGroup,
        Self::ReadGroups,
        Self::CreateApiKey,
        Self::SetGuard,
        Self::ConfirmGuard,
        Self::SetAuthority,
        Self::ExportTrail,
    ];

    /// The stored name: `resource.verb`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateCompany => "company.create",
            Self::RenameCompany => "company.rename",
            Self::AddDomain => "company.add_domain",
            Self::RemoveDomain => "company.remove_domain",
            Self::SetPolicy => "company.set_policy",
            Self::OpenBreakGlass => "company.break_glass",
            Self::CreateUser => "user.create",
            Self::RenameUser => "user.rename",
            Self::SetRole => "user.set_role",
            Self::SetPassword => "user.set_password",
            Self::SuspendUser => "user.suspend",
            Self::ResumeUser => "user.resume",
            Self::DeactivateUser => "user.deactivate",
            Self::ReactivateUser => "user.reactivate",
            Self::LookUpUsers => "user.look_up",
            Self::ReadMembers => "user.read",
            Self::ExportUsers => "user.export",
            Self::CreateToken => "token.create",
            Self::RotateToken => "token.rotate",
            Self::DeleteToken => "token.delete",
            Self::StartSession => "session.start",
            Self::EndSession => "session.end",
            Self::CreateLink => "link.create",
            Self::CreateService => "service.create",
            Self::RotateService => "service.rotate",
            Self::DeleteService => "service.delete",
            Self::UpdateUser => "user.update",
            Self::DeleteUser => "user.delete",
            Self::CreateGroup => "group.create",
            Self::ChangeGroup => "group.change",
            Self::DeleteGroup => "group.delete",
            Self::ReadGroups => "group.read",
            Self::CreateApiKey => "api_key.create",
            Self::SetGuard => "company.set_guard",
            Self::ConfirmGuard => "company.confirm_guard",
            Self::SetAuthority => "company.set_authority",
            Self::ExportTrail => "audit.export",
        }
    }

    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::CreateCompany => "Company made",
            Self::RenameCompany => "Company renamed",
            Self::AddDomain => "Domain added",
            Self::RemoveDomain => "Domain removed",
            Self::SetPolicy => "Token policy set",
            Self::OpenBreakGlass => "Break-glass session prepared",
            Self::CreateUser => "User made",
            Self::RenameUser => "User renamed",
            Self::SetRole => "Role set",
            Self::SetPassword => "Password set",
            Self::SuspendUser => "Suspended",
            Self::ResumeUser => "Resumed",
            Self::DeactivateUser => "Deactivated",
            Self::ReactivateUser => "Reactivated",
            Self::LookUpUsers => "UUIDs looked up",
            Self::ReadMembers => "Members looked at",
            Self::ExportUsers => "Members exported",
            Self::CreateToken => "Token made",
            Self::RotateToken => "Token rotated",
            Self::DeleteToken => "Token deleted",
            Self::StartSession => "Signed in",
            Self::EndSession => "Session ended",
            Self::CreateLink => "Sign-in link made",
            Self::CreateService => "Service registered",
            Self::RotateService => "Service's secret rotated",
            Self::DeleteService => "Service deleted",
            Self::UpdateUser => "Profile changed",
            Self::DeleteUser => "Deleted",
            Self::CreateGroup => "Group made",
            Self::ChangeGroup => "Group changed",
            Self::DeleteGroup => "Group deleted",
            Self::ReadGroups => "Groups looked at",
            Self::CreateApiKey => "API key made",
            Self::SetGuard => "Guard set",
            Self::ConfirmGuard => "Guard confirmed",
            Self::SetAuthority => "Authority set",
            Self::ExportTrail => "Audit trail exported",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
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
    /// A session.
    Session(SessionId),
    /// A link that works once.
    Link(LinkId),
    /// A service that asks about credentials.
    Service(ServiceId),
    /// A group.
    Group(GroupId),
}

impl Subject {
    /// The stored name of its kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Company(_) => "company",
            Self::User(_) => "user",
            Self::Token(_) => "token",
            Self::Session(_) => "session",
            Self::Link(_) => "link",
            Self::Service(_) => "service",
            Self::Group(_) => "group",
        }
    }

    /// Its identifier.
    pub fn id(self) -> uuid::Uuid {
        match self {
            Self::Company(id) => id.0,
            Self::User(id) => id.0,
            Self::Token(id) => id.0,
            Self::Session(id) => id.0,
            Self::Link(id) => id.0,
            Self::Service(id) => id.0,
            Self::Group(id) => id.0,
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
