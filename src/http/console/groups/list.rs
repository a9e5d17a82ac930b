//! The list of groups: searched by name, in pages.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::Uri;

use super::row::{GroupRow, PATH};
use crate::http::app::App;
use crate::http::console::page::{Layout, Page, Visitor, render};
use crate::http::form::{Fields, address};

/// How many groups, or members of one, a page shows.
pub(super) const PAGE: u64 = 50;
/// The most characters of a search.
const SEARCH_LENGTH: usize = 200;

#[derive(Template)]
#[template(path = "console/groups.html")]
struct Groups {
    layout: Layout,
    q: String,
    searched: bool,
    count: u64,
    groups: Vec<GroupRow>,
    first: Option<String>,
    next: Option<String>,
}

/// `GET /control-center/groups`
pub(in crate::http::console) async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Page {
    let query = Fields::of_query(&uri);
    let offset = offset(&query);
    let search: String = query.get("q").trim().chars().filter(|c| !c.is_control()).take(SEARCH_LENGTH).collect();
    let (groups, count) = app.directory.list_groups(visitor.company()?, &search, offset, Some(PAGE)).await?;
    let pages = Pages::of(offset, count, |offset| address(PATH, &[("q", search.as_str()), ("offset", offset)]));
    render(&Groups {
        layout: visitor.layout("Groups", "groups").with_notice(query.filled("done")),
        searched: !search.is_empty(),
        q: search,
        count,
        groups: groups.iter().map(GroupRow::new).collect(),
        first: pages.first,
        next: pages.next,
    })
}

/// From where on a list is shown; what is no number is its beginning.
pub(super) fn offset(query: &Fields) -> u64 {
    query.get("offset").parse().unwrap_or(0)
}

/// The pages around one that begins at some offset.
pub(super) struct Pages {
    pub(super) first: Option<String>,
    pub(super) next: Option<String>,
}

impl Pages {
    /// `address` gives that of the page that begins at an offset.
    pub(super) fn of(offset: u64, count: u64, address: impl Fn(&str) -> String) -> Self {
        let next = offset.saturating_add(PAGE);
        Self { first: (offset > 0).then(|| address("")), next: (next < count).then(|| address(&next.to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_around_one_are_those_that_there_are() {
        let around = |offset, count| {
            let pages = Pages::of(offset, count, str::to_owned);
            (pages.first, pages.next)
        };
        assert_eq!(around(0, 50), (None, None));
        assert_eq!(around(0, 51), (None, Some("50".to_owned())));
        assert_eq!(around(50, 51), (Some(String::new()), None));
        assert_eq!(around(u64::MAX, 51), (Some(String::new()), None));
    }
}
