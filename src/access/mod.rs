//! The hot path: a credential becomes an identity, by the state of this instant.
//!
//! Each authentication looks at the credential *and* its owner's live status: a revoked one is refused, and so is one
//! that nobody revoked of an owner who is not active.
//!
//! Of tokens, what was found is remembered, and trusted only after every commit has been heard of that was there when the check
//! began ([`memory`]). So there is nothing that a revocation, here or by another process, has to reach first: its commit
//! alone outdates what was remembered. Where the engine can't tell for less than a read costs, every check asks. So does
//! every check of a session: pages are few.

mod memory;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use memory::Memory;

use crate::model::actor::{Actor, Credential, Identity};
use crate::model::clock::{Clock, Timestamp};
use crate::model::id::SessionId;
use crate::model::secret::{Secret, SecretDigest};
use crate::model::session::Limits;
use crate::model::user::Status;
use crate::store::tokens::Held;
use crate::store::{Result, Store, changes, sessions, tokens};

/// How old the note of a token's last use may grow before a new one is written.
const TOKEN_GRANULARITY: Duration = Duration::from_mins(10);
/// The same of a session, which ends when it is not used; at most a tenth of the time after which it does.
const SESSION_GRANULARITY: Duration = Duration::from_mins(1);
/// How many uses may wait to be written; more are not noted.
const PENDING_USES: usize = 100_000;

/// Lets credentials in or refuses them.
pub struct Gate {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    memory: Memory,
    limits: Limits,
    uses: Mutex<HashMap<Credential, Timestamp>>,
}

/// Somebody in a browser, as the session stands at this instant.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Who acts.
    pub actor: Actor,
    /// By which session.
    pub session: SessionId,
    /// The name of the company that is acted for.
    pub company_name: String,
}

/// Why a credential of the right form was refused. The caller is told none of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No such credential was ever made.
    Unknown,
    /// It was ended, by itself or with its owner.
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
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self { store, clock, memory: Memory::new(), limits, uses: Mutex::default() }
    }

    /// Says whom a token speaks for at this instant, or why for nobody.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate(&self, token: &Secret) -> Result<std::result::Result<Arc<Identity>, Refusal>> {
        let digest = token.digest();
        let now = self.clock.now();
        let Some(revision) = self.store.revision(self.clock.monotonic())? else {
            return Ok(match self.read(digest).await? {
                None => Err(Refusal::Unknown),
                Some(held) => judge(&held, now).inspect(|identity| {
                    if is_due(held.last_used_at, now) {
                        self.note_use(identity.credential, now);
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
                self.note_use(identity.credential, now);
            }
        }))
    }

    /// Says who acts by a session at this instant, or why nobody does. `note` counts it as a use: what a page does by
    /// itself is none, and does not keep the session alive.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate_session(
        &self,
        secret: &Secret,
        note: bool,
    ) -> Result<std::result::Result<Visit, Refusal>> {
        let digest = secret.digest();
        let found = self.store.read(async move |tx| sessions::find_held(tx, digest).await).await?;
        let now = self.clock.now();
        let Some(held) = found else { return Ok(Err(Refusal::Unknown)) };
        if held.ended {
            return Ok(Err(Refusal::Ended));
        }
        let seen = self.last_use(held.session).map_or(held.last_seen_at, |pending| pending.max(held.last_seen_at));
        if held.expires_at <= now || seen <= self.limits.idle_since(now) {
            return Ok(Err(Refusal::Expired));
        }
        if matches!(&held.actor, Actor::User(identity) if identity.status != Status::Active) {
            return Ok(Err(Refusal::OwnerNotActive));
        }
        if note && now >= seen.after(SESSION_GRANULARITY.min(self.limits.idle / 10)) {
            self.note_use(Credential::Session(held.session), now);
        }
        Ok(Ok(Visit { actor: held.actor, session: held.session, company_name: held.company_name }))
    }

    async fn read(&self, digest: SecretDigest) -> Result<Option<Held>> {
        self.store.read(async move |tx| tokens::find_held(tx, digest).await).await
    }

    /// Writes down which credentials were used since the last call.
    ///
    /// # Errors
    /// Those of the store; what was not written is kept for the next call.
    pub async fn write_uses(&self) -> Result<()> {
        // Kept until they are written: a session whose use nobody knows of would seem to idle.
        let waiting = self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Sorted, so that two nodes lock rows in the same order; few at once, so that nobody waits long for a row.
        let mut waiting: Vec<_> = waiting.into_iter().collect();
        waiting.sort_unstable();
        for chunk in waiting.chunks(100) {
            let uses = chunk.to_vec();
            self.store
                .write(async move |tx| {
                    for (credential, at) in &uses {
                        match credential {
                            Credential::Token(id) => tokens::note_use(tx, *id, *at).await?,
                            Credential::Session(id) => sessions::note_use(tx, *id, *at).await?,
                        }
                    }
                    Ok(())
                })
                .await?;
            let mut pending = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            for (credential, at) in chunk {
                if pending.get(credential) == Some(at) {
                    pending.remove(credential);
                }
            }
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

    fn note_use(&self, credential: Credential, now: Timestamp) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < PENDING_USES {
            uses.insert(credential, now);
        }
    }

    /// A use of a session that was not written down yet.
    fn last_use(&self, session: SessionId) -> Option<Timestamp> {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.get(&Credential::Session(session)).copied()
    }
}

/// Whether a use of a token at this instant is to be written down, when the last one was at that.
fn is_due(noted: Option<Timestamp>, now: Timestamp) -> bool {
    noted.is_none_or(|noted| now >= noted.after(TOKEN_GRANULARITY))
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
