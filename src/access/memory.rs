//! What the gate remembers, and how it learns what no longer holds.
//!
//! An entry counts when its holder's access has not changed since the look-up that it came from began. Changes stand in a
//! log in the database; the memory is told of them in turns, and each turn is a place. So a look-up that raced a change
//! leaves an entry that is older than the change, and never counts.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

use crate::model::actor::Actor;
use crate::model::clock::Timestamp;
use crate::model::id::UserId;
use crate::model::secret::SecretDigest;
use crate::store::{services, sessions, tokens};

/// How many entries the memory makes room for at once.
const FIRST: usize = 1_000;
/// How many changed holders are kept apart; beyond that everything is forgotten instead.
const CHANGED: usize = 50_000;

/// What stands in the database behind a secret.
#[derive(Debug, Clone)]
pub(super) enum Held {
    Token(tokens::Held),
    Session(sessions::Held),
    Service(services::Held),
}

impl Held {
    /// Under whom the log of changes has it.
    fn holder(&self) -> UserId {
        match self {
            Self::Token(held) => held.identity.user,
            Self::Session(held) => match &held.actor {
                Actor::User(identity) => identity.user,
                Actor::BreakGlass(glass) => UserId(glass.company.0),
                Actor::Provisioner(provisioner) => UserId(provisioner.service.0),
                Actor::Operator => UserId(uuid::Uuid::nil()),
            },
            Self::Service(held) => UserId(held.service.id.0),
        }
    }

    fn last_used(&self) -> Option<Timestamp> {
        match self {
            Self::Token(held) => held.last_used_at,
            Self::Session(held) => Some(held.last_seen_at),
            Self::Service(_) => None,
        }
    }
}

/// A credential and its holder as they were at a place in the log.
pub(super) struct Entry {
    pub(super) held: Held,
    read_at: Place,
    used: AtomicI64,
}

impl Entry {
    pub(super) fn new(held: Held, read_at: Place, pending_use: Option<Timestamp>) -> Self {
        let used = held.last_used().max(pending_use).map_or(NEVER, |at| at.0);
        Self { held, read_at, used: AtomicI64::new(used) }
    }

    /// The last use that was noted, written down or about to be.
    pub(super) fn used(&self) -> Option<Timestamp> {
        let used = self.used.load(Ordering::Relaxed);
        (used != NEVER).then_some(Timestamp(used))
    }

    /// Notes a use; `false` when another has done so meanwhile.
    pub(super) fn note(&self, before: Option<Timestamp>, now: Timestamp) -> bool {
        let before = before.map_or(NEVER, |at| at.0);
        self.used.compare_exchange(before, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

const NEVER: i64 = i64::MIN;

/// A place in the log of changes, as this memory was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Counts how often everything was forgotten: what was read before that says nothing any more.
    era: u64,
    /// Counts the turns.
    turn: u64,
}

pub(super) struct Memory {
    entries: Cache<SecretDigest, Arc<Entry>>,
    era: AtomicU64,
    turn: AtomicU64,
    /// From which turn on what was read of a holder counts.
    changed: papaya::HashMap<UserId, u64>,
    telling: Mutex<()>,
}

impl Memory {
    /// Remembers up to so many; the least used are forgotten.
    pub(super) fn new(most: usize) -> Self {
        let (weighter, hasher, life) = (UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self {
            entries: Cache::with(FIRST.min(most), most as u64, weighter, hasher, life),
            era: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            changed: papaya::HashMap::new(),
            telling: Mutex::new(()),
        }
    }

    /// Where the memory stands in the log. What is read from the database from now on is at least as new.
    pub(super) fn place(&self) -> Place {
        Place { era: self.era.load(Ordering::SeqCst), turn: self.turn.load(Ordering::SeqCst) }
    }

    /// The entry of a secret, if it still counts after what was told.
    pub(super) fn get(&self, digest: &SecretDigest) -> Option<Arc<Entry>> {
        let entry = self.entries.get(digest)?;
        let changed = self.changed.pin().get(&entry.held.holder()).copied();
        // Looked at last: when everything is forgotten, the era changes before the changes are gone.
        let counts = changed.is_none_or(|turn| entry.read_at.turn >= turn)
            && entry.read_at.era == self.era.load(Ordering::SeqCst);
        counts.then_some(entry)
    }

    /// Keeps what a look-up found that began at the entry's place.
    pub(super) fn insert(&self, digest: SecretDigest, entry: Arc<Entry>) {
        self.entries.insert(digest, entry);
    }

    /// How many are remembered, those that do not count any more included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets these holders, or everybody. When it has returned, nothing counts any more that was read of them before.
    pub(super) fn forget(&self, holders: Option<&[UserId]>) {
        let _one_turn_at_a_time = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.load(Ordering::SeqCst) + 1;
        match holders {
            Some(holders) if self.changed.len() + holders.len() <= CHANGED => {
                let changed = self.changed.pin();
                for holder in holders {
                    changed.insert(*holder, turn);
                }
            }
            _ => {
                self.era.fetch_add(1, Ordering::SeqCst);
                self.changed.pin().clear();
                self.entries.clear();
            }
        }
        // Last: a look-up that begins at this place reads what the changes left.
        self.turn.store(turn, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::ServiceId;
    use crate::model::service::{Purpose, Service};

    fn entry(holder: u128, place: Place) -> Arc<Entry> {
        let service = Service {
            purpose: Purpose::Checks,
            id: ServiceId(uuid::Uuid::from_u128(holder)),
            company: None,
            name: "test".to_owned(),
            hint: "test".to_owned(),
            created_at: Timestamp(0),
        };
        Arc::new(Entry::new(Held::Service(services::Held { service: Arc::new(service), ended: false }), place, None))
    }

    fn holder(holder: u128) -> UserId {
        UserId(uuid::Uuid::from_u128(holder))
    }

    const ONE: SecretDigest = SecretDigest([1; 32]);
    const TWO: SecretDigest = SecretDigest([2; 32]);

    #[test]
    fn what_is_remembered_counts_until_its_holder_changes() {
        let memory = Memory::new(10);
        memory.insert(ONE, entry(1, memory.place()));
        memory.insert(TWO, entry(2, memory.place()));
        assert!(memory.get(&ONE).is_some() && memory.get(&TWO).is_some());
        memory.forget(Some(&[holder(1)]));
        assert!(memory.get(&ONE).is_none() && memory.get(&TWO).is_some());
        memory.insert(ONE, entry(1, memory.place()));
        assert!(memory.get(&ONE).is_some());
        memory.forget(None);
        assert!(memory.get(&ONE).is_none() && memory.get(&TWO).is_none());
    }

    #[test]
    fn a_look_up_that_raced_a_change_never_counts() {
        for holders in [Some(&[holder(1)][..]), None] {
            let memory = Memory::new(10);
            let begun = memory.place();
            memory.forget(holders);
            memory.insert(ONE, entry(1, begun));
            assert!(memory.get(&ONE).is_none());
        }
    }

    #[test]
    fn too_many_changes_forget_everybody() {
        let memory = Memory::new(10);
        memory.insert(ONE, entry(1, memory.place()));
        let many: Vec<_> = (2..=u128::try_from(CHANGED).unwrap()).map(holder).collect();
        memory.forget(Some(&many));
        assert!(memory.get(&ONE).is_some());
        memory.forget(Some(&[holder(200_000), holder(200_001)]));
        assert!(memory.get(&ONE).is_none());
    }
}
