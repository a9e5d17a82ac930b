//! Where the pages of lists begin that are read by number: so that the thousandth page costs what the first does.

use std::time::Duration;

use quick_cache::sync::Cache;

use super::cursor::Fingerprint;
use crate::domain::people::Place;

/// How many are kept.
const KEPT: usize = 10_000;
/// How long one counts: who reads a list reads on.
const FRESH: Duration = Duration::from_mins(5);

/// The places behind which pages begin, as the pages before them found.
pub(in crate::http) struct Bookmarks(Cache<[u8; 32], Bookmark>);

#[derive(Clone)]
struct Bookmark {
    place: Place,
    total: u64,
    at: Duration,
}

impl Bookmarks {
    pub(in crate::http) fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    /// The place behind which the page begins, and how many the list had when it was begun.
    pub(super) fn find(&self, list: Fingerprint, start: u64, now: Duration) -> Option<(Place, u64)> {
        let found = self.0.get(&list.page(start))?;
        (now < found.at + FRESH).then_some((found.place, found.total))
    }

    pub(super) fn keep(&self, list: Fingerprint, start: u64, place: Place, total: u64, now: Duration) {
        self.0.insert(list.page(start), Bookmark { place, total, at: now });
    }
}
