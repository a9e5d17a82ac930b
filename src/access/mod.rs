//! The hot path: a credential becomes an identity, by the state of this instant.
//!
//! Each authentication looks at the token *and* its owner's live status: a revoked token is refused, and so is a token
//! that no one revoked of an owner who is not active.
//!
//! What was found is remembered, and trusted only after every commit has been heard of that was there when the check
//! began ([`memory`]). So there is nothing that a revocation, here or by another process, has to reach first: its commit
//! alone outdates what was remembered. Where the engine can't tell for less than a read costs, every check asks.

mod memory;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use memory::Memory;

use crate::model::actor::Identity;
use crate::model::clock::{Clock, Timestamp};
use crate::model::id::TokenId;
use crate::model::secret::{PlainToken, TokenDigest};
use crate::model::user::Status;
use crate::store::tokens::Held;
use crate::store::{Result, Store, changes, tokens};

/// How old the note of a token's last use may grow before a new one is written.
const USE_GRANULARITY: Duration = Duration::from_secs(600);
/// How many uses may wait to be written; more are not noted.
const PENDING_USES: usize = 100_000;

/// Lets credentials in or refuses them.
pub struct Gate {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    memory: Memory,
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
        Self { store, clock, memory: Memory::new(), uses: Mutex::default() }
    }

    /// Says whom a token speaks for at this instant, or why for nobody.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate(&self, token: &PlainToken) -> Result<std::result::Result<Arc<Identity>, Refusal>> {
        let digest = token.digest();
        let now = self.clock.now();
        let Some(revision) = self.store.revision(self.clock.monotonic())? else {
            return Ok(match self.read(digest).await? {
                None => Err(Refusal::Unknown),
                Some(held) => judge(&held, now).inspect(|identity| {
                    if is_due(held.last_used_at, now) {
                        self.note_use(identity.token, now);
                    }
                }),
            });
        };
        let heard = self.memory.listen(&self.store, revision).await?;
        let entry = match self.memory.get(&digest) {
            Some(entry) => entry,
            None => match self.read(digest).await? {
                None => return Ok(Err(Refusal::Unknown)),
                Some(held) => self.memory.insert(digest, held, heard),
            },
        };
        Ok(judge(&entry.held, now).inspect(|identity| {
            if entry.is_worth_noting(now) {
                self.note_use(identity.token, now);
            }
        }))
    }

    async fn read(&self, digest: TokenDigest) -> Result<Option<Held>> {
        self.store.read(async move |tx| tokens::find_held(tx, digest).await).await
    }

    /// Writes down which tokens were used since the last call.
    ///
    /// # Errors
    /// Those of the store; the uses are then lost, which costs at most a stale *last used*.
    pub async fn write_uses(&self) -> Result<()> {
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        // Sorted, so that two nodes lock rows in the same order; few at once, so that nobody waits long for a row.
        let mut uses: Vec<_> = uses.into_iter().collect();
        uses.sort_unstable();
        for uses in uses.chunks(100).map(<[_]>::to_vec) {
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

    /// Forgets changes that every process has long heard of. To be called now and then.
    ///
    /// # Errors
    /// Those of the store; nothing is lost.
    pub async fn prune(&self) -> Result<()> {
        if self.store.revision(self.clock.monotonic())?.is_some() {
            self.store.write(async |tx| changes::prune(tx).await.map(|_| ())).await?;
        }
        Ok(())
    }

    fn note_use(&self, token: TokenId, now: Timestamp) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < PENDING_USES {
            uses.entry(token).or_insert(now);
        }
    }
}

/// Whether a use at this instant is to be written down, when the last one was at that.
fn is_due(noted: Option<Timestamp>, now: Timestamp) -> bool {
    noted.is_none_or(|noted| now >= noted.after(USE_GRANULARITY))
}

/// Whether a token lets its owner in at this instant.
fn judge(held: &Held, now: Timestamp) -> std::result::Result<Arc<Identity>, Refusal> {
    if held.ended {
        return Err(Refusal::Ended);
    }
    if held.expires_at.is_some_and(|expires| expires <= now) {
        return Err(Refusal::Expired);
    }
    if held.identity.status != Status::Active {
        return Err(Refusal::OwnerNotActive);
    }
    Ok(Arc::clone(&held.identity))
}
