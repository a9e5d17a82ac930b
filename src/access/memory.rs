//! What the gate remembers, and how it learns what no longer holds.
//!
//! An entry counts when its owner's access has not changed since it was read. Changes stand in a log in the database,
//! in the order of commits; the memory reads on in that log whenever the revision of the database is another one than
//! when it last did. So before anything is trusted, every commit that was there when the check began has been heard.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::model::clock::Timestamp;
use crate::model::id::UserId;
use crate::model::secret::SecretDigest;
use crate::store::changes::{self, Changes, Mark};
use crate::store::tokens::Held;
use crate::store::{Result, Revision, Store};

/// How many tokens are remembered at most; the least used are forgotten.
const REMEMBERED: usize = 200_000;
/// How many changed users are kept apart; beyond that everything is forgotten instead.
const CHANGED: usize = 50_000;

/// A token and its owner as they were at a place in the log.
pub(super) struct Entry {
    pub(super) held: Held,
    read_at: Place,
    noted: AtomicI64,
}

impl Entry {
    /// Whether a use at this instant should be written down; says so once for each stretch of time.
    pub(super) fn is_worth_noting(&self, now: Timestamp) -> bool {
        let noted = self.noted.load(Ordering::Relaxed);
        let last = (noted != NEVER).then_some(Timestamp(noted));
        super::is_due(last, now)
            && self.noted.compare_exchange(noted, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

const NEVER: i64 = i64::MIN;

/// A place in the log of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Counts how often everything was forgotten: places before that say nothing any more.
    era: u64,
    /// The last change before it.
    last: i64,
}

/// Up to where the log was read, and the revision that the database had before.
struct Heard {
    revision: Revision,
    last: Option<Mark>,
    place: Place,
}

pub(super) struct Memory {
    entries: Cache<SecretDigest, Arc<Entry>>,
    heard: ArcSwapOption<Heard>,
    listening: Mutex<()>,
    changed: RwLock<Changed>,
}

/// From which place on what was read of a user counts.
#[derive(Default)]
struct Changed {
    era: u64,
    users: HashMap<UserId, i64>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            entries: Cache::new(REMEMBERED),
            heard: ArcSwapOption::empty(),
            listening: Mutex::new(()),
            changed: RwLock::default(),
        }
    }

    /// Hears of every commit up to this revision; gives the place in the log that what is read from now on is at least
    /// as new as.
    pub(super) async fn listen(&self, store: &Store, revision: Revision) -> Result<Place> {
        if let Some(place) = self.heard_at(revision) {
            return Ok(place);
        }
        let _one_at_a_time = self.listening.lock().await;
        if let Some(place) = self.heard_at(revision) {
            return Ok(place);
        }
        let after = self.heard.load().as_ref().and_then(|heard| heard.last.clone());
        // The revision was read before: the log holds at least what had been committed by then.
        let news = store.read(async move |tx| changes::list_after(tx, after.as_ref()).await).await?;
        let last = news.last.clone();
        let place = self.forget(news);
        self.heard.store(Some(Arc::new(Heard { revision, last, place })));
        Ok(place)
    }

    /// The entry of a token, if it still counts after what was heard.
    pub(super) fn get(&self, digest: &SecretDigest) -> Option<Arc<Entry>> {
        let entry = self.entries.get(digest)?;
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        let changed_at = changed.users.get(&entry.held.identity.user).copied().unwrap_or(0);
        let counts = entry.read_at.era == changed.era && entry.read_at.last >= changed_at;
        drop(changed);
        counts.then_some(entry)
    }

    /// Keeps what was read when the log had been heard up to this place.
    pub(super) fn insert(&self, digest: SecretDigest, held: Held, read_at: Place) -> Arc<Entry> {
        let noted = AtomicI64::new(held.last_used_at.map_or(NEVER, |at| at.0));
        let entry = Arc::new(Entry { held, read_at, noted });
        self.entries.insert(digest, Arc::clone(&entry));
        entry
    }

    fn heard_at(&self, revision: Revision) -> Option<Place> {
        self.heard.load().as_ref().filter(|heard| heard.revision == revision).map(|heard| heard.place)
    }

    fn forget(&self, news: Changes) -> Place {
        let last = news.last.as_ref().map_or(0, Mark::seq);
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        match news.users {
            Some(users) if changed.users.len() + users.len() <= CHANGED => {
                changed.users.extend(users.into_iter().map(|user| (user, last)));
            }
            _ => {
                changed.era += 1;
                changed.users.clear();
                self.entries.clear();
            }
        }
        Place { era: changed.era, last }
    }
}
