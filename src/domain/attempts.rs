//! Guessing passwords gets slow: each failure makes the next answers about the same account, and to the same address,
//! wait longer. Nobody is locked out: a stranger can make the owner wait for seconds, and not longer.

use std::collections::HashSet;
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

/// Who failed how often.
pub(super) struct Attempts {
    accounts: Cache<String, Count>,
    addresses: Cache<IpAddr, Count>,
    running: Mutex<HashSet<(String, IpAddr)>>,
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Duration,
}

/// One try that may go on, after its wait.
pub(super) struct Attempt {
    attempts: Arc<Attempts>,
    account: String,
    address: IpAddr,
    /// How long to wait first.
    pub(super) wait: Duration,
    /// How often it failed for this account before.
    pub(super) failures: u32,
    exclusive: bool,
}

impl Attempts {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            accounts: Cache::new(REMEMBERED),
            addresses: Cache::new(REMEMBERED),
            running: Mutex::default(),
        })
    }

    /// Begins a try at this account, which may or may not exist. `None` when the account waits already for another try
    /// from the same address: guessing side by side is not faster.
    pub(super) fn begin(self: &Arc<Self>, account: &str, address: Option<IpAddr>, now: Duration) -> Option<Attempt> {
        let address = network(address);
        let of_account = failures(&self.accounts, account, now);
        let of_address = failures(&self.addresses, &address, now);
        let wait = wait(of_account, FREE_OF_ACCOUNT).max(wait(of_address, FREE_OF_ADDRESS));
        let exclusive = !wait.is_zero();
        if exclusive {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            if !running.insert((account.to_owned(), address)) {
                return None;
            }
        }
        Some(Attempt {
            attempts: Arc::clone(self),
            account: account.to_owned(),
            address,
            wait,
            failures: of_account,
            exclusive,
        })
    }
}

fn failures<K, Q>(counts: &Cache<K, Count>, key: &Q, now: Duration) -> u32
where
    K: Hash + Eq,
    Q: Hash + Equivalent<K> + ?Sized,
{
    counts.get(key).filter(|count| now < count.last + MEMORY).map_or(0, |count| count.failures)
}

impl Attempt {
    /// Counts a failure.
    pub(super) fn failed(&self, now: Duration) {
        let attempts = &self.attempts;
        let of_account = failures(&attempts.accounts, self.account.as_str(), now);
        attempts.accounts.insert(self.account.clone(), Count { failures: of_account.saturating_add(1), last: now });
        let of_address = failures(&attempts.addresses, &self.address, now);
        attempts.addresses.insert(self.address, Count { failures: of_address.saturating_add(1), last: now });
    }

    /// Forgets the account's failures; those of the address stay, or one good account would pay for guessing at others.
    pub(super) fn succeeded(&self) {
        self.attempts.accounts.remove(self.account.as_str());
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.exclusive {
            let mut running = self.attempts.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.remove(&(std::mem::take(&mut self.account), self.address));
        }
    }
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

    fn fail(attempts: &Arc<Attempts>, account: &str, address: &str, times: u32) {
        for _ in 0..times {
            attempts.begin(account, Some(address.parse().unwrap()), START).unwrap().failed(START);
        }
    }

    fn wait_of(attempts: &Arc<Attempts>, account: &str, address: &str, now: Duration) -> u128 {
        attempts.begin(account, Some(address.parse().unwrap()), now).unwrap().wait.as_millis()
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
    fn guesses_side_by_side_from_one_address_are_refused_once_there_is_a_wait() {
        let attempts = Attempts::new();
        fail(&attempts, "ada", "192.0.2.1", 5);
        let address = Some("192.0.2.1".parse().unwrap());
        let first = attempts.begin("ada", address, START);
        assert!(first.is_some() && attempts.begin("ada", address, START).is_none());
        assert!(attempts.begin("ada", Some("192.0.2.2".parse().unwrap()), START).is_some(), "the owner, elsewhere");
        drop(first);
        assert!(attempts.begin("ada", address, START).is_some());
    }

    #[test]
    fn success_and_time_forgive() {
        let attempts = Attempts::new();
        fail(&attempts, "ada", "192.0.2.1", 9);
        assert_eq!(wait_of(&attempts, "ada", "192.0.2.1", START + MEMORY), 0);
        attempts.begin("ada", None, START).unwrap().succeeded();
        assert_eq!(wait_of(&attempts, "ada", "192.0.2.1", START), 0);
    }
}
