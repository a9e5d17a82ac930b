//! Rate limits: the generic cell rate algorithm, per credential and per address; in this process and, where there is a
//! Redis server, [shared](shared) by all nodes.

mod shared;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::model::actor::Credential;
use crate::model::quota::Quota;
pub use shared::SharedLimit;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A credential that was let in.
    Credential(Credential),
    /// An address that showed none, or a wrong one.
    Address(IpAddr),
}

impl Key {
    /// The address of a client; of IPv6, the /64 network, of which a client has as many addresses as it likes.
    pub(super) fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::Address(address.into()),
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
                Self::Address(network.into())
            }
        }
    }
}

/// What the limit says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    quota: Quota,
    /// Whether the request goes on.
    pub(super) allowed: bool,
    remaining: u32,
    /// Until all is refilled when allowed, until the next is let in when not.
    reset: Duration,
}

impl Decision {
    /// How many of the quota are used up.
    pub(super) fn used(&self) -> u32 {
        self.quota.burst() - self.remaining
    }

    /// Writes what Kong sends: `RateLimit-*`, `X-RateLimit-*-<Period>` and, when refused, `Retry-After`.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let (limit, remaining) = (self.quota.burst(), self.remaining);
        let reset = self.reset.as_nanos().div_ceil(1_000_000_000).max(1);
        let reset = u64::try_from(reset).unwrap_or(u64::MAX);
        headers.insert(HeaderName::from_static("ratelimit-limit"), limit.into());
        headers.insert(HeaderName::from_static("ratelimit-remaining"), remaining.into());
        headers.insert(HeaderName::from_static("ratelimit-reset"), reset.into());
        if let Some((limit_name, remaining_name)) = period_headers(self.quota.period()) {
            headers.insert(limit_name, limit.into());
            headers.insert(remaining_name, remaining.into());
        }
        if !self.allowed {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(reset));
        }
    }
}

/// Kong names a window by its unit; a period that is no unit has no such header.
fn period_headers(period: Duration) -> Option<(HeaderName, HeaderName)> {
    let (limit, remaining) = match period.as_secs() {
        1 => ("x-ratelimit-limit-second", "x-ratelimit-remaining-second"),
        60 => ("x-ratelimit-limit-minute", "x-ratelimit-remaining-minute"),
        3_600 => ("x-ratelimit-limit-hour", "x-ratelimit-remaining-hour"),
        86_400 => ("x-ratelimit-limit-day", "x-ratelimit-remaining-day"),
        _ => return None,
    };
    Some((HeaderName::from_static(limit), HeaderName::from_static(remaining)))
}

/// One step of the algorithm. `arrival` is the theoretical arrival time that was kept, `now` the monotonic time;
/// gives the arrival time to keep. A refused request keeps what there was.
fn step(arrival: Duration, now: Duration, quota: Quota) -> (Duration, Decision) {
    let next = arrival.max(now) + quota.interval();
    let debt = next.saturating_sub(now);
    let decision = decide(debt, quota);
    (if decision.allowed { next } else { arrival }, decision)
}

/// What follows from the debt that a request would leave: how far ahead of its time it comes.
fn decide(debt: Duration, quota: Quota) -> Decision {
    let interval = quota.interval();
    let tolerance = interval * quota.burst();
    if debt <= tolerance {
        let left = tolerance.saturating_sub(debt).as_nanos() / interval.as_nanos().max(1);
        let remaining = u32::try_from(left).unwrap_or(u32::MAX).min(quota.burst());
        Decision { quota, allowed: true, remaining, reset: debt }
    } else {
        Decision { quota, allowed: false, remaining: 0, reset: debt.saturating_sub(tolerance) }
    }
}

const SHARDS: usize = 16;
/// The most that are counted at once: some 100 MB at worst.
const KEYS_PER_SHARD: usize = 65_536;

/// Counts everybody who asks.
pub(super) struct Limiter {
    quota: Option<Quota>,
    shared: Option<SharedLimit>,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

impl Limiter {
    /// `None` lets everything through.
    pub(super) fn new(quota: Option<Quota>, shared: Option<SharedLimit>) -> Self {
        Self { quota, shared, hasher: RandomState::new(), shards: Default::default() }
    }

    /// Whether a request would be refused now, without counting it.
    pub(super) fn is_exhausted(&self, key: Key, now: Duration) -> bool {
        let Some(quota) = self.quota else { return false };
        self.shard(&key).get(&key).is_some_and(|arrival| !step(*arrival, now, quota).1.allowed)
    }

    /// Counts one request; `None` where there is no limit.
    ///
    /// What comes to this node alone is counted in any case: it is a part of all, and holds when Redis is gone.
    pub(super) async fn check(&self, key: Key, now: Duration) -> Option<Decision> {
        let own = self.check_here(key, now)?;
        match (&self.shared, self.quota) {
            (Some(shared), Some(quota)) if own.allowed => {
                Some(Box::pin(shared.check(key, quota, now)).await.unwrap_or(own))
            }
            _ => Some(own),
        }
    }

    /// Whether the nodes share their counts at present; `None` where they were not asked to.
    pub(super) fn is_shared(&self, now: Duration) -> Option<bool> {
        self.shared.as_ref().map(|shared| shared.is_there(now))
    }

    fn check_here(&self, key: Key, now: Duration) -> Option<Decision> {
        let quota = self.quota?;
        let mut shard = self.shard(&key);
        let (arrival, decision) = step(shard.get(&key).copied().unwrap_or_default(), now, quota);
        if shard.len() >= KEYS_PER_SHARD && !shard.contains_key(&key) {
            make_room(&mut shard, now);
        }
        shard.insert(key, arrival);
        Some(decision)
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Shard = HashMap<Key, Duration>;

/// Forgets those whose quota is full again; if that frees too little, the half that used least of theirs.
fn make_room(shard: &mut Shard, now: Duration) {
    shard.retain(|_, arrival| *arrival > now);
    if shard.len() > KEYS_PER_SHARD / 2 {
        let mut arrivals: Vec<Duration> = shard.values().copied().collect();
        let middle = arrivals.len() / 2;
        let (_, median, _) = arrivals.select_nth_unstable(middle);
        let median = *median;
        shard.retain(|_, arrival| *arrival > median);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quota(text: &str) -> Quota {
        Quota::parse(text).unwrap()
    }

    #[test]
    fn a_burst_is_let_in_and_then_one_an_interval() {
        let limiter = Limiter::new(Some(quota("3/1m")), None);
        let key = Key::address([127, 0, 0, 1].into());
        let mut now = Duration::from_secs(1000);
        let ask = |now| limiter.check_here(key, now).unwrap();
        assert_eq!(
            [ask(now), ask(now), ask(now)].map(|decision| (decision.allowed, decision.remaining)),
            [(true, 2), (true, 1), (true, 0)]
        );
        let refused = ask(now);
        assert!(!refused.allowed);
        assert_eq!(refused.reset, Duration::from_secs(20));
        now += refused.reset;
        assert!(ask(now).allowed);
        assert!(!ask(now).allowed);
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_is_ipv4() {
        let key = |text: &str| Key::address(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn a_flood_of_addresses_is_forgotten_before_those_who_used_most() {
        let limiter = Limiter::new(Some(quota("600/1m")), None);
        let now = Duration::from_secs(1);
        let busy = Key::address([192, 0, 2, 1].into());
        for _ in 0..600 {
            limiter.check_here(busy, now);
        }
        for address in 0..2 * (SHARDS * KEYS_PER_SHARD) as u128 {
            limiter.check_here(Key::Address(Ipv6Addr::from_bits(address << 64).into()), now);
        }
        let kept: usize = limiter.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * KEYS_PER_SHARD);
        assert!(!limiter.check_here(busy, now).unwrap().allowed);
    }

    proptest! {
        /// In no stretch of time are more let in than the burst and what was refilled meanwhile.
        #[test]
        fn never_more_than_the_quota(burst in 1u32..50, period in 1u64..3600, steps in prop::collection::vec(0u64..5_000, 1..300)) {
            let quota = quota(&format!("{burst}/{period}s"));
            let (mut arrival, mut now, mut allowed) = (Duration::ZERO, Duration::ZERO, Vec::new());
            for step_by in steps {
                now += Duration::from_millis(step_by);
                let (kept, decision) = step(arrival, now, quota);
                arrival = kept;
                if decision.allowed {
                    allowed.push(now);
                } else {
                    prop_assert!(step(arrival, now + decision.reset, quota).1.allowed);
                }
            }
            for (first, from) in allowed.iter().enumerate() {
                for (last, to) in allowed.iter().enumerate().skip(first) {
                    let refilled = to.saturating_sub(*from).as_nanos() / quota.interval().as_nanos();
                    prop_assert!((last - first) as u128 <= u128::from(burst) + refilled);
                }
            }
        }
    }
}
