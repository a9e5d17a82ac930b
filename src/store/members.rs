//! The users of a company as lists: in an order, by status, by words of their names and addresses.
//!
//! A search looks for words that begin as its terms do, in an index of the words of names and addresses.
//!
//! Each list is read in pages. A page begins after a place, which is a value of the order and an identifier, so that no
//! user is skipped or comes twice because others came or went meanwhile.

use super::engine::Value;
use super::users::{self, User, user as user_of};
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
    /// The word that was found, in a search that many fit.
    Word(String),
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The users, in their order.
    pub users: Vec<User>,
    /// Where the next page begins. A page may be short, or empty, and have a next one.
    pub next: Option<Place>,
    /// Whether the users stand in the order that was asked for. Of a search that many fit they do not, but in that of
    /// the words that were found: else all of them would have to be gone through to find the first.
    pub sorted: bool,
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
/// A search that at most so many can fit finds all of them, and puts them in order.
const FEW: i64 = 1_000;
/// Of a search that more can fit, so many are looked at for a page.
const LOOKED_AT: i64 = 1_000;
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
pub async fn list(tx: &mut Tx<'_>, selection: &Selection, after: Option<&Place>, limit: i64) -> Result<Page> {
    let rarest = rarest(tx, selection.company, &selection.terms).await?;
    match rarest {
        Some((term, count)) if count >= FEW => list_found(tx, selection, term, after, limit).await,
        rarest => list_sorted(tx, selection, rarest.map(|(term, _)| term), after, limit).await,
    }
}

/// In the order asked for; `rarest` is the term that the fewest have, who are found first.
async fn list_sorted(
    tx: &mut Tx<'_>,
    selection: &Selection,
    rarest: Option<usize>,
    after: Option<&Place>,
    limit: i64,
) -> Result<Page> {
    let Selection { company, status, order, descending, .. } = selection;
    let (column, direction, comes_after) =
        if *descending { (order.column(), "DESC", '<') } else { (order.column(), "ASC", '>') };
    let place = after.cloned().unwrap_or_else(|| beginning(*order, *descending));
    let key: Value = match place.key {
        Key::Text(text) | Key::Word(text) => text.into(),
        Key::Number(number) => number.into(),
    };
    let mut values = vec![company.0.into(), status.as_str().into(), key, place.user.0.into(), (limit + 1).into()];
    let others = others(&selection.terms, rarest, &mut values);
    let from = match rarest.and_then(|term| selection.terms.get(term)) {
        None => "users WHERE".to_owned(),
        Some(term) => {
            let words = range(term, &mut values);
            format!(
                "(SELECT DISTINCT user_id FROM user_words WHERE company_id = $1 AND {words}) found \
                 CROSS JOIN users WHERE users.id = found.user_id AND"
            )
        }
    };
    let columns = users::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM {from} company_id = $1 AND status = $2 AND deleted_at IS NULL AND ({column}, id) {comes_after} ($3, $4){others} \
         ORDER BY {column} {direction}, id {direction} LIMIT $5"
    );
    let mut users: Vec<User> = tx.rows(&sql, &values).await?.into_iter().map(user_of).collect::<Result<_>>()?;
    let is_cut = cut(&mut users, limit);
    let next = users.last().filter(|_| is_cut).map(|last| self::place(last, *order));
    Ok(Page { users, next, sorted: true })
}

/// In the order of the words that were found for one term, and so that a page costs about the same however many fit.
async fn list_found(
    tx: &mut Tx<'_>,
    selection: &Selection,
    term: usize,
    after: Option<&Place>,
    limit: i64,
) -> Result<Page> {
    let Selection { company, status, terms, .. } = selection;
    let (word, user) = match after {
        Some(Place { key: Key::Word(word), user }) => (word.clone(), *user),
        // PostgreSQL begins to read at this place, and not at the first word that fits.
        _ => (terms[term].clone(), UserId(uuid::Uuid::nil())),
    };
    let mut values = vec![company.0.into(), word.into(), user.0.into()];
    let words = range(&terms[term], &mut values);
    let scan = format!(
        "SELECT word, user_id FROM user_words WHERE company_id = $1 AND {words} AND (word, user_id) > ($2, $3) \
         ORDER BY word, user_id LIMIT"
    );
    // Where this look ends, if there is more.
    let end = tx.row(&format!("{scan} 1 OFFSET {}", LOOKED_AT - 1), &values).await?;
    let end = end.map(|mut row| Ok::<_, Error>((row.get::<String>(0)?, UserId(row.get(1)?)))).transpose()?;

    let low = values.len() - 1;
    values.extend([status.as_str().into(), (limit + 1).into()]);
    let (status, most) = (values.len() - 1, values.len());
    let others = others(terms, Some(term), &mut values);
    let columns = users::COLUMNS;
    // Whoever has several of the words stands at the first of them.
    let sql = format!(
        "SELECT {columns}, found.word FROM ({scan} {LOOKED_AT}) found CROSS JOIN users WHERE users.id = found.user_id AND status = ${status} AND deleted_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM user_words earlier WHERE earlier.user_id = found.user_id \
         AND earlier.word >= ${low} AND earlier.word < found.word){others} \
         ORDER BY found.word, found.user_id LIMIT ${most}"
    );
    let mut found = Vec::new();
    for mut row in tx.rows(&sql, &values).await? {
        let word: String = row.get(9)?;
        found.push((user_of(row)?, word));
    }
    let is_cut = cut(&mut found, limit);
    let last = found.last().filter(|_| is_cut).map(|(user, word)| (word.clone(), user.id));
    let next = last.or(end).map(|(word, user)| Place { key: Key::Word(word), user });
    Ok(Page { users: found.into_iter().map(|(user, _)| user).collect(), next, sorted: false })
}

/// Drops what is beyond the limit; says whether there was something.
fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(0);
    let is_cut = rows.len() > limit;
    rows.truncate(limit);
    is_cut
}

/// The condition that a word begins with a term.
fn range(term: &str, values: &mut Vec<Value>) -> String {
    values.extend([term.into(), format!("{term}{LAST}").into()]);
    format!("word >= ${} AND word < ${}", values.len() - 1, values.len())
}

/// The condition that users have a word for each term but this one.
fn others(terms: &[String], but: Option<usize>, values: &mut Vec<Value>) -> String {
    let mut conditions = String::new();
    for (number, term) in terms.iter().take(TERMS).enumerate() {
        if Some(number) != but {
            let words = range(term, values);
            conditions += &format!(" AND EXISTS (SELECT 1 FROM user_words WHERE user_id = users.id AND {words})");
        }
    }
    conditions
}

/// How many users of a company have this status, counted up to a limit.
pub async fn count(tx: &mut Tx<'_>, company: CompanyId, status: Status, limit: i64) -> Result<u64> {
    const COUNT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM users \
        WHERE company_id = $1 AND status = $2 AND deleted_at IS NULL LIMIT $3) counted";
    Ok(tx.number(COUNT, &[company.0.into(), status.as_str().into(), limit.into()]).await?.unsigned_abs())
}

/// The Mendix Admins of a company, whatever their status, by name.
pub async fn list_admins(tx: &mut Tx<'_>, company: CompanyId, limit: i64) -> Result<Vec<User>> {
    let columns = users::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM users WHERE company_id = $1 AND role = 'mendix_admin' AND deleted_at IS NULL \
         ORDER BY name_key, id LIMIT $2"
    );
    tx.rows(&sql, &[company.0.into(), limit.into()]).await?.into_iter().map(user_of).collect()
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

/// Which of the terms the fewest words begin with, and how many, counted up to [`FEW`]; `None` without terms.
async fn rarest(tx: &mut Tx<'_>, company: CompanyId, terms: &[String]) -> Result<Option<(usize, i64)>> {
    const COUNT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM user_words \
        WHERE company_id = $1 AND word >= $2 AND word < $3 LIMIT $4) counted";
    let mut rarest: Option<(usize, i64)> = None;
    for (number, term) in terms.iter().take(TERMS).enumerate() {
        let values = [company.0.into(), term.as_str().into(), format!("{term}{LAST}").into(), FEW.into()];
        let count = tx.number(COUNT, &values).await?;
        if rarest.is_none_or(|(_, fewest)| count < fewest) {
            rarest = Some((number, count));
        }
    }
    Ok(rarest)
}
