//! The users of a company as lists: in an order, by status, by words of their names and addresses.
//!
//! Each list is read in pages. A page begins after a place, which is a value of the order and an identifier, so that no
//! user is skipped or comes twice because others came or went meanwhile.

use super::users::{User, select_users, user};
use super::{Error, Result, Tx};
use crate::model::id::{CompanyId, UserId};
use crate::model::text;
use crate::model::user::Status;

/// By what a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The name, folded and without accents.
    Name,
    /// The address, folded.
    Email,
    /// Since when the status is what it is.
    Since,
}

impl Order {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "name_key",
            Self::Email => "email_key",
            Self::Since => "status_since",
        }
    }
}

/// A place in a list: a page begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The value by which the list is ordered.
    pub key: Key,
    /// Which of those that have the same.
    pub user: UserId,
}

/// A value by which a list is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Of a name or address.
    Text(String),
    /// Of an instant.
    Number(i64),
}

/// Which users, and in which order.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Of this company.
    pub company: CompanyId,
    /// With this status.
    pub status: Status,
    /// Of whom each of these begins a word of the name or the address; folded, at most [`TERMS`].
    pub terms: Vec<String>,
    /// In this order.
    pub order: Order,
    /// The greatest first.
    pub descending: bool,
}

/// The most words that a search looks for; further ones are ignored.
pub const TERMS: usize = 4;
/// Words of up to so many users are found first, and the rest of the search made among those; for commoner words the
/// users are gone through in their order, which soon finds a page of them.
const RARE: i64 = 20_000;
/// Sorts after all that a text can begin with.
const LAST: char = '\u{10ffff}';

/// The place of a user in a list of this order.
pub fn place(user: &User, order: Order) -> Place {
    let key = match order {
        Order::Name => Key::Text(text::search_key(&user.name)),
        Order::Email => Key::Text(user.email.key().to_owned()),
        Order::Since => Key::Number(user.status_since.0),
    };
    Place { key, user: user.id }
}

/// Up to `limit` users of a selection, behind a place or from the beginning.
pub async fn list(tx: &mut Tx<'_>, selection: &Selection, after: Option<&Place>, limit: i64) -> Result<Vec<User>> {
    let Selection { company, status, order, descending, .. } = selection;
    let (column, direction, comes_after) =
        if *descending { (order.column(), "DESC", '<') } else { (order.column(), "ASC", '>') };
    let place = after.cloned().unwrap_or_else(|| beginning(*order, *descending));
    let key = match place.key {
        Key::Text(text) => text.into(),
        Key::Number(number) => number.into(),
    };
    let mut values = vec![company.0.into(), status.as_str().into(), key, place.user.0.into(), limit.into()];
    let rare = rarest(tx, *company, &selection.terms).await?;
    let mut from = "users".to_owned();
    let mut conditions = String::new();
    for (number, term) in selection.terms.iter().take(TERMS).enumerate() {
        let (low, high) = (values.len() + 1, values.len() + 2);
        values.extend([term.as_str().into(), format!("{term}{LAST}").into()]);
        let words = format!("word >= ${low} AND word < ${high}");
        if rare == Some(number) {
            from = format!(
                "(SELECT DISTINCT user_id FROM user_words WHERE company_id = $1 AND {words}) found CROSS JOIN users"
            );
            conditions += " AND users.id = found.user_id";
        } else {
            conditions += &format!(" AND EXISTS (SELECT 1 FROM user_words WHERE user_id = users.id AND {words})");
        }
    }
    let select = select_users!();
    let sql = format!(
        "{select} {from} WHERE company_id = $1 AND status = $2 AND ({column}, id) {comes_after} ($3, $4){conditions} \
         ORDER BY {column} {direction}, id {direction} LIMIT $5"
    );
    tx.rows(&sql, &values).await?.into_iter().map(user).collect()
}

/// How many users of a company have this status, counted up to a limit.
pub async fn count(tx: &mut Tx<'_>, company: CompanyId, status: Status, limit: i64) -> Result<u64> {
    const COUNT: &str =
        "SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE company_id = $1 AND status = $2 LIMIT $3) counted";
    let row = tx.row(COUNT, &[company.0.into(), status.as_str().into(), limit.into()]).await?;
    let count: i64 = row.ok_or_else(|| Error::Broken("a count gave no row".to_owned()))?.get(0)?;
    Ok(count.unsigned_abs())
}

/// The Mendix Admins of a company, whatever their status, by name.
pub async fn list_admins(tx: &mut Tx<'_>, company: CompanyId, limit: i64) -> Result<Vec<User>> {
    let select = select_users!();
    let sql = format!("{select} users WHERE company_id = $1 AND role = 'mendix_admin' ORDER BY name_key, id LIMIT $2");
    tx.rows(&sql, &[company.0.into(), limit.into()]).await?.into_iter().map(user).collect()
}

/// Where a list begins: before every place.
fn beginning(order: Order, descending: bool) -> Place {
    let key = match (order, descending) {
        (Order::Since, false) => Key::Number(i64::MIN),
        (Order::Since, true) => Key::Number(i64::MAX),
        (Order::Name | Order::Email, false) => Key::Text(String::new()),
        (Order::Name | Order::Email, true) => Key::Text(LAST.to_string()),
    };
    let user = if descending { uuid::Uuid::max() } else { uuid::Uuid::nil() };
    Place { key, user: UserId(user) }
}

/// Which of the terms the fewest users have, if those are few.
async fn rarest(tx: &mut Tx<'_>, company: CompanyId, terms: &[String]) -> Result<Option<usize>> {
    const COUNT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM user_words \
        WHERE company_id = $1 AND word >= $2 AND word < $3 LIMIT $4) counted";
    let mut rarest = None;
    for (number, term) in terms.iter().take(TERMS).enumerate() {
        let values = [company.0.into(), term.as_str().into(), format!("{term}{LAST}").into(), RARE.into()];
        let row = tx.row(COUNT, &values).await?;
        let count: i64 = row.ok_or_else(|| Error::Broken("a count gave no row".to_owned()))?.get(0)?;
        if count < RARE && rarest.is_none_or(|(_, fewest)| count < fewest) {
            rarest = Some((number, count));
        }
    }
    Ok(rarest.map(|(number, _)| number))
}
