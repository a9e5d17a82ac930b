//! Users as identity providers see them and as the User Management API lists them.

use super::transitions::Transition;
use super::{Directory, Error, Refusal, Unknown, audit, guard, guards, transitions};
use crate::model::actor::Caller;
use crate::model::audit::{Action, Note, Subject};
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::id::{self, CompanyId, GroupId, UserId};
use crate::model::scim::fault::{Fault, FaultKind};
use crate::model::scim::profile::Profile;
use crate::model::text;
use crate::model::user::{Role, Status, User};
use crate::store::{self, Tx, companies, groups, people, users};

pub use crate::store::people::{From, Key, Listing, Person, Place};
pub use crate::store::selection::{Condition, Order};

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What stands on it.
    pub found: Vec<T>,
    /// How many the whole list has, where that was asked for.
    pub total: Option<u64>,
    /// Where the next page begins, if there is one.
    pub next: Option<Place>,
}

/// The name of a group that somebody is in.
pub type Membership = (GroupId, String);

/// A user and the groups that he is in.
pub type Member = (Person, Vec<Membership>);

impl Directory {
    /// Makes a user whom an identity provider describes; deactivated, where it says that he is not active.
    ///
    /// # Errors
    /// [`Error::Exists`] when somebody has the name or the address, or another company has its domain.
    pub async fn provision(&self, caller: &Caller, company: CompanyId, profile: Profile) -> Result<Person, Error> {
        let user = UserId(id::random(&*self.entropy));
        let subject = Some(Subject::User(user));
        self.require(caller, Action::CreateUser, subject).await?;
        guards::reaches(caller, company)?;
        let draft = self.draft(caller, Action::CreateUser, subject, Note::default());
        let caller = caller.clone();
        let made = self
            .store
            .append(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let now = draft.now();
                let status = if profile.active == Some(false) { Status::Deactivated } else { Status::Active };
                let new = User {
                    id: user,
                    company,
                    email: people::address(user, &profile, None),
                    name: profile.name.clone(),
                    role: Role::Member,
                    status,
                    status_since: now,
                    created_at: now,
                };
                if is_taken(tx, &new, None, &profile.user_name).await? {
                    return Ok(Err(taken()));
                }
                if let Err(refusal) = guards::may_come_back(tx, &caller, &new, &profile.user_name).await? {
                    draft.refused(tx, Some(company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                people::insert(tx, &new, &profile, caller.origin.door).await?;
                let detail = serde_json::json!({"role": new.role.as_str(), "status": status.as_str()});
                draft.done(tx, now, Some(company), Some(detail)).await?;
                Ok(people::find(tx, company, user).await?.ok_or_else(unknown_of(user)))
            })
            .await;
        written(made)
    }

    /// Changes what an identity provider says of a user, and with it whether he is active: by the same act as every door.
    /// All of it takes hold, or nothing. What is so already changes nothing.
    ///
    /// `change` makes of the user as he is what he is to be; it may be called again. With `expected`, he must still have
    /// that revision. Gives the user, and what became of his access, if the request said something of that.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the company has no such user; [`Refusal::Outdated`]; [`Error::Fault`] that of `change`;
    /// [`Error::Exists`] when somebody has the name or the address; those of [`Directory::transition`].
    pub async fn describe<F>(
        &self,
        caller: &Caller,
        company: CompanyId,
        target: UserId,
        expected: Option<i64>,
        change: F,
    ) -> Result<(Person, Option<Transition>), Error>
    where
        F: Fn(&Person) -> Result<Profile, Fault> + Send + Sync + 'static,
    {
        let subject = Some(Subject::User(target));
        self.require(caller, Action::UpdateUser, subject).await?;
        let draft = self.draft(caller, Action::UpdateUser, subject, Note::default());
        let (caller, limits) = (caller.clone(), self.policy.sessions);
        let changed = self
            .store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let Some(person) = people::lock(tx, company, target).await? else {
                    return Ok(Err(unknown_of(target)()));
                };
                if expected.is_some_and(|expected| expected != person.revision) {
                    return Ok(Err(Refusal::Outdated.into()));
                }
                let profile = match change(&person) {
                    Ok(profile) => profile,
                    Err(fault) => return Ok(Err(fault.into())),
                };
                let action = match (profile.active, person.user.status) {
                    (Some(false), _) => Some(Action::DeactivateUser),
                    (Some(true), Status::Suspended) => Some(Action::ResumeUser),
                    (Some(true), Status::Deactivated) => Some(Action::ReactivateUser),
                    (Some(true), Status::Active) | (None, _) => None,
                };
                let act = action.map(|action| draft.beside(action, Subject::User(target)));
                let mut transition = None;
                if let (Some(action), Some(act)) = (action, &act) {
                    match transitions::decide(tx, &caller, target, action, act, false).await? {
                        Ok(decided) => transition = Some(decided),
                        Err(denied) => {
                            act.refused(tx, denied.company, &denied.refusal).await?;
                            return Ok(Err(denied.refusal.into()));
                        }
                    }
                }
                if let Err(error) = rewrite(tx, &caller, &person, &profile, &draft).await? {
                    return Ok(Err(error));
                }
                if let (Some(transition), Some(act)) = (&mut transition, &act)
                    && transition.changed()
                {
                    transitions::apply(tx, transition, &caller, act, limits).await?;
                }
                let changed = people::find(tx, company, target).await?;
                Ok(changed.map(|person| (person, transition)).ok_or_else(unknown_of(target)))
            })
            .await;
        written(changed)
    }

    /// Deactivates a user and hides him for good; his name and address are free, his history stays. Says what became of his
    /// access.
    ///
    /// # Errors
    /// As [`Directory::describe`].
    pub async fn delete_user(
        &self,
        caller: &Caller,
        company: CompanyId,
        target: UserId,
        expected: Option<i64>,
    ) -> Result<Transition, Error> {
        let subject = Some(Subject::User(target));
        self.require(caller, Action::DeleteUser, subject).await?;
        let draft = self.draft(caller, Action::DeleteUser, subject, Note::default());
        let (caller, limits) = (caller.clone(), self.policy.sessions);
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let Some(person) = people::lock(tx, company, target).await? else {
                    return Ok(Err(unknown_of(target)()));
                };
                if expected.is_some_and(|expected| expected != person.revision) {
                    return Ok(Err(Refusal::Outdated.into()));
                }
                let now = draft.now();
                let is_new = guard::comes_and_goes(tx, &person, now).await?;
                let act = draft.beside(Action::DeactivateUser, Subject::User(target));
                let decided = transitions::decide(tx, &caller, target, Action::DeactivateUser, &act, is_new).await?;
                let mut transition = match decided {
                    Ok(transition) => transition,
                    Err(denied) => {
                        draft.refused(tx, denied.company, &denied.refusal).await?;
                        return Ok(Err(denied.refusal.into()));
                    }
                };
                if transition.changed() {
                    transitions::apply(tx, &mut transition, &caller, &act, limits).await?;
                }
                if is_new {
                    guard::forget(tx, target).await?;
                }
                // Hidden first: who is just being added to a group is waited for, and then removed.
                people::hide(tx, target, now).await?;
                groups::remove_user(tx, target, now).await?;
                draft.done(tx, now, Some(company), None).await?;
                Ok(Ok(transition))
            })
            .await?
    }

    /// A user of a company as identity providers see him, and his groups.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the company has none with this identifier.
    pub async fn person(&self, company: CompanyId, id: UserId) -> Result<Member, Error> {
        let find = async move |tx: &mut Tx<'_>| match people::find(tx, company, id).await? {
            Some(person) => Ok(Some((person, memberships_of(tx, id).await?))),
            None => Ok(None),
        };
        self.store.read(find).await?.ok_or_else(unknown_of(id))
    }

    /// The groups that a user is in.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn memberships(&self, user: UserId) -> Result<Vec<Membership>, Error> {
        Ok(self.store.read(async move |tx: &mut Tx<'_>| memberships_of(tx, user).await).await?)
    }

    /// Up to `limit` users of a list with their groups, where these are wanted; and how many the list has, where that is.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_people(
        &self,
        listing: Listing,
        from: From,
        limit: u32,
        (with_groups, with_total): (bool, bool),
    ) -> Result<Page<Member>, Error> {
        let list = async move |tx: &mut Tx<'_>| {
            let total = if with_total { Some(people::count(tx, &listing.condition).await?) } else { None };
            let (found, next) =
                if limit == 0 { (Vec::new(), None) } else { people::list(tx, &listing, &from, limit.into()).await? };
            let ids: Vec<UserId> = found.iter().map(|person| person.user.id).collect();
            let mut groups = std::collections::HashMap::<UserId, Vec<Membership>>::new();
            if with_groups {
                for (user, id, name) in people::list_memberships(tx, &ids).await? {
                    groups.entry(user).or_default().push((id, name));
                }
            }
            let with_groups = |person: Person| {
                let groups = groups.remove(&person.user.id).unwrap_or_default();
                (person, groups)
            };
            Ok(Page { found: found.into_iter().map(with_groups).collect(), total, next })
        };
        Ok(self.store.read(list).await?)
    }

    /// The user of a company with this address.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn find_colleague(&self, company: CompanyId, email: &Email) -> Result<Option<User>, Error> {
        let email = email.clone();
        let found = self.store.read(async move |tx: &mut Tx<'_>| users::find_by_email(tx, &email).await).await?;
        Ok(found.filter(|user| user.company == company))
    }

    /// Users of a company whose name or address holds a text, by address, from a place on; and how many there are.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_colleagues(
        &self,
        company: CompanyId,
        search: &str,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<(Vec<UserId>, u64), Error> {
        let search = text::storable(search.trim());
        let (offset, limit) = (number(offset), limit.map_or(i64::MAX, number));
        let list = async move |tx: &mut Tx<'_>| people::list_colleagues(tx, company, &search, offset, limit).await;
        Ok(self.store.read(list).await?)
    }
}

async fn memberships_of(tx: &mut Tx<'_>, user: UserId) -> store::Result<Vec<Membership>> {
    Ok(people::list_memberships(tx, &[user]).await?.into_iter().map(|(_, id, name)| (id, name)).collect())
}

/// A number as the store takes it.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unknown_of(user: UserId) -> impl Fn() -> Error {
    move || Error::NotFound(Unknown::User(user.to_string()))
}

fn taken() -> Error {
    Error::Exists("a user with this userName or e-mail address".to_owned())
}

/// What was written; or that somebody else was faster to take the name or the address.
fn written<T>(result: store::Result<Result<T, Error>>) -> Result<T, Error> {
    result.unwrap_or_else(|error| match error {
        store::Error::Taken(_) => Err(taken()),
        error => Err(error.into()),
    })
}

/// Whether a user can't have this name and address: somebody has one of them, or another company the address's domain.
async fn is_taken(tx: &mut Tx<'_>, user: &User, before: Option<&Person>, user_name: &str) -> store::Result<bool> {
    let is_another = |found: Option<UserId>| found.is_some_and(|found| found != user.id);
    if before.is_none_or(|before| before.user.email.key() != user.email.key()) {
        if is_another(users::find_by_email(tx, &user.email).await?.map(|found| found.id)) {
            return Ok(true);
        }
        let owner = companies::find_owner_of_domain(tx, user.email.domain()).await?;
        if owner.is_some_and(|owner| owner != user.company) {
            return Ok(true);
        }
    }
    Ok(is_another(people::find_by_user_name(tx, user.company, user_name).await?))
}

/// Writes what is said of a user now, if it is something else than before.
async fn rewrite(
    tx: &mut Tx<'_>,
    caller: &Caller,
    person: &Person,
    profile: &Profile,
    draft: &audit::Draft,
) -> store::Result<Result<(), Error>> {
    let changed = differences(person, profile);
    if changed.is_empty() {
        return Ok(Ok(()));
    }
    let email = people::address(person.user.id, profile, Some(&person.user.email));
    let user = User { email, name: profile.name.clone(), ..person.user.clone() };
    if is_taken(tx, &user, Some(person), &profile.user_name).await? {
        return Ok(Err(taken()));
    }
    let renames = user.email.key() != person.user.email.key() || profile.user_name != person.user_name;
    if renames && let Some(why) = guards::keeps_name(tx, caller, person, &user).await? {
        draft.refused_for(tx, Some(user.company), "name_kept", None).await?;
        return Ok(Err(Fault::new(FaultKind::Mutability, why).into()));
    }
    if renames && let Err(refusal) = guards::may_come_back(tx, caller, &user, &profile.user_name).await? {
        draft.refused(tx, Some(user.company), &refusal).await?;
        return Ok(Err(refusal.into()));
    }
    let now: Timestamp = draft.now();
    if user.email.key() != person.user.email.key() {
        // A link that went to the address of before opens nothing any more.
        store::links::end_all_of(tx, user.id, now, crate::model::link::EndReason::Replaced).await?;
    }
    people::describe(tx, person, &user, profile, now).await?;
    let detail = serde_json::json!({
        "changed": changed,
        "userName": {"from": person.user_name, "to": profile.user_name},
        "email": {"from": person.user.email.to_show(), "to": user.email.to_show()},
        "name": {"from": person.user.name, "to": user.name},
    });
    draft.done(tx, now, Some(user.company), Some(detail)).await?;
    Ok(Ok(()))
}

/// The names of the attributes that are something else now.
fn differences(person: &Person, profile: &Profile) -> Vec<String> {
    let before = person.described();
    let mut changed: Vec<String> = before
        .keys()
        .filter(|name| !profile.attributes.contains_key(*name))
        .chain(profile.attributes.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name))
        .cloned()
        .collect();
    if person.user_name != profile.user_name {
        changed.push("userName".to_owned());
    }
    if person.external_id != profile.external_id {
        changed.push("externalId".to_owned());
    }
    changed
}
