//! Users. Only `domain::transitions` may call [`set_status`] and [`deactivate`].
//!
//! What lists and searches go by is derived from the name and the address, here, whenever one of them is written.

use super::engine::{Row, Statement, Value};
use super::{Error, Result, Tx, links, sessions, tokens};
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::id::{CompanyId, UserId};
pub(super) use crate::model::user::User;
use crate::model::user::{Role, Status};
use crate::model::{link, session, text, token};

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

/// Adds a user. [`Error::Taken`] when somebody has the same address, in whatever spelling.
pub async fn insert(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    const INSERT: &str = "INSERT INTO users \
        (id, company_id, email, email_key, name, role, status, status_since, created_at, name_key) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
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
    tx.execute_one(INSERT, &values).await?;
    insert_words(tx, user).await
}

/// The most words of a user that are searched.
const WORDS: usize = 24;

async fn insert_words(tx: &mut Tx<'_>, user: &User) -> Result<()> {
    const INSERT: &str = "INSERT INTO user_words (user_id, company_id, word) VALUES ($1, $2, $3)";
    for word in text::words([user.name.as_str(), user.email.key()], WORDS) {
        tx.execute_one(INSERT, &[user.id.0.into(), user.company.0.into(), word.into()]).await?;
    }
    Ok(())
}

/// Gives a user another name.
pub async fn rename(tx: &mut Tx<'_>, user: &User, name: &str) -> Result<()> {
    const RENAME: &str = "UPDATE users SET name = $2, name_key = $3 WHERE id = $1";
    const FORGET: &str = "DELETE FROM user_words WHERE user_id = $1";
    tx.execute_one(RENAME, &[user.id.0.into(), name.into(), text::search_key(name).into()]).await?;
    tx.execute(FORGET, &[user.id.0.into()]).await?;
    insert_words(tx, &User { name: name.to_owned(), ..user.clone() }).await
}

/// Derives what lists and searches go by for up to `limit` users of whom an older version did not; says for how many.
pub async fn index_missing(tx: &mut Tx<'_>, limit: i64) -> Result<usize> {
    const LIST: &str = select!("WHERE name_key IS NULL ORDER BY id LIMIT $1");
    let found: Vec<User> = tx.rows(LIST, &[limit.into()]).await?.into_iter().map(user).collect::<Result<_>>()?;
    for user in &found {
        rename(tx, user, &user.name).await?;
    }
    Ok(found.len())
}

/// Gives a user another role than he has.
pub async fn set_role(tx: &mut Tx<'_>, id: UserId, role: Role) -> Result<()> {
    const SET: &str = "UPDATE users SET role = $2 WHERE id = $1 AND role <> $2";
    tx.execute_one(SET, &[id.0.into(), role.as_str().into()]).await
}

/// The user with this identifier, of whatever company.
pub async fn find(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>> {
    const FIND: &str = select!("WHERE id = $1");
    tx.row(FIND, &[id.0.into()]).await?.map(user).transpose()
}

/// As [`find`], and nobody else changes the user, or makes a credential for it, until this transaction ends.
/// With a company, a user of another one is as unknown as one that does not exist.
pub async fn lock(tx: &mut Tx<'_>, id: UserId, company: Option<CompanyId>) -> Result<Option<User>> {
    const LOCK: &str = select!("WHERE id = $1");
    const LOCK_IN_COMPANY: &str = select!("WHERE id = $1 AND company_id = $2");
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
    const LIST: &str = select!("WHERE id > $1 ORDER BY id LIMIT $2");
    let after = after.map_or(uuid::Uuid::nil(), |id| id.0);
    tx.rows(LIST, &[after.into(), limit.into()]).await?.into_iter().map(user).collect()
}

/// Suspends a user, or makes one active, that was not.
pub async fn set_status(tx: &mut Tx<'_>, id: UserId, status: Status, since: Timestamp) -> Result<()> {
    const SET: &str = "UPDATE users SET status = $2, status_since = $3 WHERE id = $1 AND status <> $2";
    tx.execute_one(SET, &[id.0.into(), status.as_str().into(), since.0.into()]).await
}

/// What [`deactivate`] ended besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Tokens that had not been ended before.
    pub tokens: u64,
    /// Sessions that were live.
    pub sessions: u64,
}

/// Deactivates a user that was not, forgets its password, and ends its tokens, its sessions, its links and those that it
/// made for others. A session counts as live if it was used after `idle_since`.
pub async fn deactivate(tx: &mut Tx<'_>, id: UserId, since: Timestamp, idle_since: Timestamp) -> Result<Ended> {
    const DEACTIVATE: &str = "UPDATE users SET status = 'deactivated', status_since = $2, password_hash = NULL \
        WHERE id = $1 AND status <> 'deactivated'";
    // Tokens before sessions, as the gate writes down their uses: who locks in one order does not deadlock.
    let mut answers = tx
        .all(&[
            Statement(DEACTIVATE, vec![id.0.into(), since.0.into()]),
            tokens::end_all(id, since, token::EndReason::OwnerDeactivated),
            sessions::count_live(id, None, since, idle_since),
            sessions::end_all(id, None, since, session::EndReason::OwnerDeactivated),
            links::end_all(id, since, link::EndReason::OwnerDeactivated),
            links::end_made_by(id, since),
        ])
        .await?;
    let lost = || Error::Broken("a deactivation lost an answer".to_owned());
    let [deactivated, tokens, sessions, ..] = answers.as_mut_slice() else { return Err(lost()) };
    if deactivated.changed != 1 {
        return Err(Error::Broken(format!("{} users were deactivated where one was to be", deactivated.changed)));
    }
    let sessions: i64 = sessions.rows.first_mut().ok_or_else(lost)?.get(0)?;
    Ok(Ended { tokens: tokens.changed, sessions: sessions.unsigned_abs() })
}

/// The user with this address and the hash of the password, a PHC string.
pub async fn find_with_password_hash(tx: &mut Tx<'_>, email: &Email) -> Result<Option<(User, Option<String>)>> {
    const FIND: &str = concat!("SELECT ", columns!(), ", password_hash FROM users WHERE email_key = $1");
    let Some(mut row) = tx.row(FIND, &[email.key().into()]).await? else { return Ok(None) };
    let hash = row.get(9)?;
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
