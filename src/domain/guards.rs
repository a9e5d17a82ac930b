//! Who may do what: the rules that come before a change, and those that count inside its transaction.

use super::{Directory, Error, Refusal};
use crate::model::actor::{Actor, Caller};
use crate::model::audit::{Action, Subject};
use crate::model::clock::Timestamp;
use crate::model::scope::Scope;
use crate::model::user::{Status, User};
use crate::store::{self, Tx, companies, tokens, users};

impl Directory {
    /// Lets a caller on whose token has the action's scope and who is a Mendix Admin; the host's operator may all.
    ///
    /// Doors call it before they look at a request's content, so that who may not ask learns nothing about it.
    ///
    /// # Errors
    /// [`Refusal::MissingScope`] before [`Refusal::NotAdmin`]; the attempt is in the audit trail.
    pub async fn require(&self, caller: &Caller, action: Action, subject: Option<Subject>) -> Result<(), Error> {
        match permitted(caller, action) {
            Ok(()) => Ok(()),
            Err(refusal) => Err(self.refuse(caller, action, subject, refusal).await),
        }
    }
}

/// Whether the caller's token and role allow the action at all.
fn permitted(caller: &Caller, action: Action) -> Result<(), Refusal> {
    let Actor::User(identity) = &caller.actor else { return Ok(()) };
    if let Some(required) = scope_of(action)
        && !identity.scopes.contains(required)
    {
        return Err(Refusal::MissingScope { required, provided: identity.scopes });
    }
    if identity.role.is_admin() { Ok(()) } else { Err(Refusal::NotAdmin) }
}

/// The scope that a token needs for an action.
fn scope_of(action: Action) -> Option<Scope> {
    match action {
        Action::DeactivateUser => Some(Scope::UserDeactivationWrite),
        Action::LookUpUsers => Some(Scope::UserIdentifiersRead),
        // No token can do these yet: they are the operator's.
        Action::CreateCompany
        | Action::CreateUser
        | Action::SetPassword
        | Action::SuspendUser
        | Action::ResumeUser
        | Action::ReactivateUser
        | Action::CreateToken
        | Action::DeleteToken => None,
    }
}

/// Whether the gate would still let the caller in: an admin who was deactivated, or whose token was deleted, before the
/// transaction looked changes nothing more.
pub(super) async fn caller_may_still(
    tx: &mut Tx<'_>,
    caller: &Caller,
    now: Timestamp,
) -> store::Result<Result<(), Refusal>> {
    let Actor::User(identity) = &caller.actor else { return Ok(Ok(())) };
    let user = users::find(tx, identity.user).await?;
    let token = tokens::find(tx, identity.token).await?;
    let may = user.is_some_and(|user| user.status == Status::Active && user.role.is_admin())
        && token.is_some_and(|token| token.is_live(now));
    Ok(if may { Ok(()) } else { Err(Refusal::CallerEnded) })
}

/// Keeps the last active admin of a company. Locks the company, so that two admins who go at the same instant
/// are counted one after the other.
pub(super) async fn another_admin_stays(tx: &mut Tx<'_>, user: &User) -> store::Result<Result<(), Refusal>> {
    if !user.role.is_admin() || user.status != Status::Active {
        return Ok(Ok(()));
    }
    companies::lock(tx, user.company).await?;
    let others = users::count_other_active_admins(tx, user.company, user.id).await?;
    Ok(if others > 0 { Ok(()) } else { Err(Refusal::LastAdmin) })
}
