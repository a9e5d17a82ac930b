//! Groups, their members, and what membership gives.

use super::engine::{Row, Statement, Value};
use super::users::{self, User, user as user_of};
use super::{Error, Result, Tx};
use crate::model::clock::Timestamp;
use crate::model::group::{Group, Rights, name_key};
use crate::model::id::{CompanyId, GroupId, UserId};
use crate::model::scope::Scopes;
use crate::model::user::Role;

macro_rules! columns {
    () => {
        "id, company_id, name, description, locked, external_id, role, scopes, member_count, revision, created_at, updated_at"
    };
}
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM user_groups ", $rest)
    };
}

/// What [`group`] takes, in this order.
pub(super) const COLUMNS: &str = columns!();

/// How many members are added or removed at once.
pub const CHUNK: usize = 500;

/// Adds a group without members. [`Error::Taken`] when its company has one of this name.
pub async fn insert(tx: &mut Tx<'_>, group: &Group) -> Result<()> {
    const INSERT: &str = "INSERT INTO user_groups (id, company_id, name, name_key, description, locked, external_id, \
        role, scopes, member_count, revision, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11, $12)";
    let values = [
        group.id.0.into(),
        group.company.0.into(),
        group.name.as_str().into(),
        name_key(&group.name).into(),
        group.description.as_str().into(),
        i64::from(group.locked).into(),
        group.external_id.clone().into(),
        group.rights.role.map(Role::as_str).into(),
        group.rights.scopes.to_string().into(),
        group.revision.into(),
        group.created_at.0.into(),
        group.updated_at.0.into(),
    ];
    tx.execute_one(INSERT, &values).await
}

/// Writes what a group has become. [`Error::Taken`] when its company has another one of this name.
pub async fn update(tx: &mut Tx<'_>, group: &Group) -> Result<()> {
    const UPDATE: &str = "UPDATE user_groups SET name = $2, name_key = $3, description = $4, locked = $5, \
        external_id = $6, role = $7, scopes = $8, member_count = $9, revision = $10, updated_at = $11 WHERE id = $1";
    let values = [
        group.id.0.into(),
        group.name.as_str().into(),
        name_key(&group.name).into(),
        group.description.as_str().into(),
        i64::from(group.locked).into(),
        group.external_id.clone().into(),
        group.rights.role.map(Role::as_str).into(),
        group.rights.scopes.to_string().into(),
        i64::try_from(group.member_count).unwrap_or(i64::MAX).into(),
        group.revision.into(),
        group.updated_at.0.into(),
    ];
    tx.execute_one(UPDATE, &values).await
}

/// Removes a group and its memberships.
pub async fn delete(tx: &mut Tx<'_>, id: GroupId) -> Result<()> {
    const DELETE: &str = "DELETE FROM user_groups WHERE id = $1";
    remove_all(tx, id).await?;
    tx.execute_one(DELETE, &[id.0.into()]).await
}

/// The group of this company with this identifier.
pub async fn find(tx: &mut Tx<'_>, company: CompanyId, id: GroupId) -> Result<Option<Group>> {
    const FIND: &str = select!("WHERE id = $1 AND company_id = $2");
    tx.row(FIND, &[id.0.into(), company.0.into()]).await?.map(group).transpose()
}

/// As [`find`], and nobody else changes the group until this transaction ends.
pub async fn lock(tx: &mut Tx<'_>, company: CompanyId, id: GroupId) -> Result<Option<Group>> {
    const FIND: &str = select!("WHERE id = $1 AND company_id = $2");
    tx.locked_row(FIND, &[id.0.into(), company.0.into()]).await?.map(group).transpose()
}

/// The group of this company with this name, in whatever case.
pub async fn find_by_name(tx: &mut Tx<'_>, company: CompanyId, name: &str) -> Result<Option<Group>> {
    const FIND: &str = select!("WHERE company_id = $1 AND name_key = $2");
    tx.row(FIND, &[company.0.into(), name_key(name).into()]).await?.map(group).transpose()
}

/// Up to `limit` groups of a company whose name holds a text, by name; and how many there are.
pub async fn list(
    tx: &mut Tx<'_>,
    company: CompanyId,
    search: &str,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Group>, u64)> {
    const LIST: &str = select!(
        "WHERE company_id = $1 AND ($2 = '' OR REPLACE(name_key, $2, '') <> name_key) \
                 ORDER BY name_key, id LIMIT $3 OFFSET $4"
    );
    const COUNT: &str = "SELECT COUNT(*) FROM user_groups \
        WHERE company_id = $1 AND ($2 = '' OR REPLACE(name_key, $2, '') <> name_key)";
    let key = name_key(search.trim());
    let rows = tx.rows(LIST, &[company.0.into(), key.as_str().into(), limit.into(), offset.into()]).await?;
    let count = tx.number(COUNT, &[company.0.into(), key.into()]).await?;
    Ok((rows.into_iter().map(group).collect::<Result<_>>()?, count.unsigned_abs()))
}

/// The groups of a company that make their members Mendix Admins and that the console may not change, by name.
pub async fn list_of_admins(tx: &mut Tx<'_>, company: CompanyId) -> Result<Vec<Group>> {
    const LIST: &str =
        select!("WHERE company_id = $1 AND role = 'mendix_admin' AND locked = 1 ORDER BY name_key, id LIMIT 100");
    tx.rows(LIST, &[company.0.into()]).await?.into_iter().map(group).collect()
}

/// Up to a thousand groups that a user is in, by name.
pub async fn list_of(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Group>> {
    const LIST: &str =
        select!("WHERE id IN (SELECT group_id FROM group_members WHERE user_id = $1) ORDER BY name_key, id LIMIT 1000");
    tx.rows(LIST, &[user.0.into()]).await?.into_iter().map(group).collect()
}

/// Makes users of this company members; says how many were not before.
///
/// # Errors
/// [`Error::Missing`] when one of them is no user of the company.
pub async fn add(tx: &mut Tx<'_>, group: &Group, users: &[UserId]) -> Result<u64> {
    const ADD: &str = "INSERT INTO group_members (group_id, user_id) \
        SELECT $1, id FROM users WHERE id = $2 AND company_id = $3 AND deleted_at IS NULL ON CONFLICT DO NOTHING";
    const FIND: &str = "SELECT user_id FROM group_members WHERE group_id = $1 AND user_id = $2";
    let mut added = 0;
    for chunk in users.chunks(CHUNK) {
        let statement = |user: &UserId| Statement(ADD, vec![group.id.0.into(), user.0.into(), group.company.0.into()]);
        let statements: Vec<_> = chunk.iter().map(statement).collect();
        let answers = tx.all(&statements).await?;
        added += answers.iter().map(|answer| answer.changed).sum::<u64>();
        // The others are members already, or nobody.
        let others: Vec<&UserId> =
            chunk.iter().zip(&answers).filter(|(_, answer)| answer.changed == 0).map(|(user, _)| user).collect();
        let finds: Vec<_> = others.iter().map(|user| Statement(FIND, vec![group.id.0.into(), user.0.into()])).collect();
        for (user, found) in others.iter().zip(tx.all(&finds).await?) {
            if found.rows.is_empty() {
                return Err(Error::Missing(user.0));
            }
        }
    }
    Ok(added)
}

/// Ends memberships; says how many there were.
pub async fn remove(tx: &mut Tx<'_>, group: GroupId, users: &[UserId]) -> Result<u64> {
    const REMOVE: &str = "DELETE FROM group_members WHERE group_id = $1 AND user_id = $2";
    let mut removed = 0;
    for chunk in users.chunks(CHUNK) {
        let statement = |user: &UserId| Statement(REMOVE, vec![group.0.into(), user.0.into()]);
        let statements: Vec<_> = chunk.iter().map(statement).collect();
        removed += tx.all(&statements).await?.iter().map(|answer| answer.changed).sum::<u64>();
    }
    Ok(removed)
}

/// Ends all memberships of a group; says how many there were.
pub async fn remove_all(tx: &mut Tx<'_>, group: GroupId) -> Result<u64> {
    const REMOVE: &str = "DELETE FROM group_members WHERE group_id = $1";
    tx.execute(REMOVE, &[group.0.into()]).await
}

/// Ends all memberships of a user.
pub async fn remove_user(tx: &mut Tx<'_>, user: UserId, at: Timestamp) -> Result<()> {
    const COUNT: &str = "UPDATE user_groups SET member_count = member_count - 1, revision = revision + 1, \
        updated_at = $2 WHERE id IN (SELECT group_id FROM group_members WHERE user_id = $1)";
    const REMOVE: &str = "DELETE FROM group_members WHERE user_id = $1";
    tx.execute(COUNT, &[user.0.into(), at.0.into()]).await?;
    tx.execute(REMOVE, &[user.0.into()]).await.map(|_| ())
}

/// Up to `limit` members after the given one, in the order of their identifiers.
pub async fn list_member_ids(
    tx: &mut Tx<'_>,
    group: GroupId,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<UserId>> {
    const LIST: &str =
        "SELECT user_id FROM group_members WHERE group_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
    let after = after.map_or(uuid::Uuid::nil(), |id| id.0);
    let rows = tx.rows(LIST, &[group.0.into(), after.into(), limit.into()]).await?;
    rows.into_iter().map(|mut row| row.get(0).map(UserId)).collect()
}

/// Up to `limit` members by address.
pub async fn list_members(tx: &mut Tx<'_>, group: GroupId, offset: i64, limit: i64) -> Result<Vec<User>> {
    const LIST: &str = users::select!(
        "WHERE deleted_at IS NULL AND id IN (SELECT user_id FROM group_members WHERE group_id = $1) \
         ORDER BY email_key, id LIMIT $2 OFFSET $3"
    );
    tx.rows(LIST, &[group.0.into(), limit.into(), offset.into()]).await?.into_iter().map(user_of).collect()
}

/// Members with what they are called, after the given one, in the order of their identifiers.
pub async fn list_named_members(
    tx: &mut Tx<'_>,
    group: GroupId,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<(UserId, String)>> {
    const LIST: &str = "SELECT u.id, u.name FROM group_members m JOIN users u ON u.id = m.user_id \
        WHERE m.group_id = $1 AND m.user_id > $2 AND u.deleted_at IS NULL ORDER BY m.user_id LIMIT $3";
    let after = after.map_or(uuid::Uuid::nil(), |id| id.0);
    let rows = tx.rows(LIST, &[group.0.into(), after.into(), limit.into()]).await?;
    rows.into_iter().map(|mut row| Ok((UserId(row.get(0)?), row.get(1)?))).collect()
}

/// Which groups some users are in: up to [`users::CHUNK`] users, as triples of user, group and the group's name.
pub async fn list_memberships(tx: &mut Tx<'_>, of: &[UserId]) -> Result<Vec<(UserId, GroupId, String)>> {
    const LIST: &str = "SELECT m.user_id, g.id, g.name FROM group_members m JOIN user_groups g ON g.id = m.group_id \
        WHERE m.user_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
        $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ORDER BY g.name_key, g.id LIMIT 20000";
    let mut values: Vec<Value> = of.iter().map(|id| Value::from(id.0)).collect();
    values.resize(users::CHUNK, Value::Null);
    let rows = tx.rows(LIST, &values).await?;
    rows.into_iter().map(|mut row| Ok((UserId(row.get(0)?), GroupId(row.get(1)?), row.get(2)?))).collect()
}

/// What the groups that a user is in give together.
pub async fn rights_of(tx: &mut Tx<'_>, user: UserId) -> Result<Rights> {
    const LIST: &str = select!(
        "WHERE (role IS NOT NULL OR scopes <> '') AND id IN (SELECT group_id FROM group_members WHERE user_id = $1)"
    );
    let mut together = Rights::default();
    for row in tx.rows(LIST, &[user.0.into()]).await? {
        let rights = group(row)?.rights;
        together = Rights { role: together.role.max(rights.role), scopes: together.scopes.and(rights.scopes) };
    }
    Ok(together)
}

pub(super) fn group(mut row: Row) -> Result<Group> {
    let role = row.get::<Option<String>>(6)?;
    let role = role
        .map(|role| Role::parse(&role).ok_or_else(|| Error::Broken("a stored group gives an unknown role".to_owned())));
    Ok(Group {
        id: GroupId(row.get(0)?),
        company: CompanyId(row.get(1)?),
        name: row.get(2)?,
        description: row.get(3)?,
        locked: row.get::<i64>(4)? != 0,
        external_id: row.get(5)?,
        rights: Rights { role: role.transpose()?, scopes: Scopes::from_stored(&row.get::<String>(7)?) },
        member_count: row.get::<i64>(8)?.unsigned_abs(),
        revision: row.get(9)?,
        created_at: Timestamp(row.get(10)?),
        updated_at: Timestamp(row.get(11)?),
    })
}
