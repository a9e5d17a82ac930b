//! SQLite: nothing can have changed while no process has committed, and the file tells that for one system call.
//!
//! So there is nothing that a revocation, here or by a command beside, has to reach first: its commit alone outdates what
//! was remembered.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::Gate;
use super::memory::Place;
use crate::store::changes::{self, Mark};
use crate::store::{Result, Revision};

/// Up to where the log was read, and the revision that the database had before.
struct Heard {
    revision: Revision,
    last: Option<Mark>,
    place: Place,
}

pub(super) struct Revisions {
    heard: ArcSwapOption<Heard>,
    listening: Mutex<()>,
}

impl Revisions {
    pub(super) fn new() -> Self {
        Self { heard: ArcSwapOption::empty(), listening: Mutex::new(()) }
    }

    /// Hears of every commit up to this revision; gives the place in the log that what is read from now on is at least
    /// as new as.
    pub(super) async fn listen(&self, gate: &Gate, revision: Revision) -> Result<Place> {
        let _one_at_a_time = self.listening.lock().await;
        if let Some(place) = self.heard_at(revision) {
            return Ok(place);
        }
        let after = self.heard.load().as_ref().and_then(|heard| heard.last.clone());
        // The revision was read before: the log holds at least what had been committed by then.
        let news = gate.store.read(async move |tx| changes::list_after(tx, after.as_ref()).await).await?;
        gate.hear(&news);
        let place = gate.memory.place();
        self.heard.store(Some(Arc::new(Heard { revision, last: news.last, place })));
        Ok(place)
    }

    /// The place, if there was no commit since it was heard.
    pub(super) fn heard_at(&self, revision: Revision) -> Option<Place> {
        self.heard.load().as_ref().filter(|heard| heard.revision == revision).map(|heard| heard.place)
    }
}
