//! Open streams are few for each that holds them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::app::App;

/// The most streams of one session, and of one service.
const STREAMS: usize = 20;

/// How many streams each session and each service holds.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<Uuid, usize>>);

/// A place among the streams of one; given back when dropped.
pub(super) struct Place {
    app: App,
    holder: Uuid,
}

impl Place {
    /// `None` when the holder has as many as it may.
    pub(super) fn take(app: &App, holder: Uuid) -> Option<Self> {
        let mut streams = app.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(holder).or_default();
        if *count >= STREAMS {
            return None;
        }
        *count += 1;
        Some(Self { app: app.clone(), holder })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.app.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.holder);
            }
        }
    }
}
