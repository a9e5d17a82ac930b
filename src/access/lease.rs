//! How long a node may trust what it remembers.
//!
//! A lease is counted from before its renewal was sent, on the node's own clocks: on one that goes on while the machine
//! sleeps, and on the calendar, which a virtual machine that stood still is told of; whichever has gone further decides.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use crate::model::clock::{Clock, Timestamp, micros};
use crate::store::LEASE;

/// How much of the time that writers wait a node trusts itself: its clock may be slower than theirs by a tenth.
const TRUSTED: Duration = Duration::from_millis(1800);
const _: () = assert!(TRUSTED.as_millis() * 10 <= LEASE.as_millis() * 9);

/// An instant on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) monotonic: Duration,
    pub(super) calendar: Timestamp,
}

impl Now {
    pub(super) fn read(clock: &dyn Clock) -> Self {
        Self { monotonic: clock.monotonic(), calendar: clock.now() }
    }
}

/// A node's lease.
pub(super) struct Lease {
    held: AtomicBool,
    begun: AtomicI64,
    begun_by_calendar: AtomicI64,
}

const NEVER: i64 = i64::MIN;

impl Lease {
    pub(super) fn none() -> Self {
        Self { held: AtomicBool::new(false), begun: AtomicI64::new(NEVER), begun_by_calendar: AtomicI64::new(NEVER) }
    }

    /// Whether what is remembered may be trusted at this instant.
    pub(super) fn is_alive(&self, now: Now) -> bool {
        // One of them may be read from before a renewal and the other from after: then the older one decides.
        let by_calendar = Timestamp(self.begun_by_calendar.load(Ordering::SeqCst));
        self.held.load(Ordering::SeqCst)
            && self.age(now).is_some_and(|age| age < TRUSTED)
            && now.calendar.0.saturating_sub(by_calendar.0) < micros(TRUSTED)
    }

    /// How old the view is: the time since the begin of the last renewal; `None` before the first.
    pub(super) fn age(&self, now: Now) -> Option<Duration> {
        let begun = self.begun.load(Ordering::SeqCst);
        let age = micros(now.monotonic).saturating_sub(begun);
        (begun != NEVER).then(|| Duration::from_micros(u64::try_from(age).unwrap_or(0)))
    }

    /// Holds from an instant before the log was read for it.
    pub(super) fn renew(&self, begun: Now) {
        self.begun_by_calendar.store(begun.calendar.0, Ordering::SeqCst);
        self.begun.store(micros(begun.monotonic), Ordering::SeqCst);
        self.held.store(true, Ordering::SeqCst);
    }

    /// Trusts nothing from now on.
    pub(super) fn drop(&self) {
        self.held.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic: u64, calendar: i64) -> Now {
        Now { monotonic: Duration::from_millis(monotonic), calendar: Timestamp(calendar * 1000) }
    }

    #[test]
    fn a_lease_lives_from_the_begin_of_its_renewal_until_one_of_the_clocks_says_it_is_over() {
        let lease = Lease::none();
        assert!(!lease.is_alive(at(0, 0)));
        lease.renew(at(1000, 50_000));
        assert!(lease.is_alive(at(1000, 50_000)) && lease.is_alive(at(2799, 51_799)));
        assert!(!lease.is_alive(at(2800, 50_000)), "by the clock that counts");
        assert!(!lease.is_alive(at(1000, 51_800)), "by the calendar");
        lease.renew(at(2700, 51_700));
        assert!(lease.is_alive(at(2800, 51_800)));
        lease.drop();
        assert!(!lease.is_alive(at(2800, 51_800)));
        assert_eq!(lease.age(at(2800, 51_800)), Some(Duration::from_millis(100)), "the view is there all the same");
    }
}
