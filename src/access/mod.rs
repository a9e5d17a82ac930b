//! The hot path: a credential becomes an identity, by the state of this instant.
//!
//! Each authentication looks at the token *and* its owner's live status: a revoked token is refused, and so is a token
//! that no one revoked of an owner who is not active.
//!
//! What was found is remembered together with the revision of the database that it was found at, and counts only as
//! long as the database still has that revision. So there is nothing that a revocation, here or by another process, has
//! to reach first: its commit alone outdates everything. Where the engine can't tell its revision, every check asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::model::actor::Identity;
use crate::model::clock::{Clock, Timestamp};
use crate::model::id::TokenId;
use crate::model::secret::{PlainToken, TokenDigest};
use crate::model::user::Status;
use crate::store::tokens::Held;
use crate::store::{Result, Revision, Store, tokens};

/// How old the note of a token's last use may grow before a new one is written.
const USE_GRANULARITY: Duration = Duration::from_secs(600);
/// How many tokens are remembered at most; the least used are forgotten.
const REMEMBERED: usize = 100_000;
/// How many uses may wait to be written; more are not noted.
const PENDING_USES: usize = 100_000;

/// Lets credentials in or refuses them.
pub struct Gate {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    memory: Cache<TokenDigest, (Revision, Held)>,
    uses: Mutex<HashMap<TokenId, Timestamp>>,
}

/// Why a credential of the right form was refused. The caller is told none of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No such token was ever made.
    Unknown,
    /// It was deleted, or revoked with its owner.
    Ended,
    /// Its time is over.
    Expired,
    /// Its owner is suspended or deactivated.
    OwnerNotActive,
}

impl Refusal {
    /// A short name for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_token",
            Self::Ended => "ended_token",
            Self::Expired => "expired_token",
            Self::OwnerNotActive => "owner_not_active",
        }
    }
}

impl Gate {
    /// A gate to the users of this store.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, memory: Cache::new(REMEMBERED), uses: Mutex::default() }
    }

    /// Says whom a token speaks for at this instant, or why for nobody.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate(&self, token: &PlainToken) -> Result<std::result::Result<Arc<Identity>, Refusal>> {
        let Some(held) = self.look_up(token.digest()).await? else { return Ok(Err(Refusal::Unknown)) };
        let now = self.clock.now();
        if held.ended {
            return Ok(Err(Refusal::Ended));
        }
        if held.expires_at.is_some_and(|expires| expires <= now) {
            return Ok(Err(Refusal::Expired));
        }
        if held.identity.status != Status::Active {
            return Ok(Err(Refusal::OwnerNotActive));
        }
        self.note_use(held.identity.token, held.last_used_at, now);
        Ok(Ok(held.identity))
    }

    async fn look_up(&self, digest: TokenDigest) -> Result<Option<Held>> {
        // Before the read: what is read is at least as new, so a commit in between outdates it rightly.
        let revision = self.store.revision(self.clock.monotonic())?;
        if let Some(revision) = revision
            && let Some((at, held)) = self.memory.get(&digest)
            && at == revision
        {
            return Ok(Some(held));
        }
        let held = self.store.read(async move |tx| tokens::find_held(tx, digest).await).await?;
        if let (Some(revision), Some(held)) = (revision, &held) {
            self.memory.insert(digest, (revision, held.clone()));
        }
        Ok(held)
    }

    /// Writes down which tokens were used since the last call, in one transaction.
    ///
    /// # Errors
    /// Those of the store; the uses are then lost, which costs at most a stale *last used*.
    pub async fn write_uses(&self) -> Result<()> {
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        // Sorted, so that two nodes lock the same rows in the same order.
        let mut uses: Vec<_> = uses.into_iter().collect();
        uses.sort_unstable();
        for uses in uses.chunks(1000).map(<[_]>::to_vec) {
            self.store
                .write(async move |tx| {
                    for (token, at) in &uses {
                        tokens::note_use(tx, *token, *at).await?;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    fn note_use(&self, token: TokenId, noted: Option<Timestamp>, now: Timestamp) {
        if noted.is_some_and(|noted| now < noted.after(USE_GRANULARITY)) {
            return;
        }
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < PENDING_USES {
            uses.entry(token).or_insert(now);
        }
    }
}
