//! The one place that changes a user's status: one function a transition, one transaction each.
//!
//! | from \ act | suspend | resume | deactivate | reactivate |
//! |---|---|---|---|---|
//! | active | suspended | — | deactivated | — |
//! | suspended | — | active | deactivated | refused |
//! | deactivated | refused | refused | — | active |
//!
//! — is a success that changes nothing: no new time stamp, no audit entry.

use super::{Directory, Error, Refusal, audit, guard, guards, sessions};
use crate::model::actor::{Actor, Caller, Door};
use crate::model::audit::{Action, Note, Subject};
use crate::model::clock::Timestamp;
use crate::model::company::GuardedDoors;
use crate::model::id::{CompanyId, UserId};
use crate::model::session;
use crate::model::session::Limits;
use crate::model::user::{Status, User};
use crate::store::{self, Tx, links, tokens, transitions, users};

/// How a transition is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Why, and under which ticket.
    pub note: Note,
    /// Only tell what would happen.
    pub dry_run: bool,
    /// Somebody answers for this one: the company's guard lets it pass.
    pub confirmed: bool,
}

/// What a transition did, or would do.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The user as it was found.
    pub user: User,
    /// The status after; the same as before when there was nothing to do.
    pub to: Status,
    /// Since when the user has that status: the first time stamp stays.
    pub at: Timestamp,
    /// How many live sessions were ended.
    pub sessions_ended: u64,
    /// How many tokens were revoked for good.
    pub tokens_revoked: u64,
    /// Whether the company's guard counts it.
    is_counted: bool,
}

impl Transition {
    /// Whether there was anything to do.
    pub fn changed(&self) -> bool {
        self.user.status != self.to
    }
}

impl Directory {
    /// Ends all access of a user: the status, every session, token and link, and the password go in one transaction.
    ///
    /// When this has returned, nothing that begins afterwards succeeds with any credential of the user. Calling it
    /// again succeeds and changes nothing.
    ///
    /// # Errors
    /// Refused for oneself, for a user whom the caller's company does not have, and for its last active admin.
    pub async fn deactivate(&self, caller: &Caller, target: UserId, request: Request) -> Result<Transition, Error> {
        self.transition(caller, target, Action::DeactivateUser, request).await
    }

    /// Stops a user for a while: sessions end; password, tokens and links are refused until [`Directory::resume`].
    ///
    /// # Errors
    /// As [`Directory::deactivate`]; and [`Refusal::WrongStatus`] when the user is deactivated.
    pub async fn suspend(&self, caller: &Caller, target: UserId, request: Request) -> Result<Transition, Error> {
        self.transition(caller, target, Action::SuspendUser, request).await
    }

    /// Lets a suspended user back in; password, tokens and links work again.
    ///
    /// # Errors
    /// [`Refusal::WrongStatus`] when the user is deactivated.
    pub async fn resume(&self, caller: &Caller, target: UserId, request: Request) -> Result<Transition, Error> {
        self.transition(caller, target, Action::ResumeUser, request).await
    }

    /// Lets a deactivated user back in, with no credential at all.
    ///
    /// # Errors
    /// [`Refusal::WrongStatus`] when the user is suspended.
    pub async fn reactivate(&self, caller: &Caller, target: UserId, request: Request) -> Result<Transition, Error> {
        self.transition(caller, target, Action::ReactivateUser, request).await
    }

    /// The act of this kind: one of the four above.
    ///
    /// # Errors
    /// Those of that act.
    pub async fn transition(
        &self,
        caller: &Caller,
        target: UserId,
        action: Action,
        request: Request,
    ) -> Result<Transition, Error> {
        let subject = Some(Subject::User(target));
        self.require(caller, action, subject).await?;
        let draft = self.draft(caller, action, subject, request.note);
        let (caller, limits) = (caller.clone(), self.policy.sessions);
        let outcome = self
            .store
            .write(async move |tx| {
                let mut decision = decide(tx, &caller, target, action, &draft, request.confirmed).await?;
                match &mut decision {
                    Ok(transition) if request.dry_run => foresee(tx, transition, &draft, limits).await?,
                    Ok(transition) if stays_deactivated(transition) => outrank(tx, transition, &caller, &draft).await?,
                    Ok(transition) if transition.changed() => apply(tx, transition, &caller, &draft, limits).await?,
                    Err(denied) if !request.dry_run => {
                        draft.refused(tx, denied.company, &denied.refusal).await?;
                    }
                    Ok(_) | Err(_) => {}
                }
                Ok(decision)
            })
            .await?;
        outcome.map_err(|denied| denied.refusal.into())
    }
}

/// Why a transition does not take place, and in whose trail that stands.
pub(super) struct Denied {
    pub(super) refusal: Refusal,
    pub(super) company: Option<CompanyId>,
}

/// Whether a transition may take place. Nothing is changed yet.
pub(super) async fn decide(
    tx: &mut Tx<'_>,
    caller: &Caller,
    target: UserId,
    action: Action,
    draft: &audit::Draft,
    confirmed: bool,
) -> store::Result<Result<Transition, Denied>> {
    let company = audit::company_of(caller);
    let denied = |refusal, company| Ok(Err(Denied { refusal, company }));
    let found = match look(tx, caller, target, action, draft.now()).await? {
        Ok(found) => found,
        Err(refusal) => return denied(refusal, company),
    };
    if guards::is_oneself(caller, target) {
        return denied(Refusal::Oneself, company);
    }
    let Some((user, guarded)) = found else {
        return denied(Refusal::NoSuchUser, company);
    };
    let Some(to) = next(user.status, action) else {
        return denied(Refusal::WrongStatus(user.status), Some(user.company));
    };
    if to != Status::Active
        && let Err(refusal) = guards::another_admin_stays(tx, &user).await?
    {
        return denied(refusal, Some(user.company));
    }
    if to == Status::Active
        && let Err(refusal) = guards::may_let_back(tx, caller, &user).await?
    {
        return denied(refusal, Some(user.company));
    }
    let mut is_counted = false;
    if to != Status::Active {
        match guard::lets(tx, caller, &user, guarded, draft.now(), confirmed).await? {
            Ok(counts) => is_counted = counts,
            Err(refusal) => return denied(refusal, Some(user.company)),
        }
    }
    let at = if user.status == to { user.status_since } else { draft.now() };
    Ok(Ok(Transition { user, to, at, sessions_ended: 0, tokens_revoked: 0, is_counted }))
}

/// The target, locked, if the caller's company has it and the caller may still do this. A person is looked at on the same way
/// as the target; so who may not do it any more waits for the lock as well.
async fn look(
    tx: &mut Tx<'_>,
    caller: &Caller,
    target: UserId,
    action: Action,
    now: Timestamp,
) -> store::Result<Result<Option<(User, GuardedDoors)>, Refusal>> {
    let company = audit::company_of(caller);
    let Actor::User(identity) = &caller.actor else {
        return Ok(match guards::caller_may_still(tx, caller, action, None, now).await? {
            Ok(()) => Ok(transitions::look(tx, None, now, target, company).await?.target),
            Err(refusal) => Err(refusal),
        });
    };
    let sides = transitions::look(tx, Some(identity.credential), now, target, company).await?;
    Ok(guards::person_may_still(identity, sides.caller, action, None).map(|()| sides.target))
}

/// Whether somebody is deactivated who was so before.
fn stays_deactivated(transition: &Transition) -> bool {
    !transition.changed() && transition.to == Status::Deactivated
}

/// Notes that whom SCIM had deactivated is now deactivated by hand too: a sync does not let him back in any more. Nothing
/// else changes, the time stamp least of all.
async fn outrank(tx: &mut Tx<'_>, transition: &Transition, caller: &Caller, draft: &audit::Draft) -> store::Result<()> {
    let (user, door) = (&transition.user, caller.origin.door);
    if door == Door::Scim || users::find_status_door(tx, user.id).await? != Some(Door::Scim) {
        return Ok(());
    }
    users::note_door(tx, user.id, door).await?;
    let detail = serde_json::json!({"from": user.status.as_str(), "to": user.status.as_str(), "outranks": "scim"});
    draft.done(tx, draft.now(), Some(user.company), Some(detail)).await
}

/// The status after an act, which may be the same; `None` when the act does not fit the status.
pub fn next(from: Status, action: Action) -> Option<Status> {
    match (action, from) {
        (Action::DeactivateUser, _) => Some(Status::Deactivated),
        (Action::SuspendUser, Status::Active | Status::Suspended) => Some(Status::Suspended),
        (Action::ResumeUser, Status::Active | Status::Suspended)
        | (Action::ReactivateUser, Status::Active | Status::Deactivated) => Some(Status::Active),
        _ => None,
    }
}

/// Does what was decided, and writes it down.
pub(super) async fn apply(
    tx: &mut Tx<'_>,
    transition: &mut Transition,
    caller: &Caller,
    draft: &audit::Draft,
    limits: Limits,
) -> store::Result<()> {
    let Transition { user, to, at, sessions_ended, tokens_revoked, is_counted } = transition;
    let door = caller.origin.door;
    match to {
        Status::Deactivated => {
            let ended = transitions::deactivate(tx, user.id, *at, limits.idle_since(*at), door).await?;
            (*tokens_revoked, *sessions_ended) = (ended.tokens, ended.sessions);
        }
        Status::Suspended => {
            users::set_status(tx, user.id, *to, *at, door).await?;
            *sessions_ended =
                sessions::end_all(tx, user.id, None, *at, limits, session::EndReason::OwnerSuspended).await?;
            links::end_all_made_by(tx, user.id, *at).await?;
        }
        Status::Active => users::set_status(tx, user.id, *to, *at, door).await?,
    }
    if *is_counted {
        guard::count(tx, user, *at).await?;
    }
    let detail = serde_json::json!({
        "from": user.status.as_str(), "to": to.as_str(),
        "sessionsEnded": sessions_ended, "tokensRevoked": tokens_revoked,
    });
    draft.done(tx, *at, Some(user.company), Some(detail)).await
}

/// Counts what [`apply`] would end.
async fn foresee(
    tx: &mut Tx<'_>,
    transition: &mut Transition,
    draft: &audit::Draft,
    limits: Limits,
) -> store::Result<()> {
    if !transition.changed() || transition.to == Status::Active {
        return Ok(());
    }
    let (user, now) = (transition.user.id, draft.now());
    transition.sessions_ended = store::sessions::count_live_of(tx, user, None, now, limits.idle_since(now)).await?;
    if transition.to == Status::Deactivated {
        transition.tokens_revoked = tokens::count_not_ended(tx, user).await?.unsigned_abs();
    }
    Ok(())
}
