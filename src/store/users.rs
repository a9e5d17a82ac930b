//! Users. Only `domain::transitions` may call [`set_status`].
//!
//! What lists and searches go by is derived from the name and the address, here, whenever one of them is written.

use std::collections::BTreeSet;

use serde_json::Map;

use super::engine::{Row, Statement, Value};
use super::{Error, Result, Tx, sessions, tokens};
use crate::model::actor::{Credential, Door};
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::id::{CompanyId, UserId};
use crate::model::scim::index::{self, IndexedValue};
use crate::model::scim::profile;
use crate::model::scim::schema::ResourceKind;
use crate::model::scope::Scopes;
use crate::model::text;
pub(super) use crate::model::user::User;
use crate::model::user::{Role, Status};

macro_rules! columns {
    () => {
        "id, company_id, email, name, role, status, status_since, created_at, email_key"
    };
}
macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", $crate::store::users::columns!(), " FROM users ", $rest)
    };
}
pub(super) use {columns, select};

/// What [`user`] takes, in this order.
pub(super) const COLUMNS: &str = columns!();
/// How many columns that are.
pub(super) const COLUMN_COUNT: usize = 9;

/// Adds a user. [`Error::Taken`] when somebody has the same address, in whatever spelling.
pub async fn insert(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    insert_row(tx, user).await?;
    let mut statements = Vec::new();
    insert_words(&mut statements, user);
    insert_values(&mut statements, user, index::index(ResourceKind::User, &described(user)));
    tx.all(&statements).await.map(|_| ())
}

/// As [`insert`], without what is derived of the user.
pub(super) async fn insert_row(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    const INSERT: &str = "INSERT INTO users \
        (id, company_id, email, email_key, name, role, status, status_since, created_at, name_key, own_role, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $6, $9)";
    let values = [
        user.id.0.into(),
        user.company.0.into(),
        user.email.as_str().into(),
        user.email.key().into(),
        user.name.as_str().into(),
        user.role.as_str().into(),
        user.status.as_str().into(),
        user.status_since.0.into(),
        user.created_at.0.into(),
        text::search_key(&user.name).into(),
    ];
    tx.execute_one(INSERT, &values).await
}

/// The most words of a user that are searched.
const WORDS: usize = 24;

/// What is said of a user (RFC 7643).
type Attributes = Map<String, serde_json::Value>;

/// What is known of a user whom no identity provider describes.
pub(super) fn described(user: &User) -> Attributes {
    profile::base(&user.name, user.email.to_show())
}

/// The words that lists search.
fn insert_words(statements: &mut Vec<Statement>, user: &User) {
    const WORD: &str = "INSERT INTO user_words (user_id, company_id, word) VALUES ($1, $2, $3)";
    let address = user.email.to_show().map_or("", |_| user.email.key());
    for word in text::words([user.name.as_str(), address], WORDS) {
        statements.push(Statement(WORD, vec![user.id.0.into(), user.company.0.into(), word.into()]));
    }
}

/// The values that filters compare.
fn insert_values(statements: &mut Vec<Statement>, user: &User, values: Vec<IndexedValue>) {
    const VALUE: &str = "INSERT INTO user_values (user_id, company_id, attribute, path, element, value, number) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    for found in values {
        statements.push(Statement(
            VALUE,
            vec![
                user.id.0.into(),
                user.company.0.into(),
                found.attribute.into(),
                found.path.into(),
                found.element.into(),
                found.text.into(),
                found.number.into(),
            ],
        ));
    }
}

/// Derives anew what was derived of a user, as far as it was derived of something else before: of this user, and of what was
/// said of him. `None` is a user of whom nothing was derived yet.
pub(super) async fn derive(
    tx: &mut Tx<'_>,
    before: Option<(&User, &Attributes)>,
    user: &User,
    attributes: &Attributes,
) -> Result<()> {
    const KEY: &str = "UPDATE users SET name_key = $2 WHERE id = $1";
    const FORGET_WORDS: &str = "DELETE FROM user_words WHERE user_id = $1";
    const FORGET_VALUES: &str = "DELETE FROM user_values WHERE user_id = $1 AND attribute = $2";
    let mut statements = Vec::new();
    if before.is_none_or(|(before, _)| before.name != user.name || before.email != user.email) {
        statements.push(Statement(KEY, vec![user.id.0.into(), text::search_key(&user.name).into()]));
        statements.push(Statement(FORGET_WORDS, vec![user.id.0.into()]));
        insert_words(&mut statements, user);
    }
    let old = before.map(|(_, before)| index::index(ResourceKind::User, before)).unwrap_or_default();
    let new = index::index(ResourceKind::User, attributes);
    let of = |values: &[IndexedValue], name: &str| -> Vec<IndexedValue> {
        values.iter().filter(|value| value.attribute == name).cloned().collect()
    };
    let names: BTreeSet<&str> = old.iter().chain(&new).map(|value| value.attribute.as_str()).collect();
    for name in names {
        let (old, new) = (of(&old, name), of(&new, name));
        if old != new {
            statements.push(Statement(FORGET_VALUES, vec![user.id.0.into(), name.into()]));
            insert_values(&mut statements, user, new);
        }
    }
    if statements.is_empty() { Ok(()) } else { tx.all(&statements).await.map(|_| ()) }
}

/// Gives a user another name. What an identity provider says of the user stays as it is.
pub async fn rename(tx: &mut Tx<'_>, user: &User, name: &str, at: Timestamp) -> Result<()> {
    const RENAME: &str = "UPDATE users SET name = $2, revision = revision + 1, updated_at = $3 WHERE id = $1";
    tx.execute_one(RENAME, &[user.id.0.into(), name.into(), at.0.into()]).await?;
    let renamed = User { name: name.to_owned(), ..user.clone() };
    let (before, after) = match find_attributes(tx, user.id).await? {
        Some(said) => (said.clone(), said),
        None => (described(user), described(&renamed)),
    };
    derive(tx, Some((user, &before)), &renamed, &after).await
}

async fn find_attributes(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Attributes>> {
    const FIND: &str = "SELECT attributes FROM users WHERE id = $1";
    let found: Option<String> = tx.row(FIND, &[id.0.into()]).await?.map(|mut row| row.get(0)).transpose()?.flatten();
    found.map(|text| attributes(&text)).transpose()
}

/// Reads what an identity provider said.
pub(super) fn attributes(text: &str) -> Result<Attributes> {
    serde_json::from_str(text).map_err(|_| Error::Broken("a user's attributes are no JSON".to_owned()))
}

/// Derives what lists and searches go by for up to `limit` users of whom an older version did not; says for how many.
pub async fn index_missing(tx: &mut Tx<'_>, limit: i64) -> Result<usize> {
    const LIST: &str = select!("WHERE name_key IS NULL ORDER BY id LIMIT $1");
    let found: Vec<User> = tx.rows(LIST, &[limit.into()]).await?.into_iter().map(user).collect::<Result<_>>()?;
    for user in &found {
        let attributes = find_attributes(tx, user.id).await?.unwrap_or_else(|| described(user));
        derive(tx, None, user, &attributes).await?;
    }
    Ok(found.len())
}

/// Gives a user another role of his own; what groups give comes on top, by [`set_rights`].
pub async fn set_own_role(tx: &mut Tx<'_>, id: UserId, role: Role) -> Result<()> {
    const SET: &str = "UPDATE users SET own_role = $2 WHERE id = $1";
    tx.execute_one(SET, &[id.0.into(), role.as_str().into()]).await
}

/// A user's role of his own, without what groups give.
pub async fn find_own_role(tx: &mut Tx<'_>, id: UserId) -> Result<Role> {
    const FIND: &str = "SELECT own_role FROM users WHERE id = $1";
    let row = tx.row(FIND, &[id.0.into()]).await?;
    role(&mut row.ok_or_else(|| Error::Broken(format!("there is no user {id}")))?, 0)
}

/// Sets what a user may do with all that groups give.
pub async fn set_rights(tx: &mut Tx<'_>, id: UserId, role: Role, granted: Scopes) -> Result<()> {
    const SET: &str = "UPDATE users SET role = $2, granted_scopes = $3 WHERE id = $1";
    tx.execute_one(SET, &[id.0.into(), role.as_str().into(), granted.to_string().into()]).await
}

/// The scopes that groups give a user.
pub async fn find_granted(tx: &mut Tx<'_>, id: UserId) -> Result<Scopes> {
    const FIND: &str = "SELECT granted_scopes FROM users WHERE id = $1";
    let found: Option<String> = tx.row(FIND, &[id.0.into()]).await?.map(|mut row| row.get(0)).transpose()?;
    Ok(Scopes::from_stored(&found.unwrap_or_default()))
}

/// The user with this identifier, of whatever company.
pub async fn find(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>> {
    const FIND: &str = select!("WHERE id = $1 AND deleted_at IS NULL");
    tx.row(FIND, &[id.0.into()]).await?.map(user).transpose()
}

/// As [`find`], and nobody else changes the user, or makes a credential for it, until this transaction ends.
/// With a company, a user of another one is as unknown as one that does not exist.
pub async fn lock(tx: &mut Tx<'_>, id: UserId, company: Option<CompanyId>) -> Result<Option<User>> {
    const LOCK: &str = select!("WHERE id = $1 AND deleted_at IS NULL");
    const LOCK_IN_COMPANY: &str = select!("WHERE id = $1 AND company_id = $2 AND deleted_at IS NULL");
    let row = match company {
        None => tx.locked_row(LOCK, &[id.0.into()]).await?,
        Some(company) => tx.locked_row(LOCK_IN_COMPANY, &[id.0.into(), company.0.into()]).await?,
    };
    row.map(user).transpose()
}

/// The user with this address, in whatever spelling.
pub async fn find_by_email(tx: &mut Tx<'_>, email: &Email) -> Result<Option<User>> {
    const FIND: &str = select!("WHERE email_key = $1");
    tx.row(FIND, &[email.key().into()]).await?.map(user).transpose()
}

/// How many addresses [`find_ids_by_email`] takes.
pub const CHUNK: usize = 20;

/// The users of a company among up to [`CHUNK`] canonical addresses, as pairs of canonical address and identifier.
pub async fn find_ids_by_email(tx: &mut Tx<'_>, company: CompanyId, keys: &[&str]) -> Result<Vec<(String, UserId)>> {
    const FIND: &str = "SELECT email_key, id FROM users WHERE company_id = $1 AND email_key IN \
        ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";
    let mut values = vec![Value::from(company.0)];
    values.extend(keys.iter().map(|key| Value::from(*key)));
    values.resize(CHUNK + 1, Value::Null);
    let rows = tx.rows(FIND, &values).await?;
    rows.into_iter().map(|mut row| Ok((row.get(0)?, UserId(row.get(1)?)))).collect()
}

/// Of up to [`CHUNK`] identifiers those that are users', each with its company.
pub async fn find_companies(tx: &mut Tx<'_>, ids: &[UserId]) -> Result<Vec<(UserId, CompanyId)>> {
    const FIND: &str = "SELECT id, company_id FROM users WHERE id IN \
        ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";
    let mut values: Vec<Value> = ids.iter().map(|id| Value::from(id.0)).collect();
    values.resize(CHUNK, Value::Null);
    let rows = tx.rows(FIND, &values).await?;
    rows.into_iter().map(|mut row| Ok((UserId(row.get(0)?), CompanyId(row.get(1)?)))).collect()
}

/// Up to `limit` users after the given one, by identifier.
pub async fn list_after(tx: &mut Tx<'_>, after: Option<UserId>, limit: i64) -> Result<Vec<User>> {
    const LIST: &str = select!("WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2");
    let after = after.map_or(uuid::Uuid::nil(), |id| id.0);
    tx.rows(LIST, &[after.into(), limit.into()]).await?.into_iter().map(user).collect()
}

/// Suspends a user, or makes one active, that was not.
pub async fn set_status(tx: &mut Tx<'_>, id: UserId, status: Status, since: Timestamp, door: Door) -> Result<()> {
    const SET: &str = "UPDATE users SET status = $2, status_since = $3, status_door = $4, \
        revision = revision + 1, updated_at = $3 WHERE id = $1 AND status <> $2";
    tx.execute_one(SET, &[id.0.into(), status.as_str().into(), since.0.into(), door.as_str().into()]).await
}

/// Sets through which door a user got the status that he has.
pub async fn note_door(tx: &mut Tx<'_>, id: UserId, door: Door) -> Result<()> {
    const SET: &str = "UPDATE users SET status_door = $2 WHERE id = $1";
    tx.execute_one(SET, &[id.0.into(), door.as_str().into()]).await
}

/// Through which door a user's status was last changed.
pub async fn find_status_door(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Door>> {
    const FIND: &str = "SELECT status_door FROM users WHERE id = $1";
    let found: Option<String> = tx.row(FIND, &[id.0.into()]).await?.map(|mut row| row.get(0)).transpose()?.flatten();
    Ok(found.and_then(|door| Door::parse(&door)))
}

/// The owner of a credential that was neither ended nor is over; of one that is no person's there is none.
pub async fn find_owner_if_live(tx: &mut Tx<'_>, credential: Credential, now: Timestamp) -> Result<Option<User>> {
    let Some(Statement(find, values)) = owner_if_live(credential, now) else { return Ok(None) };
    tx.row(find, &values).await?.map(user).transpose()
}

pub(super) fn owner_if_live(credential: Credential, now: Timestamp) -> Option<Statement> {
    match credential {
        Credential::Token(id) | Credential::ApiKey(id) => Some(tokens::owner_if_live(id, now)),
        Credential::Session(id) => Some(sessions::owner_if_live(id, now)),
        Credential::Scim(_) => None,
    }
}

/// The user with this address and the hash of the password, a PHC string.
pub async fn find_with_password_hash(tx: &mut Tx<'_>, email: &Email) -> Result<Option<(User, Option<String>)>> {
    const FIND: &str = concat!("SELECT ", columns!(), ", password_hash FROM users WHERE email_key = $1");
    let Some(mut row) = tx.row(FIND, &[email.key().into()]).await? else { return Ok(None) };
    let hash = row.get(COLUMN_COUNT)?;
    Ok(Some((user(row)?, hash)))
}

/// The password hash of one user, a PHC string.
pub async fn find_password_hash(tx: &mut Tx<'_>, id: UserId) -> Result<Option<String>> {
    const FIND: &str = "SELECT password_hash FROM users WHERE id = $1";
    Ok(tx.row(FIND, &[id.0.into()]).await?.map(|mut row| row.get(0)).transpose()?.flatten())
}

/// Sets the password hash of one user, a PHC string.
pub async fn set_password_hash(tx: &mut Tx<'_>, id: UserId, hash: &str) -> Result<()> {
    const SET: &str = "UPDATE users SET password_hash = $2 WHERE id = $1";
    tx.execute_one(SET, &[id.0.into(), hash.into()]).await
}

/// How many active admins a company has.
pub async fn count_active_admins(tx: &mut Tx<'_>, company: CompanyId) -> Result<i64> {
    const COUNT: &str =
        "SELECT COUNT(*) FROM users WHERE company_id = $1 AND role = 'mendix_admin' AND status = 'active'";
    tx.number(COUNT, &[company.0.into()]).await
}

/// How many active admins a company has besides this user.
pub async fn count_other_active_admins(tx: &mut Tx<'_>, company: CompanyId, besides: UserId) -> Result<i64> {
    const COUNT: &str = "SELECT COUNT(*) FROM users \
        WHERE company_id = $1 AND role = 'mendix_admin' AND status = 'active' AND id <> $2";
    tx.number(COUNT, &[company.0.into(), besides.0.into()]).await
}

pub(super) fn user(mut row: Row) -> Result<User> {
    Ok(User {
        id: UserId(row.get(0)?),
        company: CompanyId(row.get(1)?),
        email: Email::from_stored(row.get(2)?, row.get(8)?),
        name: row.get(3)?,
        role: role(&mut row, 4)?,
        status: status(&mut row, 5)?,
        status_since: Timestamp(row.get(6)?),
        created_at: Timestamp(row.get(7)?),
    })
}

/// The role that stands in this column.
pub(super) fn role(row: &mut Row, column: usize) -> Result<Role> {
    let text: String = row.get(column)?;
    Role::parse(&text).ok_or_else(|| Error::Broken("a stored user has an unknown role".to_owned()))
}

/// The status that stands in this column.
pub(super) fn status(row: &mut Row, column: usize) -> Result<Status> {
    let text: String = row.get(column)?;
    Status::parse(&text).ok_or_else(|| Error::Broken("a stored user has an unknown status".to_owned()))
}
