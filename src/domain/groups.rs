//! Groups: made, changed, deleted, by whatever door; and what that makes of their members.

use std::collections::HashSet;

use super::people::{From, Listing, Page, number};
use super::{Directory, Error, Refusal, Unknown, audit, guards, rights};
use crate::model::actor::{Actor, Caller, Credential, Door};
use crate::model::audit::{Action, Note, Subject};
use crate::model::clock::Timestamp;
use crate::model::group::{Group, Rights};
use crate::model::id::{self, CompanyId, GroupId, UserId};
use crate::model::user::{Role, User};
use crate::model::{Invalid, text};
use crate::store::{self, Tx, companies, groups, people, users};

/// The most characters of a description.
const DESCRIPTION_LENGTH: usize = 1000;
/// The most members of a group that gives rights: each of them is looked at when it changes.
const MEMBERS_WITH_RIGHTS: u64 = 1_000;
/// How many members are read at once.
const PAGE: i64 = 1000;

/// A group to be made.
#[derive(Debug, Clone, Default)]
pub struct NewGroup {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether the console may not change it.
    pub locked: bool,
    /// How an identity provider knows it.
    pub external_id: Option<String>,
    /// What membership gives.
    pub rights: Rights,
    /// Who is in it.
    pub members: Vec<UserId>,
}

/// One thing to change about a group.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Its name.
    Rename(String),
    /// What it is for.
    Describe(String),
    /// Whether the console may not change it.
    Lock(bool),
    /// How an identity provider knows it.
    SetExternalId(Option<String>),
    /// What membership gives.
    SetRights(Rights),
    /// These become members.
    Add(Vec<UserId>),
    /// These are members no more.
    Remove(Vec<UserId>),
    /// Nobody is a member any more.
    RemoveAll,
    /// Just these are members.
    Replace(Vec<UserId>),
}

impl Edit {
    /// Whether it is about who is a member.
    fn is_membership(&self) -> bool {
        match self {
            Self::Add(_) | Self::Remove(_) | Self::RemoveAll | Self::Replace(_) => true,
            Self::Rename(_) | Self::Describe(_) | Self::Lock(_) | Self::SetExternalId(_) | Self::SetRights(_) => false,
        }
    }
}

impl Directory {
    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::Exists`] when the company has one of this name, in whatever case; [`Error::NotFound`] for a member whom the
    /// company does not have.
    pub async fn create_group(&self, caller: &Caller, company: CompanyId, new: NewGroup) -> Result<Group, Error> {
        let group = GroupId(id::random(&*self.entropy));
        let subject = Some(Subject::Group(group));
        self.require(caller, Action::CreateGroup, subject).await?;
        guards::reaches(caller, company)?;
        let draft = self.draft(caller, Action::CreateGroup, subject, Note::default());
        let now = draft.now();
        let made = Group {
            id: group,
            company,
            name: name_of(&new.name)?,
            description: description_of(&new.description)?,
            locked: new.locked,
            external_id: new.external_id,
            rights: new.rights,
            member_count: 0,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        let (members, caller) = (distinct(new.members), caller.clone());
        let made = self
            .store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let blank = Group { rights: Rights::default(), ..made.clone() };
                let rights = [Edit::SetRights(made.rights)];
                if let Err(refusal) = may_edit(tx, &caller, &blank, &rights).await? {
                    draft.refused(tx, Some(company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                groups::insert(tx, &made).await?;
                let added = groups::add(tx, &made, &members).await?;
                let made = Group { member_count: added, ..made.clone() };
                if let Err(error) = few_enough(&made) {
                    return undone(error);
                }
                if added > 0 {
                    groups::update(tx, &made).await?;
                }
                if !made.rights.is_empty() {
                    settle_all(tx, &members, &draft).await?;
                }
                let detail = serde_json::json!({
                    "name": made.name, "members": added, "role": made.rights.role.map(Role::as_str),
                    "scopes": made.rights.scopes.names(),
                });
                draft.done(tx, now, Some(company), Some(detail)).await?;
                Ok(Ok(made))
            })
            .await;
        written(made)
    }

    /// Changes a group: all of these edits take hold, or none. What is so already changes nothing. With `expected`, the group
    /// must still have that revision.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the company has no such group, or no such user; [`Refusal::Outdated`]; [`Error::Exists`] for
    /// the name of another group; [`Refusal::GroupLocked`] in the console; [`Refusal::LastAdmin`] when nobody would be left
    /// who is a Mendix Admin; [`Refusal::NotAdmin`] for who gives rights without being one.
    pub async fn edit_group(
        &self,
        caller: &Caller,
        company: CompanyId,
        id: GroupId,
        expected: Option<i64>,
        edits: Vec<Edit>,
    ) -> Result<Group, Error> {
        let subject = Some(Subject::Group(id));
        self.require(caller, Action::ChangeGroup, subject).await?;
        let mut checked = Vec::with_capacity(edits.len());
        for edit in edits {
            checked.push(match edit {
                Edit::Rename(name) => Edit::Rename(name_of(&name)?),
                Edit::Describe(description) => Edit::Describe(description_of(&description)?),
                Edit::Add(users) => Edit::Add(distinct(users)),
                Edit::Remove(users) => Edit::Remove(distinct(users)),
                Edit::Replace(users) => Edit::Replace(distinct(users)),
                edit => edit,
            });
        }
        let draft = self.draft(caller, Action::ChangeGroup, subject, Note::default());
        let again = caller.clone();
        let caller = caller.clone();
        let changed = self
            .store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let before = match lock(tx, &caller, &draft, (company, id, expected), &checked).await? {
                    Ok(group) => group,
                    Err(error) => return Ok(Err(error)),
                };
                let admins = admins_before(tx, &before).await?;
                let mut change =
                    Change { group: before.clone(), rights: before.rights, touched: Vec::new(), added: 0, removed: 0 };
                for edit in &checked {
                    change.apply(tx, edit).await?;
                }
                let Change { mut group, mut touched, added, removed, .. } = change;
                if group == before && added + removed == 0 {
                    return Ok(Ok(before));
                }
                if let Err(error) = few_enough(&group) {
                    return undone(error);
                }
                let now = draft.now();
                group.revision += 1;
                group.updated_at = now;
                groups::update(tx, &group).await?;
                if group.rights != before.rights {
                    touched.extend(all_members(tx, id).await?);
                }
                if !group.rights.is_empty() || !before.rights.is_empty() {
                    settle_all(tx, &distinct(touched), &draft).await?;
                    if admins > 0 && users::count_active_admins(tx, company).await? == 0 {
                        return Err(store::Error::Undone);
                    }
                }
                draft.done(tx, now, Some(company), Some(difference(&before, &group, added, removed))).await?;
                Ok(Ok(group))
            })
            .await;
        self.unless_last_admin(changed, &again, Action::ChangeGroup, subject).await
    }

    /// Deletes a group; its members lose what it gave.
    ///
    /// # Errors
    /// As [`Directory::edit_group`].
    pub async fn delete_group(
        &self,
        caller: &Caller,
        company: CompanyId,
        id: GroupId,
        expected: Option<i64>,
    ) -> Result<(), Error> {
        let subject = Some(Subject::Group(id));
        self.require(caller, Action::DeleteGroup, subject).await?;
        let draft = self.draft(caller, Action::DeleteGroup, subject, Note::default());
        let again = caller.clone();
        let caller = caller.clone();
        let deleted = self
            .store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let group = match lock(tx, &caller, &draft, (company, id, expected), &[Edit::RemoveAll]).await? {
                    Ok(group) => group,
                    Err(error) => return Ok(Err(error)),
                };
                let admins = admins_before(tx, &group).await?;
                let members = if group.rights.is_empty() { Vec::new() } else { all_members(tx, id).await? };
                groups::delete(tx, id).await?;
                settle_all(tx, &members, &draft).await?;
                if admins > 0 && users::count_active_admins(tx, company).await? == 0 {
                    return Err(store::Error::Undone);
                }
                let detail = serde_json::json!({"name": group.name, "members": group.member_count});
                draft.done(tx, draft.now(), Some(company), Some(detail)).await?;
                Ok(Ok(()))
            })
            .await;
        self.unless_last_admin(deleted, &again, Action::DeleteGroup, subject).await
    }

    /// What came of a change that was undone where it would have left no Mendix Admin: that is written down.
    async fn unless_last_admin<T>(
        &self,
        result: store::Result<Result<T, Error>>,
        caller: &Caller,
        action: Action,
        subject: Option<Subject>,
    ) -> Result<T, Error> {
        match result {
            Err(store::Error::Undone) => Err(self.refuse(caller, action, subject, Refusal::LastAdmin).await),
            result => written(result),
        }
    }

    /// The group of a company with this identifier.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn group(&self, company: CompanyId, id: GroupId) -> Result<Group, Error> {
        let found = self.store.read(async move |tx: &mut Tx<'_>| groups::find(tx, company, id).await).await?;
        found.ok_or_else(|| unknown(id))
    }

    /// The group of a company with this UUID or name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn find_group(&self, company: CompanyId, key: &str) -> Result<Group, Error> {
        match GroupId::parse(key.trim()) {
            Ok(id) => self.group(company, id).await,
            Err(_) => self.find_group_by_name(company, key).await,
        }
    }

    /// The group of a company with this name, in whatever case.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn find_group_by_name(&self, company: CompanyId, name: &str) -> Result<Group, Error> {
        let wanted = text::storable(name.trim());
        let find = async move |tx: &mut Tx<'_>| groups::find_by_name(tx, company, &wanted).await;
        self.store.read(find).await?.ok_or_else(|| Error::NotFound(Unknown::Group(name.trim().to_owned())))
    }

    /// Groups of a company whose name holds a text, by name, from a place on; and how many there are.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_groups(
        &self,
        company: CompanyId,
        search: &str,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<(Vec<Group>, u64), Error> {
        let search = text::storable(search);
        let (offset, limit) = (number(offset), limit.map_or(i64::MAX, number));
        let list = async move |tx: &mut Tx<'_>| groups::list(tx, company, &search, offset, limit).await;
        Ok(self.store.read(list).await?)
    }

    /// As [`Directory::list_people`], of groups.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_groups_by(
        &self,
        listing: Listing,
        from: From,
        limit: u32,
        with_total: bool,
    ) -> Result<Page<Group>, Error> {
        let list = async move |tx: &mut Tx<'_>| {
            let total = if with_total { Some(people::count_groups(tx, &listing.condition).await?) } else { None };
            let (found, next) = if limit == 0 {
                (Vec::new(), None)
            } else {
                people::list_groups(tx, &listing, &from, limit.into()).await?
            };
            Ok(Page { found, total, next })
        };
        Ok(self.store.read(list).await?)
    }

    /// Members of a group, by address, from a place on; and how many there are.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the company has no such group.
    pub async fn group_members(
        &self,
        company: CompanyId,
        id: GroupId,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<(Vec<User>, u64), Error> {
        let (offset, limit) = (number(offset), limit.map_or(i64::MAX, number));
        let list = async move |tx: &mut Tx<'_>| {
            let Some(group) = groups::find(tx, company, id).await? else { return Ok(None) };
            Ok(Some((groups::list_members(tx, id, offset, limit).await?, group.member_count)))
        };
        self.store.read(list).await?.ok_or_else(|| unknown(id))
    }

    /// Up to a thousand members of a group with what they are called, after the given one, by identifier.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn named_members(&self, id: GroupId, after: Option<UserId>) -> Result<Vec<(UserId, String)>, Error> {
        let list = async move |tx: &mut Tx<'_>| groups::list_named_members(tx, id, after, PAGE).await;
        Ok(self.store.read(list).await?)
    }

    /// The groups that a user of a company is in, by name.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn groups_of(&self, company: CompanyId, user: UserId) -> Result<Vec<Group>, Error> {
        let mut found = self.store.read(async move |tx: &mut Tx<'_>| groups::list_of(tx, user).await).await?;
        found.retain(|group| group.company == company);
        Ok(found)
    }

    /// The groups by which an identity provider says who is a Mendix Admin. While there is one, the console does not.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn admin_groups(&self, company: CompanyId) -> Result<Vec<Group>, Error> {
        Ok(self.store.read(async move |tx: &mut Tx<'_>| groups::list_of_admins(tx, company).await).await?)
    }
}

/// The group that is to be changed by these edits, if the caller may; nobody else changes it until this transaction ends.
async fn lock(
    tx: &mut Tx<'_>,
    caller: &Caller,
    draft: &audit::Draft,
    (company, id, expected): (CompanyId, GroupId, Option<i64>),
    edits: &[Edit],
) -> store::Result<Result<Group, Error>> {
    if audit::company_of(caller).is_some_and(|own| own != company) {
        return Ok(Err(unknown(id)));
    }
    lock_touched(tx, company, id, edits).await?;
    let Some(group) = groups::lock(tx, company, id).await? else { return Ok(Err(unknown(id))) };
    if expected.is_some_and(|expected| expected != group.revision) {
        return Ok(Err(Refusal::Outdated.into()));
    }
    if let Err(refusal) = may_edit(tx, caller, &group, edits).await? {
        draft.refused(tx, Some(company), &refusal).await?;
        return Ok(Err(refusal.into()));
    }
    Ok(Ok(group))
}

/// A group as it becomes, edit by edit.
struct Change {
    group: Group,
    /// What it gave before.
    rights: Rights,
    touched: Vec<UserId>,
    added: u64,
    removed: u64,
}

impl Change {
    async fn apply(&mut self, tx: &mut Tx<'_>, edit: &Edit) -> store::Result<()> {
        match edit {
            Edit::Rename(name) => self.group.name.clone_from(name),
            Edit::Describe(description) => self.group.description.clone_from(description),
            Edit::Lock(locked) => self.group.locked = *locked,
            Edit::SetExternalId(id) => self.group.external_id.clone_from(id),
            Edit::SetRights(rights) => self.group.rights = *rights,
            Edit::Add(users) => self.add(tx, users).await?,
            Edit::Remove(users) => self.remove(tx, users).await?,
            Edit::RemoveAll => {
                if self.gives_rights() {
                    self.touched.extend(all_members(tx, self.group.id).await?);
                }
                let removed = groups::remove_all(tx, self.group.id).await?;
                self.removed += removed;
                self.group.member_count = 0;
            }
            Edit::Replace(users) => {
                let wanted: HashSet<UserId> = users.iter().copied().collect();
                let present = all_members(tx, self.group.id).await?;
                let surplus: Vec<UserId> = present.iter().filter(|user| !wanted.contains(user)).copied().collect();
                let present: HashSet<UserId> = present.into_iter().collect();
                let missing: Vec<UserId> = users.iter().filter(|user| !present.contains(user)).copied().collect();
                self.remove(tx, &surplus).await?;
                self.add(tx, &missing).await?;
            }
        }
        Ok(())
    }

    async fn add(&mut self, tx: &mut Tx<'_>, users: &[UserId]) -> store::Result<()> {
        let added = groups::add(tx, &self.group, users).await?;
        self.added += added;
        self.group.member_count += added;
        self.touch(users);
        Ok(())
    }

    async fn remove(&mut self, tx: &mut Tx<'_>, users: &[UserId]) -> store::Result<()> {
        let removed = groups::remove(tx, self.group.id, users).await?;
        self.removed += removed;
        self.group.member_count = self.group.member_count.saturating_sub(removed);
        self.touch(users);
        Ok(())
    }

    /// Whether membership gives something, or did.
    fn gives_rights(&self) -> bool {
        !self.group.rights.is_empty() || !self.rights.is_empty()
    }

    fn touch(&mut self, users: &[UserId]) {
        if self.gives_rights() {
            self.touched.extend_from_slice(users);
        }
    }
}

/// How many active admins there are, where the group makes some; nobody else changes that until this transaction ends.
async fn admins_before(tx: &mut Tx<'_>, group: &Group) -> store::Result<i64> {
    if group.rights.role != Some(Role::MendixAdmin) {
        return Ok(0);
    }
    companies::lock(tx, group.company).await?;
    users::count_active_admins(tx, group.company).await
}

async fn all_members(tx: &mut Tx<'_>, group: GroupId) -> store::Result<Vec<UserId>> {
    let mut members: Vec<UserId> = Vec::new();
    loop {
        let page = groups::list_member_ids(tx, group, members.last().copied(), PAGE).await?;
        if page.is_empty() {
            return Ok(members);
        }
        members.extend(page);
    }
}

/// Gives each of these what their groups give now; who gets or loses a role has an entry of his own in the trail.
async fn settle_all(tx: &mut Tx<'_>, of: &[UserId], draft: &audit::Draft) -> store::Result<()> {
    for id in of {
        let Some(user) = users::lock(tx, *id, None).await? else { continue };
        let now: Timestamp = draft.now();
        let own = users::find_own_role(tx, *id).await?;
        let role = rights::settle(tx, &user, (own, own), now).await?;
        if role != user.role {
            let detail = serde_json::json!({"from": user.role.as_str(), "to": role.as_str(), "by": "group"});
            let entry = draft.beside(Action::SetRole, Subject::User(*id));
            entry.done(tx, now, Some(user.company), Some(detail)).await?;
        }
    }
    Ok(())
}

/// What the caller's door and role, as it is now, let him change about this group.
async fn may_edit(
    tx: &mut Tx<'_>,
    caller: &Caller,
    group: &Group,
    edits: &[Edit],
) -> store::Result<Result<(), Refusal>> {
    let role = match &caller.actor {
        Actor::User(identity) => users::find(tx, identity.user).await?.map_or(Role::Member, |user| user.role),
        Actor::Operator | Actor::BreakGlass(_) => Role::MendixAdmin,
        Actor::Provisioner(_) => Role::Member,
    };
    let changes_membership = edits.iter().any(Edit::is_membership);
    let changes_rights = edits.iter().any(|edit| matches!(edit, Edit::SetRights(rights) if *rights != group.rights));
    let changes_itself =
        edits.iter().any(|edit| matches!(edit, Edit::Rename(_) | Edit::Describe(_) | Edit::SetExternalId(_)));
    let by_key = matches!(&caller.actor, Actor::User(identity) if matches!(identity.credential, Credential::ApiKey(_)));
    if changes_rights && (by_key || !role.is_admin()) {
        return Ok(Err(Refusal::NotAdmin));
    }
    if group.locked && caller.origin.door == Door::Console && (changes_membership || changes_itself) {
        return Ok(Err(Refusal::GroupLocked));
    }
    if by_key {
        if edits.iter().any(|edit| !edit.is_membership()) && role < Role::CompanyManager {
            return Ok(Err(Refusal::NeedsRole(Role::CompanyManager)));
        }
        // Else a manager could make himself, or a friend, an admin.
        if !group.rights.is_empty() && !role.is_admin() {
            return Ok(Err(Refusal::NotAdmin));
        }
    }
    let makes_admins = edits.iter().any(|edit| match edit {
        Edit::SetRights(rights) => rights.role == Some(Role::MendixAdmin) && !group.locked,
        Edit::Add(_) | Edit::Replace(_) => group.rights.role == Some(Role::MendixAdmin),
        _ => false,
    });
    if makes_admins && guards::admins_are_managed(tx, caller, group.company).await? {
        return Ok(Err(Refusal::ManagedByProvider));
    }
    Ok(Ok(()))
}

/// Locks whoever an edit of a group that gives rights may touch, in the order that every transaction keeps: users, then the
/// company, then groups.
async fn lock_touched(tx: &mut Tx<'_>, company: CompanyId, id: GroupId, edits: &[Edit]) -> store::Result<()> {
    let Some(group) = groups::find(tx, company, id).await? else { return Ok(()) };
    let gives = !group.rights.is_empty() || edits.iter().any(|edit| matches!(edit, Edit::SetRights(_)));
    if !gives || group.member_count > MEMBERS_WITH_RIGHTS {
        return Ok(());
    }
    let mut touched = Vec::new();
    for edit in edits {
        match edit {
            Edit::Add(users) | Edit::Remove(users) => touched.extend_from_slice(users),
            Edit::Replace(users) => {
                touched.extend_from_slice(users);
                touched.extend(all_members(tx, id).await?);
            }
            Edit::RemoveAll | Edit::SetRights(_) => touched.extend(all_members(tx, id).await?),
            Edit::Rename(_) | Edit::Describe(_) | Edit::Lock(_) | Edit::SetExternalId(_) => {}
        }
    }
    let touched = distinct(touched);
    if touched.len() as u64 <= 2 * MEMBERS_WITH_RIGHTS {
        for user in touched {
            users::lock(tx, user, Some(company)).await?;
        }
    }
    companies::lock(tx, company).await
}

fn few_enough(group: &Group) -> Result<(), Error> {
    if group.rights.is_empty() || group.member_count <= MEMBERS_WITH_RIGHTS {
        return Ok(());
    }
    Err(Invalid::new(format!("a group that gives rights has at most {MEMBERS_WITH_RIGHTS} members")).into())
}

/// Ends a transaction that changed something already.
fn undone<T>(error: Error) -> store::Result<Result<T, Error>> {
    // The text is all that matters of such an error: it says what would be right.
    Err(store::Error::Refused(error.to_string()))
}

fn written<T>(result: store::Result<Result<T, Error>>) -> Result<T, Error> {
    result.unwrap_or_else(|error| match error {
        store::Error::Taken(_) => Err(Error::Exists("a group of this name".to_owned())),
        store::Error::Refused(why) => Err(Invalid::new(why).into()),
        error => Err(error.into()),
    })
}

fn unknown(id: GroupId) -> Error {
    Error::NotFound(Unknown::Group(id.to_string()))
}

fn distinct(mut users: Vec<UserId>) -> Vec<UserId> {
    users.sort_unstable();
    users.dedup();
    users
}

fn name_of(name: &str) -> Result<String, Error> {
    Ok(text::one_line("group's name", name, text::NAME_LENGTH)?)
}

fn description_of(description: &str) -> Result<String, Error> {
    let description = description.trim();
    if description.is_empty() {
        return Ok(String::new());
    }
    Ok(text::one_line("description", description, DESCRIPTION_LENGTH)?)
}

fn difference(before: &Group, after: &Group, added: u64, removed: u64) -> serde_json::Value {
    let mut detail = serde_json::Map::new();
    let mut changed = |name: &str, from: serde_json::Value, to: serde_json::Value| {
        if from != to {
            detail.insert(name.to_owned(), serde_json::json!({"from": from, "to": to}));
        }
    };
    changed("name", before.name.clone().into(), after.name.clone().into());
    changed("description", before.description.clone().into(), after.description.clone().into());
    changed("locked", before.locked.into(), after.locked.into());
    changed("role", before.rights.role.map(Role::as_str).into(), after.rights.role.map(Role::as_str).into());
    changed("scopes", before.rights.scopes.names().into(), after.rights.scopes.names().into());
    changed("members", before.member_count.into(), after.member_count.into());
    detail.insert("added".to_owned(), added.into());
    detail.insert("removed".to_owned(), removed.into());
    detail.into()
}
