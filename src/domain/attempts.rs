//! Guessing passwords gets slow: each failure makes the next answers about the same account, and to the same address,
//! wait longer. Nobody is locked out: a stranger can make the owner wait for seconds, and not longer.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::Equivalent;
use quick_cache::sync::Cache;

/// How many failures about an account are answered at once.
const FREE_OF_ACCOUNT: u32 = 5;
/// How many failures of an address are: behind it may stand an office.
const FREE_OF_ADDRESS: u32 = 20;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// After so long without a failure all is forgotten.
const MEMORY: Duration = Duration::from_mins(15);
/// How many accounts, and how many addresses, are remembered.
const REMEMBERED: usize = 100_000;

/// How many tries at one account from one address wait for each other; further ones are refused.
const QUEUE: u32 = 4;

/// Who failed how often. A try counts as a failure from its begin on, so that tries side by side count too.
pub(super) struct Attempts {
    accounts: Cache<String, Count>,
    addresses: Cache<IpAddr, Count>,
    /// How many tries at an account from an address wait; also the lock under which all counts change.
    waiting: Mutex<HashMap<(String, IpAddr), u32>>,
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Duration,
}

/// One try that may go on, after its wait. Dropped without a word, it was nobody's failure.
pub(super) struct Attempt {
    attempts: Arc<Attempts>,
    account: String,
    address: IpAddr,
    /// How long to wait first.
    pub(super) wait: Duration,
    /// How often it failed for this account before.
    pub(super) failures: u32,
    failed: bool,
}

impl Attempts {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            accounts: Cache::new(REMEMBERED),
            addresses: Cache::new(REMEMBERED),
            waiting: Mutex::default(),
        })
    }

    /// Begins a try at this account, which may or may not exist. `None` when a few others from the same address wait
    /// for it already: guessing side by side is not faster.
    pub(super) fn begin(self: &Arc<Self>, account: &str, address: Option<IpAddr>, now: Duration) -> Option<Attempt> {
        let (account, address) = (account.to_owned(), network(address));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = failures(&self.accounts, account.as_str(), now);
        let of_address = failures(&self.addresses, &address, now);
        let turn = wait(of_account, FREE_OF_ACCOUNT).max(wait(of_address, FREE_OF_ADDRESS));
        let key = (account.clone(), address);
        let before = waiting.get(&key).copied().unwrap_or(0);
        if !turn.is_zero() && before >= QUEUE {
            return None;
        }
        waiting.insert(key, before + 1);
        self.accounts.insert(account.clone(), Count { failures: of_account.saturating_add(1), last: now });
        self.addresses.insert(address, Count { failures: of_address.saturating_add(1), last: now });
        drop(waiting);
        // One after the other: each waits for its own turn and for those before it.
        let wait = turn * (before + 1);
        Some(Attempt { attempts: Arc::clone(self), account, address, wait, failures: of_account, failed: false })
    }
}

impl Attempt {
    /// It was a failure.
    pub(super) fn failed(mut self) {
        self.failed = true;
    }

    /// Forgets the account's failures; those of the address stay, or one good account would pay for guessing at others.
    pub(super) fn succeeded(self) {
        let _guard = self.attempts.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.attempts.accounts.remove(self.account.as_str());
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut waiting = self.attempts.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (std::mem::take(&mut self.account), self.address);
        if !self.failed {
            give_back(&self.attempts.accounts, &key.0);
            give_back(&self.attempts.addresses, &key.1);
        }
        if let Some(count) = waiting.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&key);
            }
        }
    }
}

fn give_back<K: Hash + Eq + Clone>(counts: &Cache<K, Count>, key: &K) {
    if let Some(count) = counts.get(key) {
        counts.insert(key.clone(), Count { failures: count.failures.saturating_sub(1), ..count });
    }
}

fn failures<K, Q>(counts: &Cache<K, Count>, key: &Q, now: Duration) -> u32
where
    K: Hash + Eq,
    Q: Hash + Equivalent<K> + ?Sized,
{
    counts.get(key).filter(|count| now < count.last + MEMORY).map_or(0, |count| count.failures)
}

fn wait(failures: u32, free: u32) -> Duration {
    match failures.checked_sub(free) {
        None => Duration::ZERO,
        Some(beyond) => (FIRST_WAIT * 2_u32.saturating_pow(beyond.min(16))).min(LONGEST_WAIT),
    }
}

/// Of IPv6 the /64 network, of which a client has as many addresses as it likes.
fn network(address: Option<IpAddr>) -> IpAddr {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        Some(address) => address,
        None => IpAddr::from([0, 0, 0, 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    fn begin(attempts: &Arc<Attempts>, account: &str, address: &str, now: Duration) -> Option<Attempt> {
        attempts.begin(account, Some(address.parse().unwrap()), now)
    }

    fn fail(attempts: &Arc<Attempts>, account: &str, address: &str, times: u32) {
        for _ in 0..times {
            begin(attempts, account, address, START).unwrap().failed();
        }
    }

    fn wait_of(attempts: &Arc<Attempts>, account: &str, address: &str, now: Duration) -> u128 {
        begin(attempts, account, address, now).unwrap().wait.as_millis()
    }

    #[test]
    fn guessing_at_an_account_gets_slower_up_to_four_seconds_from_everywhere() {
        let attempts = Attempts::new();
        let waits: Vec<u128> = (0..12)
            .map(|_| {
                let wait = wait_of(&attempts, "ada", "192.0.2.1", START);
                fail(&attempts, "ada", "192.0.2.1", 1);
                wait
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 250, 500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(wait_of(&attempts, "ada", "198.51.100.7", START), 4000);
        assert_eq!(wait_of(&attempts, "bob", "198.51.100.7", START), 0);
    }

    #[test]
    fn an_address_that_guesses_at_many_accounts_gets_slower_too() {
        let attempts = Attempts::new();
        for number in 0..21 {
            fail(&attempts, &format!("user{number}"), "2001:db8::1", 1);
        }
        assert_eq!(wait_of(&attempts, "ada", "2001:db8::2", START), 500, "the whole /64 network");
        assert_eq!(wait_of(&attempts, "ada", "2001:db8:0:1::2", START), 0);
    }

    #[test]
    fn guesses_side_by_side_count_from_their_begin_and_stand_in_line() {
        let attempts = Attempts::new();
        let side_by_side: Vec<_> = (0..50).map(|_| begin(&attempts, "ada", "192.0.2.1", START)).collect();
        assert_eq!(
            side_by_side.iter().flatten().count(),
            5,
            "those that are answered at once, and none waits beside them"
        );
        drop(side_by_side);
        fail(&attempts, "ada", "192.0.2.1", 5);
        let line: Vec<_> = (0..5).map(|_| begin(&attempts, "ada", "192.0.2.1", START)).collect();
        let waits: Vec<_> = line.iter().flatten().map(|attempt| attempt.wait.as_millis()).collect();
        assert_eq!(waits, [250, 1000, 3000, 8000], "each longer, and after those before it; the fifth is refused");
        assert!(begin(&attempts, "ada", "192.0.2.2", START).is_some(), "the owner, elsewhere");
    }

    #[test]
    fn what_was_nobodys_failure_does_not_count() {
        let attempts = Attempts::new();
        for _ in 0..50 {
            drop(begin(&attempts, "ada", "192.0.2.1", START));
        }
        assert_eq!(wait_of(&attempts, "ada", "192.0.2.1", START), 0);
    }

    #[test]
    fn success_and_time_forgive() {
        let attempts = Attempts::new();
        fail(&attempts, "ada", "192.0.2.1", 9);
        assert_eq!(wait_of(&attempts, "ada", "192.0.2.1", START + MEMORY), 0);
        fail(&attempts, "ada", "192.0.2.1", 9);
        begin(&attempts, "ada", "198.51.100.7", START).unwrap().succeeded();
        assert_eq!(wait_of(&attempts, "ada", "198.51.100.7", START), 0);
    }
}
