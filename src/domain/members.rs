//! The users of the caller's company as an admin sees them: in lists, and one by one with all that is live.

use super::{Directory, Error, Refusal, audit, guards, rights, transitions};
use crate::model::actor::Caller;
use crate::model::audit::{Action, Note, Subject};
use crate::model::id::{CompanyId, UserId};
use crate::model::text;
use crate::model::token::Token;
use crate::model::user::{Role, Status, User};
use crate::store::{Tx, groups, members, sessions, tokens, users};

pub use crate::store::members::{Key, Order, Page, Place, Selection};

/// Up to here members are counted exactly.
pub const COUNTED: u64 = 20_000;
/// How many tokens of a member are named before it acts on many.
const NAMED_TOKENS: i64 = 5;
/// How many admins of a company are listed.
const ADMINS: i64 = 1000;

/// What a search for these words looks for: each begins a word of the name or the address.
pub fn terms(search: &str) -> Vec<String> {
    let words = text::words([search], members::TERMS);
    // What has no letter and no digit begins no word, so that it finds nobody and not everybody.
    if words.is_empty() && !search.trim().is_empty() { vec![search.to_owned()] } else { words }
}

/// A member, and what would stop if his access ended.
#[derive(Debug, Clone)]
pub struct Holding {
    /// The member.
    pub user: User,
    /// How many live sessions.
    pub sessions: u64,
    /// The live tokens last used.
    pub tokens: Vec<Token>,
    /// How many live tokens there are.
    pub token_count: u64,
    /// Why the act that was asked for would be refused.
    pub obstacle: Option<Refusal>,
}

impl Directory {
    /// Up to `limit` members of the caller's company, behind a place or from the beginning.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_members(&self, selection: Selection, after: Option<Place>, limit: u32) -> Result<Page, Error> {
        let list = async move |tx: &mut Tx<'_>| members::list(tx, &selection, after.as_ref(), limit.into()).await;
        Ok(self.store.read(list).await?)
    }

    /// How many members have each status, in the order of [`Status::ALL`]; one more than [`COUNTED`] is *more than that*.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn count_members(&self, company: CompanyId) -> Result<[u64; 3], Error> {
        let limit = i64::try_from(COUNTED + 1).unwrap_or(i64::MAX);
        let count = async move |tx: &mut Tx<'_>| {
            let mut counts = [0; 3];
            for (count, status) in counts.iter_mut().zip(Status::ALL) {
                *count = members::count(tx, company, status, limit).await?;
            }
            Ok(counts)
        };
        Ok(self.store.read(count).await?)
    }

    /// The Mendix Admins of a company, whatever their status, by name; each with why the role can't be taken from him.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_admins(
        &self,
        caller: &Caller,
        company: CompanyId,
    ) -> Result<Vec<(User, Option<Refusal>)>, Error> {
        let caller = caller.clone();
        let list = async move |tx: &mut Tx<'_>| {
            let mut found = Vec::new();
            for user in members::list_admins(tx, company, ADMINS).await? {
                let obstacle = if guards::is_oneself(&caller, user.id) {
                    Some(Refusal::Oneself)
                } else {
                    guards::is_last_admin(tx, &user).await?.then_some(Refusal::LastAdmin)
                };
                found.push((user, obstacle));
            }
            Ok(found)
        };
        Ok(self.store.read(list).await?)
    }

    /// A member of this company.
    ///
    /// # Errors
    /// [`Refusal::NoSuchUser`] when the company has none with this identifier.
    pub async fn member(&self, company: CompanyId, id: UserId) -> Result<User, Error> {
        let found = self.store.read(async move |tx| users::find(tx, id).await).await?;
        found.filter(|user| user.company == company).ok_or_else(|| Refusal::NoSuchUser.into())
    }

    /// Whether a user has set a password.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn has_password(&self, user: UserId) -> Result<bool, Error> {
        let find = async move |tx: &mut Tx<'_>| users::find_password_hash(tx, user).await;
        Ok(self.store.read(find).await?.is_some())
    }

    /// What these members of the company hold, and whether an act on each would be refused; unknown ones are left out.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn foresee(
        &self,
        caller: &Caller,
        company: CompanyId,
        targets: Vec<UserId>,
        action: Action,
    ) -> Result<Vec<Holding>, Error> {
        let (now, limits, caller) = (self.clock.now(), self.policy.sessions, caller.clone());
        let look = async move |tx: &mut Tx<'_>| {
            let mut found = Vec::with_capacity(targets.len());
            for target in &targets {
                let Some(user) = users::find(tx, *target).await?.filter(|user| user.company == company) else {
                    continue;
                };
                let sessions = sessions::count_live_of(tx, user.id, None, now, limits.idle_since(now)).await?;
                let (tokens, token_count) = tokens::list_live_of(tx, user.id, now, NAMED_TOKENS).await?;
                let obstacle = obstacle(tx, &caller, &user, action).await?;
                found.push(Holding { user, sessions, tokens, token_count, obstacle });
            }
            Ok(found)
        };
        Ok(self.store.read(look).await?)
    }

    /// Why each of these acts on a user would be refused, as far as can be told before it is tried.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn obstacles(
        &self,
        caller: &Caller,
        user: &User,
        actions: Vec<Action>,
    ) -> Result<Vec<Option<Refusal>>, Error> {
        let (caller, user) = (caller.clone(), user.clone());
        let look = async move |tx: &mut Tx<'_>| {
            let mut found = Vec::with_capacity(actions.len());
            for action in &actions {
                found.push(obstacle(tx, &caller, &user, *action).await?);
            }
            Ok(found)
        };
        Ok(self.store.read(look).await?)
    }

    /// Gives a member of the caller's company another role of his own; what groups give comes on top.
    ///
    /// # Errors
    /// Refused for oneself, for who is not a member, or not active, and for the last active admin.
    pub async fn set_role(&self, caller: &Caller, target: UserId, role: Role) -> Result<User, Error> {
        let subject = Some(Subject::User(target));
        self.require(caller, Action::SetRole, subject).await?;
        let draft = self.draft(caller, Action::SetRole, subject, Note::default());
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let company = audit::company_of(&caller);
                if guards::is_oneself(&caller, target) {
                    draft.refused(tx, company, &Refusal::Oneself).await?;
                    return Ok(Err(Refusal::Oneself.into()));
                }
                let Some(user) = users::lock(tx, target, company).await? else {
                    draft.refused(tx, company, &Refusal::NoSuchUser).await?;
                    return Ok(Err(Refusal::NoSuchUser.into()));
                };
                let own = users::find_own_role(tx, target).await?;
                if own == role {
                    return Ok(Ok(user));
                }
                let given = groups::rights_of(tx, target).await?;
                let after = role.max(given.role.unwrap_or(Role::Member));
                let is_managed = (own.is_admin() || role.is_admin())
                    && guards::admins_are_managed(tx, &caller, user.company).await?;
                let refused = match user.status {
                    _ if is_managed => Err(Refusal::ManagedByProvider),
                    // Who is not active may lose a role, and gets none.
                    Status::Suspended | Status::Deactivated if role > own => Err(Refusal::WrongStatus(user.status)),
                    _ if after < user.role => guards::another_admin_stays(tx, &user).await?,
                    _ => Ok(()),
                };
                if let Err(refusal) = refused {
                    draft.refused(tx, Some(user.company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                let now = draft.now();
                users::set_own_role(tx, target, role).await?;
                rights::settle(tx, &user, (own, role), now).await?;
                let detail = serde_json::json!({"from": own.as_str(), "to": role.as_str()});
                draft.done(tx, now, Some(user.company), Some(detail)).await?;
                Ok(Ok(User { role: after, ..user }))
            })
            .await?
    }

    /// Records that a list was taken out of the system.
    ///
    /// # Errors
    /// Refused for who is no admin.
    pub async fn record_export(&self, caller: &Caller, action: Action, detail: serde_json::Value) -> Result<(), Error> {
        self.require(caller, action, None).await?;
        let draft = self.draft(caller, action, None, Note::default());
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                draft.done(tx, draft.now(), audit::company_of(&caller), Some(detail.clone())).await?;
                Ok(Ok(()))
            })
            .await?
    }
}

/// Why an act on a user would be refused, as far as can be told before it is tried.
async fn obstacle(
    tx: &mut Tx<'_>,
    caller: &Caller,
    user: &User,
    action: Action,
) -> crate::store::Result<Option<Refusal>> {
    if guards::is_oneself(caller, user.id) {
        return Ok(Some(Refusal::Oneself));
    }
    let Some(to) = transitions::next(user.status, action) else { return Ok(Some(Refusal::WrongStatus(user.status))) };
    let is_last = to != Status::Active && guards::is_last_admin(tx, user).await?;
    Ok(is_last.then_some(Refusal::LastAdmin))
}
