//! Who still calls the User Management API, so that its owners can plan to leave it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Directory, Error};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, TokenId};
use crate::store::{Tx, legacy_calls};

pub use crate::store::legacy_calls::LegacyCall;

/// How many kinds of calls wait to be written down, at most.
const WAITING: usize = 10_000;
/// How many are listed.
const LISTED: i64 = 10_000;

/// Calls that are not written down yet.
#[derive(Default)]
pub(super) struct LegacyCalls {
    waiting: Mutex<HashMap<(TokenId, &'static str), Waiting>>,
}

#[derive(Clone, Copy)]
struct Waiting {
    company: CompanyId,
    calls: u64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl LegacyCalls {
    fn lock(&self) -> MutexGuard<'_, HashMap<(TokenId, &'static str), Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    /// Notes that a call was let in, by this key of a user of this company. It is written down every few seconds.
    pub fn note_legacy_call(&self, company: CompanyId, key: TokenId, call: &'static str) {
        let now = self.clock.now();
        let mut waiting = self.legacy_calls.lock();
        if waiting.len() < WAITING || waiting.contains_key(&(key, call)) {
            let fresh = Waiting { company, calls: 0, first_at: now, last_at: now };
            let noted = waiting.entry((key, call)).or_insert(fresh);
            noted.calls += 1;
            noted.last_at = now;
        }
    }

    /// Writes down the calls since the last time.
    ///
    /// # Errors
    /// Those of the store; what was not written is kept for the next call.
    pub async fn write_legacy_calls(&self) -> Result<(), Error> {
        let mut waiting: Vec<_> = self.legacy_calls.lock().drain().collect();
        if waiting.is_empty() {
            return Ok(());
        }
        // Sorted, so that two nodes lock rows in the same order.
        waiting.sort_unstable_by_key(|(key, _)| *key);
        let noted: Vec<_> = waiting.iter().map(|((key, call), noted)| (*key, (*call).to_owned(), *noted)).collect();
        let written = self
            .store
            .append(async move |tx: &mut Tx<'_>| {
                for (key, call, noted) in noted.clone() {
                    let Waiting { company, calls, first_at, last_at } = noted;
                    legacy_calls::note(tx, company, key, call, calls, (first_at, last_at)).await?;
                }
                Ok(())
            })
            .await;
        if let Err(error) = written {
            let mut kept = self.legacy_calls.lock();
            for (key, old) in waiting {
                let noted = kept.entry(key).or_insert(Waiting { calls: 0, ..old });
                noted.calls += old.calls;
                noted.first_at = noted.first_at.min(old.first_at);
            }
            return Err(error.into());
        }
        Ok(())
    }

    /// Who called, what, how often, and when last; the latest first; of one company, where one is given.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_legacy_calls(&self, company: Option<CompanyId>) -> Result<Vec<LegacyCall>, Error> {
        self.write_legacy_calls().await?;
        Ok(self.store.read(async move |tx: &mut Tx<'_>| legacy_calls::list(tx, company, LISTED).await).await?)
    }
}
