//! Users and groups as identity providers see them: with all that was said of them, in lists by filter and order.

use serde_json::{Map, Value as Json};

use super::engine::{Row, Statement, Value};
use super::groups;
use super::selection::{Condition, Order, user_name_key};
use super::users::{self, User, derive, described, user as user_of};
use super::{Error, Result, Tx};
use crate::model::actor::Door;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::group::Group;
use crate::model::id::{CompanyId, GroupId, UserId};
use crate::model::scim::profile::Profile;
use crate::model::user::Status;

/// A user, and what identity providers say of him.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user.
    pub user: User,
    /// By which name identity providers know him.
    pub user_name: String,
    /// Their own identifier of him.
    pub external_id: Option<String>,
    /// What they said of him; `None` is nothing.
    pub attributes: Option<Map<String, Json>>,
    /// Grows with each change.
    pub revision: i64,
    /// When he was last changed.
    pub updated_at: Timestamp,
}

impl Person {
    /// What identity providers said of the user; of whom they said nothing, what the account has.
    pub fn described(&self) -> Map<String, Json> {
        self.attributes.clone().unwrap_or_else(|| described(&self.user))
    }
}

macro_rules! columns {
    () => {
        "users.id, users.company_id, users.email, users.name, users.role, users.status, users.status_since, \
             users.created_at, users.email_key, users.user_name, users.external_id, users.attributes, \
             users.revision, users.updated_at"
    };
}

/// A place in a list: a page begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The value by which the list is ordered.
    pub key: Key,
    /// Which of those that have the same.
    pub id: uuid::Uuid,
}

/// A value by which a list is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A text in its comparable form.
    Text(String),
    /// A number, or an instant.
    Number(i64),
}

/// Which part of a list.
#[derive(Debug, Clone)]
pub enum From {
    /// After so many.
    Offset(u64),
    /// Behind a place.
    Place(Place),
}

/// A list to be read.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Which.
    pub condition: Condition,
    /// In which order.
    pub order: Order,
    /// The greatest first.
    pub descending: bool,
}

const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE users.id = $1 AND users.company_id = $2 AND users.deleted_at IS NULL"
);

/// The user of a company with this identifier, and what is said of him.
pub async fn find(tx: &mut Tx<'_>, company: CompanyId, id: UserId) -> Result<Option<Person>> {
    tx.row(FIND, &[id.0.into(), company.0.into()]).await?.map(person).transpose()
}

/// As [`find`], and nobody else changes the user until this transaction ends.
pub async fn lock(tx: &mut Tx<'_>, company: CompanyId, id: UserId) -> Result<Option<Person>> {
    tx.locked_row(FIND, &[id.0.into(), company.0.into()]).await?.map(person).transpose()
}

/// Writes what an identity provider says of a user: the account's name and address, and all the rest.
/// [`Error::Taken`] when somebody has the name or the address.
pub async fn describe(tx: &mut Tx<'_>, before: &Person, user: &User, profile: &Profile, at: Timestamp) -> Result<()> {
    write(tx, user, profile, before.revision + 1, at).await?;
    derive(tx, Some((&before.user, &before.described())), user, &profile.attributes).await
}

/// Adds a user whom an identity provider describes. [`Error::Taken`] when somebody has the name or the address.
pub async fn insert(tx: &mut Tx<'_>, user: &User, profile: &Profile, door: Door) -> Result<()> {
    const MADE: &str = "UPDATE users SET made_door = $2 WHERE id = $1";
    users::insert_row(tx, user).await?;
    tx.execute_one(MADE, &[user.id.0.into(), door.as_str().into()]).await?;
    write(tx, user, profile, 1, user.created_at).await?;
    if user.status != Status::Active {
        users::note_door(tx, user.id, door).await?;
    }
    derive(tx, None, user, &profile.attributes).await
}

async fn write(tx: &mut Tx<'_>, user: &User, profile: &Profile, revision: i64, at: Timestamp) -> Result<()> {
    const DESCRIBE: &str = "UPDATE users SET email = $2, email_key = $3, name = $4, user_name = $5, \
        user_name_key = $6, external_id = $7, attributes = $8, revision = $9, updated_at = $10 WHERE id = $1";
    let values = [
        user.id.0.into(),
        user.email.as_str().into(),
        user.email.key().into(),
        user.name.as_str().into(),
        profile.user_name.as_str().into(),
        user_name_key(&profile.user_name).into(),
        profile.external_id.clone().into(),
        Json::Object(profile.attributes.clone()).to_string().into(),
        revision.into(),
        at.0.into(),
    ];
    tx.execute_one(DESCRIBE, &values).await
}

/// Whether a user was made through this door since.
pub async fn was_made_since(tx: &mut Tx<'_>, id: UserId, door: Door, since: Timestamp) -> Result<bool> {
    const FIND: &str = "SELECT COUNT(*) FROM users WHERE id = $1 AND made_door = $2 AND created_at > $3";
    Ok(tx.number(FIND, &[id.0.into(), door.as_str().into(), since.0.into()]).await? > 0)
}

/// Who in a company has this name among identity providers.
pub async fn find_by_user_name(tx: &mut Tx<'_>, company: CompanyId, user_name: &str) -> Result<Option<UserId>> {
    const FIND: &str = "SELECT id FROM users \
        WHERE company_id = $1 AND COALESCE(user_name_key, email_key) = $2 AND deleted_at IS NULL";
    let row = tx.row(FIND, &[company.0.into(), user_name_key(user_name).into()]).await?;
    row.map(|mut row| row.get(0).map(UserId)).transpose()
}

/// Hides a deactivated user for good: nobody finds him any more, and his name and address are free.
pub async fn hide(tx: &mut Tx<'_>, id: UserId, at: Timestamp) -> Result<()> {
    const HIDE: &str = "UPDATE users SET deleted_at = $2, email_key = $3, role = 'member', own_role = 'member', \
        granted_scopes = '', user_name = NULL, former_key = email_key, external_id = NULL, \
        attributes = NULL WHERE id = $1 AND status = 'deactivated' AND deleted_at IS NULL";
    const WORDS: &str = "DELETE FROM user_words WHERE user_id = $1";
    const VALUES: &str = "DELETE FROM user_values WHERE user_id = $1";
    // Nobody can write such an address.
    tx.execute_one(HIDE, &[id.0.into(), at.0.into(), format!("deleted {id}").into()]).await?;
    tx.all(&[Statement(WORDS, vec![id.0.into()]), Statement(VALUES, vec![id.0.into()])]).await.map(|_| ())
}

/// Whether whoever last had this address or name was stopped by another door than SCIM before he was deleted.
pub async fn was_stopped_by_hand(tx: &mut Tx<'_>, company: CompanyId, email: &Email, user_name: &str) -> Result<bool> {
    const FIND: &str = "SELECT COALESCE(status_door, '') FROM users WHERE company_id = $1 AND deleted_at IS NOT NULL \
        AND (user_name_key IN ($2, $3) OR former_key IN ($2, $3)) ORDER BY deleted_at DESC, id LIMIT 1";
    let values = [company.0.into(), email.key().into(), user_name_key(user_name).into()];
    let door: Option<String> = tx.row(FIND, &values).await?.map(|mut row| row.get(0)).transpose()?;
    Ok(door.is_some_and(|door| door != Door::Scim.as_str()))
}

/// Up to `limit` users of a list, and where the next page begins, if there is one.
pub async fn list(tx: &mut Tx<'_>, listing: &Listing, from: &From, limit: i64) -> Result<(Vec<Person>, Option<Place>)> {
    let (sql, values) = page(columns!(), "users", " AND users.deleted_at IS NULL", listing, from, limit);
    let mut found = Vec::new();
    for mut row in tx.rows_once(&sql, &values).await? {
        let key = key(&mut row, 14, listing)?;
        found.push((person(row)?, key));
    }
    let next = cut(&mut found, limit, |person| person.user.id.0);
    Ok((found.into_iter().map(|(person, _)| person).collect(), next))
}

/// As [`list`], of groups.
pub async fn list_groups(
    tx: &mut Tx<'_>,
    listing: &Listing,
    from: &From,
    limit: i64,
) -> Result<(Vec<Group>, Option<Place>)> {
    let (sql, values) = page(groups::COLUMNS, "user_groups", "", listing, from, limit);
    let mut found = Vec::new();
    for mut row in tx.rows_once(&sql, &values).await? {
        let key = key(&mut row, 12, listing)?;
        found.push((groups::group(row)?, key));
    }
    let next = cut(&mut found, limit, |group| group.id.0);
    Ok((found.into_iter().map(|(group, _)| group).collect(), next))
}

/// How many users a list has.
pub async fn count(tx: &mut Tx<'_>, condition: &Condition) -> Result<u64> {
    count_in(tx, "users", " AND users.deleted_at IS NULL", condition).await
}

/// How many groups a list has.
pub async fn count_groups(tx: &mut Tx<'_>, condition: &Condition) -> Result<u64> {
    count_in(tx, "user_groups", "", condition).await
}

async fn count_in(tx: &mut Tx<'_>, table: &str, live: &str, condition: &Condition) -> Result<u64> {
    let filter = condition_of(condition);
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE {table}.company_id = $1{live}{filter}");
    let row = tx.rows_once(&sql, &condition.values).await?.pop();
    let count: i64 = row.ok_or_else(|| Error::Broken("nothing was counted".to_owned()))?.get(0)?;
    Ok(count.unsigned_abs())
}

fn condition_of(condition: &Condition) -> String {
    if condition.sql.is_empty() { String::new() } else { format!(" AND {}", condition.sql) }
}

fn page(columns: &str, table: &str, live: &str, listing: &Listing, from: &From, limit: i64) -> (String, Vec<Value>) {
    let Listing { condition, order, descending } = listing;
    let (direction, comes_after) = if *descending { ("DESC", '<') } else { ("ASC", '>') };
    let mut values = condition.values.clone();
    values.push((limit + 1).into());
    let most = values.len();
    let (place, offset) = match from {
        From::Offset(0) => (String::new(), String::new()),
        From::Offset(offset) => {
            values.push(i64::try_from(*offset).unwrap_or(i64::MAX).into());
            (String::new(), format!(" OFFSET ${}", values.len()))
        }
        From::Place(place) => {
            values.push(match &place.key {
                Key::Text(text) => text.as_str().into(),
                Key::Number(number) => (*number).into(),
            });
            values.push(place.id.into());
            let (key, id) = (values.len() - 1, values.len());
            (format!(" AND ({}, {table}.id) {comes_after} (${key}, ${id})", order.sql), String::new())
        }
    };
    let (filter, key) = (condition_of(condition), order_of(listing));
    let sql = format!(
        "SELECT {columns}, {key} FROM {table} WHERE {table}.company_id = $1{live}{filter}{place} \
         ORDER BY {key} {direction}, {table}.id {direction} LIMIT ${most}{offset}"
    );
    (sql, values)
}

/// By what a list is ordered; where few are found, so that no index of the order is gone through to find them.
fn order_of(Listing { condition, order, .. }: &Listing) -> String {
    match (condition.is_selective, order.is_text) {
        (false, _) => order.sql.clone(),
        (true, false) => format!("({} + 0)", order.sql),
        (true, true) => format!("({} || '')", order.sql),
    }
}

fn key(row: &mut Row, column: usize, listing: &Listing) -> Result<Key> {
    Ok(if listing.order.is_text { Key::Text(row.get(column)?) } else { Key::Number(row.get(column)?) })
}

/// Drops what is beyond the limit, and says where the next page begins, if something was.
fn cut<T>(found: &mut Vec<(T, Key)>, limit: i64, id: impl Fn(&T) -> uuid::Uuid) -> Option<Place> {
    let limit = usize::try_from(limit).unwrap_or(0);
    let is_cut = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| is_cut).map(|(last, key)| Place { key: key.clone(), id: id(last) })
}

/// Up to `limit` users of a company whose name or address holds a text, by address; and how many there are.
pub async fn list_colleagues(
    tx: &mut Tx<'_>,
    company: CompanyId,
    search: &str,
    offset: i64,
    limit: i64,
) -> Result<(Vec<UserId>, u64)> {
    const LIST: &str = "SELECT id FROM users WHERE company_id = $1 AND deleted_at IS NULL \
        AND ($2 = '' OR REPLACE(email_key, $2, '') <> email_key OR REPLACE(name_key, $3, '') <> name_key) \
        ORDER BY email_key, id LIMIT $4 OFFSET $5";
    const COUNT: &str = "SELECT COUNT(*) FROM users WHERE company_id = $1 AND deleted_at IS NULL \
        AND ($2 = '' OR REPLACE(email_key, $2, '') <> email_key OR REPLACE(name_key, $3, '') <> name_key)";
    let (folded, key) = (crate::model::text::fold(search), crate::model::text::search_key(search));
    let values = [company.0.into(), folded.into(), key.into(), limit.into(), offset.into()];
    let rows = tx.rows(LIST, &values).await?;
    let count = tx.number(COUNT, &values[..3]).await?;
    let found = rows.into_iter().map(|mut row| row.get(0).map(UserId)).collect::<Result<_>>()?;
    Ok((found, count.unsigned_abs()))
}

/// Which groups users are in: triples of user, group and the group's name.
pub async fn list_memberships(tx: &mut Tx<'_>, of: &[UserId]) -> Result<Vec<(UserId, GroupId, String)>> {
    let mut found = Vec::new();
    for chunk in of.chunks(users::CHUNK) {
        found.extend(groups::list_memberships(tx, chunk).await?);
    }
    Ok(found)
}

/// The address that an account gets, when an identity provider gives none.
pub fn address(user: UserId, profile: &Profile, before: Option<&Email>) -> Email {
    profile.email.clone().or_else(|| before.cloned()).unwrap_or_else(|| Email::none(user))
}

fn person(mut row: Row) -> Result<Person> {
    let user_name: Option<String> = row.get(9)?;
    let attributes: Option<String> = row.get(11)?;
    let (external_id, revision, updated_at) = (row.get(10)?, row.get(12)?, Timestamp(row.get(13)?));
    let user = user_of(row)?;
    Ok(Person {
        user_name: user_name.unwrap_or_else(|| user.email.as_str().to_owned()),
        external_id,
        attributes: attributes.map(|text| users::attributes(&text)).transpose()?,
        revision,
        updated_at,
        user,
    })
}
