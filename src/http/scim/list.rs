//! Lists: a page by number or by cursor, and where the next one begins.

use serde_json::{Value, json};

use super::super::app::App;
use super::admission::Connection;
use super::answer::Answer;
use super::cursor::{self, Fingerprint};
use super::query::Query;
use crate::domain::people::{Condition, From, Listing, Order, Page};
use crate::model::scim::fault::Fault;
use crate::model::scim::filter::Filter;
use crate::model::scim::path::AttributePath;
use crate::model::scim::schema::ResourceKind;

pub(super) const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// How many stand on a page when the client does not say.
pub(super) const DEFAULT_COUNT: u64 = 100;
/// The most that stand on a page.
pub(super) const MOST: u64 = 1000;

/// Up to here a list is counted for each of its pages.
const COUNTED_AGAIN: u64 = 5_000;

/// A page to be read.
pub(super) struct Plan {
    pub(super) listing: Listing,
    pub(super) from: From,
    pub(super) count: u32,
    /// How many there are, where an earlier page found out.
    total: Option<u64>,
    fingerprint: Fingerprint,
    start: u64,
    by_cursor: bool,
}

impl Plan {
    /// Understands what was asked for.
    pub(super) fn of(app: &App, connection: &Connection, kind: ResourceKind, query: &Query) -> Result<Self, Fault> {
        let filter = query.filter.as_deref().map(|text| Filter::parse(kind, text)).transpose()?;
        let condition = match &filter {
            Some(filter) => Condition::of(kind, connection.company, filter)?,
            None => Condition::all(connection.company),
        };
        let order = match &query.sort_by {
            Some(name) => Order::of(kind, &AttributePath::parse(kind, name)?)?,
            None => Order::creation(kind),
        };
        let direction = if query.is_descending { "descending" } else { "ascending" };
        let texts = [query.filter.as_deref().unwrap_or_default(), query.sort_by.as_deref().unwrap_or_default()];
        let fingerprint = Fingerprint::of(
            &connection.key,
            &[&connection.company.to_string(), kind.name(), texts[0], texts[1], direction],
        );
        let (from, total) = match query.cursor.as_deref() {
            Some("") => (From::Offset(0), None),
            Some(text) => {
                let place = cursor::read(text, fingerprint)?;
                if !order.takes(&place.key) {
                    return Err(cursor::wrong());
                }
                (From::Place(place), None)
            }
            None => match app.scim_bookmarks.find(fingerprint, query.start, app.clock.monotonic()) {
                // What is soon counted is counted again.
                Some((place, total)) => (From::Place(place), Some(total).filter(|total| *total > COUNTED_AGAIN)),
                None => (From::Offset(query.start - 1), None),
            },
        };
        let count = query.count.unwrap_or(DEFAULT_COUNT).min(MOST);
        let listing = Listing { condition, order, descending: query.is_descending };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Self { listing, from, count, total, fingerprint, start: query.start, by_cursor: query.cursor.is_some() })
    }

    /// Whether it has to be counted how many there are: by cursor only for the first page.
    pub(super) fn needs_total(&self) -> bool {
        self.total.is_none() && (!self.by_cursor || matches!(self.from, From::Offset(_)))
    }

    /// The answer with these resources.
    pub(super) fn answer<T>(&self, app: &App, page: &Page<T>, resources: &[String]) -> Answer {
        let shown = resources.len();
        let mut members = json!({"schemas": [LIST_SCHEMA], "itemsPerPage": shown});
        let total = self.total.or(page.total);
        if let Some(members) = members.as_object_mut() {
            if let Some(total) = total {
                members.insert("totalResults".to_owned(), total.into());
            }
            if self.by_cursor {
                if let Some(next) = &page.next {
                    members.insert("nextCursor".to_owned(), cursor::write(next, self.fingerprint).into());
                }
            } else {
                members.insert("startIndex".to_owned(), self.start.into());
            }
        }
        if let (false, Some(next), Some(total)) = (self.by_cursor, &page.next, total) {
            let begin = self.start + shown as u64;
            app.scim_bookmarks.keep(self.fingerprint, begin, next.clone(), total, app.clock.monotonic());
        }
        Answer::list(with_list(&members, "Resources", resources))
    }
}

/// A document with a list of documents as its last member.
pub(super) fn with_list(document: &Value, name: &str, list: &[String]) -> String {
    let mut text = document.to_string();
    text.pop();
    if text.len() > 1 {
        text.push(',');
    }
    text.push('"');
    text.push_str(name);
    text.push_str("\":[");
    for (number, item) in list.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        text.push_str(item);
    }
    text.push_str("]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_put_into_a_document() {
        assert_eq!(with_list(&json!({}), "a", &[]), r#"{"a":[]}"#);
        assert_eq!(with_list(&json!({"b": 1}), "a", &["1".into(), "2".into()]), r#"{"b":1,"a":[1,2]}"#);
    }
}
