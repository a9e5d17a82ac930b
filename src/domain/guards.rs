//! Who may do what: the rules that come before a change, and those that count inside its transaction.

use super::{Directory, Error, Refusal, Unknown};
use crate::model::actor::{Actor, Caller, Credential, Door, Identity};
use crate::model::audit::{Action, Subject};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, UserId};
use crate::model::scope::Scope;
use crate::model::user::{Role, Status, User};
use crate::store::people::Person;
use crate::store::{self, Tx, companies, groups, people, services, sessions, users};

/// Who may do something. The host's operator may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nobody else.
    Operator,
    /// A Mendix Admin who signed in, or whose token has the scope, where there is one for it.
    Admin(Option<Scope>),
    /// The owner of what is changed, signed in: no token changes credentials.
    Owner,
    /// The owner, or a Mendix Admin, signed in.
    OwnerOrAdmin,
    /// A Mendix Admin who signed in; with an API key, who has at least this role.
    Manager(Role),
}

fn need(action: Action) -> Need {
    match action {
        Action::CreateCompany | Action::OpenBreakGlass | Action::StartSession => Need::Operator,
        Action::DeactivateUser => Need::Admin(Some(Scope::UserDeactivationWrite)),
        Action::ReadGroups | Action::ChangeGroup => Need::Manager(Role::MemberManager),
        Action::CreateGroup | Action::DeleteGroup => Need::Manager(Role::CompanyManager),
        Action::LookUpUsers => Need::Admin(Some(Scope::UserIdentifiersRead)),
        Action::CreateUser
        | Action::SuspendUser
        | Action::ResumeUser
        | Action::ReactivateUser
        | Action::SetRole
        | Action::CreateLink
        | Action::ReadMembers
        | Action::ExportUsers
        | Action::ExportTrail
        | Action::RenameCompany
        | Action::AddDomain
        | Action::RemoveDomain
        | Action::SetPolicy
        | Action::CreateService
        | Action::RotateService
        | Action::DeleteService
        | Action::UpdateUser
        | Action::DeleteUser
        | Action::SetGuard
        | Action::ConfirmGuard
        | Action::SetAuthority => Need::Admin(None),
        Action::CreateToken | Action::CreateApiKey | Action::RotateToken | Action::SetPassword | Action::RenameUser => {
            Need::Owner
        }
        Action::DeleteToken | Action::EndSession => Need::OwnerOrAdmin,
    }
}

impl Directory {
    /// Lets a caller on who is a Mendix Admin and, if he shows a token, whose token has the action's scope; the host's
    /// operator may all.
    ///
    /// Doors call it before they look at a request's content, so that who may not ask learns nothing about it.
    ///
    /// # Errors
    /// [`Refusal::MissingScope`] before [`Refusal::NotAdmin`]; the attempt is in the audit trail.
    pub async fn require(&self, caller: &Caller, action: Action, subject: Option<Subject>) -> Result<(), Error> {
        self.require_of(caller, action, subject, None).await
    }

    /// Whether a caller whom an operation was allowed may go on with it at this instant.
    ///
    /// # Errors
    /// [`Refusal::CallerEnded`], or why the role does not suffice any more.
    pub async fn may_still(&self, caller: &Caller, action: Action) -> Result<(), Error> {
        let (caller, now) = (caller.clone(), self.clock.now());
        let look = async move |tx: &mut Tx<'_>| caller_may_still(tx, &caller, action, None, now).await;
        Ok(self.store.read(look).await??)
    }

    /// As [`Directory::require`], of what belongs to this user.
    pub(super) async fn require_of(
        &self,
        caller: &Caller,
        action: Action,
        subject: Option<Subject>,
        owner: Option<UserId>,
    ) -> Result<(), Error> {
        match permitted(caller, action, owner) {
            Ok(()) => Ok(()),
            Err(refusal) => Err(self.refuse(caller, action, subject, refusal).await),
        }
    }
}

/// Whether the caller's credential and role allow the action at all.
fn permitted(caller: &Caller, action: Action, owner: Option<UserId>) -> Result<(), Refusal> {
    let need = need(action);
    match &caller.actor {
        Actor::Operator => Ok(()),
        Actor::BreakGlass(_) if matches!(need, Need::Admin(_) | Need::OwnerOrAdmin | Need::Manager(_)) => Ok(()),
        Actor::BreakGlass(_) => Err(Refusal::NotOwner),
        Actor::Provisioner(_) => provisioner_may(action),
        Actor::User(identity) => person_may(identity, action, owner),
    }
}

fn person_may(identity: &Identity, action: Action, owner: Option<UserId>) -> Result<(), Refusal> {
    match identity.credential {
        Credential::Token(_) => token_may(identity, need(action)),
        Credential::Session(_) => session_may(identity, need(action), owner),
        Credential::ApiKey(_) => key_may(identity, action),
        Credential::Scim(_) => Err(Refusal::NotAdmin),
    }
}

/// An identity provider keeps the users and groups of its company, and nothing else.
fn provisioner_may(action: Action) -> Result<(), Refusal> {
    match action {
        Action::CreateUser
        | Action::UpdateUser
        | Action::DeactivateUser
        | Action::ReactivateUser
        | Action::ResumeUser
        | Action::DeleteUser
        | Action::ReadMembers
        | Action::ReadGroups
        | Action::CreateGroup
        | Action::ChangeGroup
        | Action::DeleteGroup => Ok(()),
        _ => Err(Refusal::NotAdmin),
    }
}

/// What the User Management API lets its callers do, by role.
fn key_may(identity: &Identity, action: Action) -> Result<(), Refusal> {
    let needed = match (action, need(action)) {
        (_, Need::Manager(role)) => role,
        (Action::ReadMembers | Action::DeactivateUser | Action::ReactivateUser | Action::ResumeUser, _) => {
            Role::MemberManager
        }
        _ => return Err(Refusal::SessionNeeded),
    };
    if identity.role >= needed { Ok(()) } else { Err(Refusal::NeedsRole(needed)) }
}

fn token_may(identity: &Identity, need: Need) -> Result<(), Refusal> {
    let Need::Admin(Some(required)) = need else { return Err(Refusal::SessionNeeded) };
    if !identity.scopes.contains(required) {
        return Err(Refusal::MissingScope { required, provided: identity.scopes });
    }
    if identity.role.is_admin() { Ok(()) } else { Err(Refusal::NotAdmin) }
}

fn session_may(identity: &Identity, need: Need, owner: Option<UserId>) -> Result<(), Refusal> {
    let (owns, is_admin) = (owner == Some(identity.user), identity.role.is_admin());
    match need {
        Need::Admin(_) | Need::Manager(_) if is_admin => Ok(()),
        Need::Owner if owns => Ok(()),
        Need::OwnerOrAdmin if owns || is_admin => Ok(()),
        Need::Owner => Err(Refusal::NotOwner),
        Need::Operator | Need::Admin(_) | Need::OwnerOrAdmin | Need::Manager(_) => Err(Refusal::NotAdmin),
    }
}

/// Whether the caller would still be let in, and still be allowed: who was deactivated, whose session or token ended, or
/// who lost the role when the transaction looks, changes nothing more. Whether a session has idled too long, the gate has
/// just looked, which knows of uses that are not written down yet.
pub(super) async fn caller_may_still(
    tx: &mut Tx<'_>,
    caller: &Caller,
    action: Action,
    owner: Option<UserId>,
    now: Timestamp,
) -> store::Result<Result<(), Refusal>> {
    let identity = match &caller.actor {
        Actor::Operator => return Ok(Ok(())),
        Actor::BreakGlass(glass) => {
            let is_live = sessions::is_live(tx, glass.session, now).await?;
            return Ok(if is_live { Ok(()) } else { Err(Refusal::CallerEnded) });
        }
        Actor::Provisioner(provisioner) => {
            let is_live = services::is_live(tx, provisioner.service).await?;
            return Ok(if is_live { Ok(()) } else { Err(Refusal::CallerEnded) });
        }
        Actor::User(identity) => identity,
    };
    let owner_if_live = users::find_owner_if_live(tx, identity.credential, now).await?;
    Ok(person_may_still(identity, owner_if_live, action, owner))
}

/// As [`caller_may_still`], of a person, when the owner of the credential has been looked up: none if it is not live.
pub(super) fn person_may_still(
    identity: &Identity,
    owner_if_live: Option<User>,
    action: Action,
    owner: Option<UserId>,
) -> Result<(), Refusal> {
    match owner_if_live.filter(|user| user.status == Status::Active) {
        Some(user) => person_may(&Identity { role: user.role, ..identity.clone() }, action, owner),
        None => Err(Refusal::CallerEnded),
    }
}

/// Whether this caller may not make or unmake Mendix Admins, because an identity provider says who is one. The operator may.
pub(super) async fn admins_are_managed(tx: &mut Tx<'_>, caller: &Caller, company: CompanyId) -> store::Result<bool> {
    let keeps = matches!(caller.actor, Actor::Operator | Actor::Provisioner(_));
    Ok(!keeps && !groups::list_of_admins(tx, company).await?.is_empty())
}

/// Keeps an identity provider from letting back in whom somebody else stopped, unless the company says that it may.
pub(super) async fn may_let_back(tx: &mut Tx<'_>, caller: &Caller, user: &User) -> store::Result<Result<(), Refusal>> {
    if caller.origin.door != Door::Scim || user.status == Status::Active {
        return Ok(Ok(()));
    }
    let is_own = users::find_status_door(tx, user.id).await? == Some(Door::Scim);
    let is_authority = is_own || provider_is_authority(tx, user.company).await?;
    Ok(if is_authority { Ok(()) } else { Err(Refusal::StoppedByHand(user.status)) })
}

/// Keeps an identity provider from making anew whom somebody else stopped before it deleted him.
pub(super) async fn may_come_back(
    tx: &mut Tx<'_>,
    caller: &Caller,
    user: &User,
    user_name: &str,
) -> store::Result<Result<(), Refusal>> {
    if caller.origin.door != Door::Scim
        || !people::was_stopped_by_hand(tx, user.company, &user.email, user_name).await?
        || provider_is_authority(tx, user.company).await?
    {
        return Ok(Ok(()));
    }
    Ok(Err(Refusal::StoppedByHand(Status::Deactivated)))
}

/// Why an identity provider may not give a user another name or address, if it may not: who may do something with others
/// would be whoever reads the mail of the new address, and who was stopped by hand would come back under the old one.
pub(super) async fn keeps_name(
    tx: &mut Tx<'_>,
    caller: &Caller,
    person: &Person,
    user: &User,
) -> store::Result<Option<&'static str>> {
    if caller.origin.door != Door::Scim || provider_is_authority(tx, user.company).await? {
        return Ok(None);
    }
    let is_stopped = person.user.status != Status::Active
        && users::find_status_door(tx, user.id).await?.is_some_and(|door| door != Door::Scim);
    if is_stopped {
        return Ok(Some("the user was stopped by an administrator, and keeps name and address"));
    }
    let moves = user.email.key() != person.user.email.key();
    let has_rights = person.user.role > Role::Member || !users::find_granted(tx, user.id).await?.is_empty();
    let owner = companies::find_owner_of_domain(tx, user.email.domain()).await?;
    let is_foreign = moves && has_rights && owner != Some(user.company);
    Ok(is_foreign.then_some(
        "the user has rights, and the new address is in no domain of the company: an administrator has to say that the \
         identity provider is the authority, or add the domain",
    ))
}

/// Whether a company lets its identity provider undo what others did.
async fn provider_is_authority(tx: &mut Tx<'_>, company: CompanyId) -> store::Result<bool> {
    Ok(companies::find(tx, company).await?.is_some_and(|company| company.provider_is_authority))
}

/// Keeps the last active admin of a company. Locks the company, so that two admins who go at the same instant
/// are counted one after the other.
pub(super) async fn another_admin_stays(tx: &mut Tx<'_>, user: &User) -> store::Result<Result<(), Refusal>> {
    if user.role.is_admin() && user.status == Status::Active {
        companies::lock(tx, user.company).await?;
    }
    Ok(if is_last_admin(tx, user).await? { Err(Refusal::LastAdmin) } else { Ok(()) })
}

/// Whether a user is the only active admin of the company; without a lock, as far as can be told.
pub(super) async fn is_last_admin(tx: &mut Tx<'_>, user: &User) -> store::Result<bool> {
    let is_one = user.role.is_admin() && user.status == Status::Active;
    Ok(is_one && users::count_other_active_admins(tx, user.company, user.id).await? == 0)
}

/// The caller, where it is a user.
pub(super) fn user_of(caller: &Caller) -> Option<UserId> {
    match &caller.actor {
        Actor::User(identity) => Some(identity.user),
        Actor::BreakGlass(_) | Actor::Operator | Actor::Provisioner(_) => None,
    }
}

/// Whether a user is the caller.
pub(super) fn is_oneself(caller: &Caller, user: UserId) -> bool {
    user_of(caller) == Some(user)
}

/// Keeps a caller within his company; another one is as unknown to him as none.
pub(super) fn reaches(caller: &Caller, company: CompanyId) -> Result<(), Error> {
    match super::audit::company_of(caller) {
        Some(own) if own != company => Err(Error::NotFound(Unknown::Company(company.to_string()))),
        _ => Ok(()),
    }
}
