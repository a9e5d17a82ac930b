//! Time as an argument: only the edge of the program makes a [`SystemClock`], tests move a [`ManualClock`].

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Invalid;

/// Whole microseconds; the greatest number for what is longer than 292,000 years.
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// An instant, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds since 1970, 0 for what lies before.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// This instant moved into the future; the far end of time when the sum lies beyond it.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// The time from an earlier instant to this one.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This instant moved into the past.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

/// RFC 3339 in UTC, such as `2026-11-23T13:33:01.123456Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{}µs", self.0),
        }
    }
}

/// Reads RFC 3339 with an offset.
impl FromStr for Timestamp {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_microsecond()))
            .map_err(|_| Invalid::new("an instant is written as in RFC 3339, such as 2026-11-23T13:33:01Z"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the time is.
pub trait Clock: Send + Sync {
    /// The instant by the calendar; may jump when the host's clock is set.
    fn now(&self) -> Timestamp;

    /// The time since some fixed start; never goes back, and goes on while the machine sleeps. For limits, durations and
    /// leases.
    fn monotonic(&self) -> Duration;
}

/// The host's clocks.
pub struct SystemClock {
    started: Duration,
}

impl SystemClock {
    /// Starts counting [`Clock::monotonic`] now.
    pub fn start() -> Self {
        Self { started: since_boot() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the calendar")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }

    fn monotonic(&self) -> Duration {
        since_boot().saturating_sub(self.started)
    }
}

/// The time since the machine was started, that which it slept included (`CLOCK_BOOTTIME`).
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A clock that stands still until it is moved.
pub struct ManualClock {
    start: i64,
    elapsed: AtomicI64,
}

impl ManualClock {
    /// Stands at the given instant.
    pub fn at(start: Timestamp) -> Self {
        Self { start: start.0, elapsed: AtomicI64::new(0) }
    }

    /// Moves both of its hands forward.
    pub fn advance(&self, duration: Duration) {
        self.elapsed.fetch_add(micros(duration), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.start + self.elapsed.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.elapsed.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

/// Reads a length of time such as `90d`, `12h` or `1h30m`; a day has 24 hours, a week 7 days.
///
/// # Errors
/// When the text is no length of time, is zero or negative, or is longer than 100 years.
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    const CENTURY: Duration = Duration::from_secs(100 * 366 * 24 * 3600);
    let wrong = || Invalid::new(format!("'{text}' is no length of time; write it as 90d, 12h or 30m"));
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let signed = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    let duration = Duration::try_from(signed).map_err(|_| wrong())?;
    if duration.is_zero() || duration > CENTURY {
        return Err(Invalid::new(format!("'{text}' is out of range: more than nothing, at most 100 years")));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_what_it_wrote() {
        let instant = Timestamp(1_795_440_781_123_456);
        assert_eq!(instant.to_string(), "2026-11-23T13:33:01.123456Z");
        assert_eq!(instant.to_string().parse(), Ok(instant));
    }

    #[test]
    fn durations_have_units_and_bounds() {
        assert_eq!(parse_duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for wrong in ["", "90", "0d", "-1d", "d", "200y", "99999999999d", "90 dogs"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
