//! How often something may be done: `N/period`.

use std::time::Duration;

use super::Invalid;
use super::clock::parse_duration;

/// `burst` at once, refilled evenly over `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    period: Duration,
}

impl Quota {
    /// Reads `600/1m`.
    ///
    /// # Errors
    /// When it is not a number from 1 to 1,000,000, a slash, and a length of time from 1s to 1d.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong =
            || Invalid::new("a rate limit is written as N/period, such as 600/1m (1 to 1000000, 1s to 1d), or off");
        let (burst, period) = text.split_once('/').ok_or_else(wrong)?;
        let burst = burst.trim().parse().map_err(|_| wrong())?;
        let period = parse_duration(period.trim()).map_err(|_| wrong())?;
        let in_range = (1..=1_000_000).contains(&burst)
            && (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&period);
        in_range.then_some(Self { burst, period }).ok_or_else(wrong)
    }

    /// How many at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// The time in which that many are refilled.
    pub fn period(self) -> Duration {
        self.period
    }

    /// The time in which one is refilled.
    pub fn interval(self) -> Duration {
        self.period / self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_has_a_number_and_a_period() {
        let quota = Quota::parse("600/1m");
        assert_eq!(quota.map(|quota| (quota.burst(), quota.period())), Ok((600, Duration::from_mins(1))));
        for wrong in ["", "600", "0/1m", "600/", "600/0s", "-1/1m", "1000001/1m", "600/2d", "a/1m", "600/1ms"] {
            assert!(Quota::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
