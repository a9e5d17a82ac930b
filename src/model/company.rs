//! Companies, the e-mail domains that they own, and what guards their people against a runaway sync.

use std::time::Duration;

use super::Invalid;
use super::actor::Door;
use super::clock::Timestamp;
use super::id::CompanyId;

/// A company. Every user belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Its identifier.
    pub id: CompanyId,
    /// Its name as it was written; no two companies have names that differ in case alone.
    pub name: String,
    /// The e-mail domains that it owns, in ASCII form, sorted.
    pub domains: Vec<Domain>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The longest that tokens of its users may live, in days; `None` is for ever.
    pub token_days: Option<u32>,
    /// Whether the identity provider may let back in whom somebody else stopped.
    pub provider_is_authority: bool,
    /// What stops a runaway sync.
    pub guard: Guard,
}

impl Company {
    /// A company as it is made: tokens live for ever, and the guard is the usual one.
    pub fn new(id: CompanyId, name: String, domains: Vec<Domain>, created_at: Timestamp) -> Self {
        let (token_days, guard) = (None, Guard::default());
        Self { id, name, domains, created_at, token_days, provider_is_authority: false, guard }
    }
}

/// How many people may lose access within a window before somebody has to say that it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Through which doors people are counted and kept.
    pub doors: GuardedDoors,
    /// At most so many.
    pub count: u32,
    /// At most so many of a hundred who were active when the window began; but always [`Guard::FEW`].
    pub percent: u32,
    /// How far back is counted.
    pub window: Duration,
    /// The last time that somebody said that more are meant.
    pub confirmed: Option<Confirmation>,
}

/// That somebody said that more people are to lose access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// When: who went before is not counted any more.
    pub at: Timestamp,
    /// How many may go from then on, within a window.
    pub allowance: u32,
}

impl Guard {
    /// So many may always go: a small company's leavers are a large part of it.
    pub const FEW: u64 = 3;

    /// The longest window.
    pub const LONGEST: Duration = Duration::from_hours(24 * 31);

    /// From when on people are counted, and how many may go.
    pub fn limit(&self, now: Timestamp, population: u64) -> (Timestamp, u64) {
        let begin = now.before(self.window);
        if let Some(confirmed) = self.confirmed.filter(|confirmed| confirmed.at > begin) {
            return (confirmed.at, confirmed.allowance.into());
        }
        let part = population.saturating_mul(self.percent.into()) / 100;
        (begin, part.max(Self::FEW).min(self.count.into()))
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self { doors: GuardedDoors::Scim, count: 100, percent: 20, window: Duration::from_hours(1), confirmed: None }
    }
}

/// Which doors are guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardedDoors {
    /// SCIM alone.
    Scim,
    /// Every door but the host's command line.
    All,
    /// None.
    Off,
}

impl GuardedDoors {
    /// Every choice that there is.
    pub const ALL: [Self; 3] = [Self::Scim, Self::All, Self::Off];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::All => "all",
            Self::Off => "off",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|doors| doors.as_str() == text)
    }

    /// Whether what comes through this door is counted and kept.
    pub fn cover(self, door: Door) -> bool {
        match self {
            Self::Scim => door == Door::Scim,
            Self::All => door != Door::CommandLine,
            Self::Off => false,
        }
    }
}

/// An e-mail domain in the one form that decides equality: ASCII, lower case (UTS 46).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// Reads a domain name, international or in ASCII.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new(format!("'{text}' is no e-mail domain; write it as example.com"));
        let name = text.trim();
        let name = name.strip_suffix('.').unwrap_or(name);
        let ascii = idna::domain_to_ascii_strict(name).map_err(|_| wrong())?;
        // A domain of digits and dots alone would be read as an address of a host.
        if ascii.is_empty() || ascii.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(wrong());
        }
        Ok(Self(ascii))
    }

    /// The stored form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes what the store holds.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// The form of a company's name that decides equality.
pub fn name_key(name: &str) -> String {
    super::text::fold(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_one_form() {
        let ascii = Domain::parse("xn--bcher-kva.example");
        assert!(ascii.is_ok());
        assert_eq!(Domain::parse("BÜCHER.example"), ascii);
        assert_eq!(Domain::parse("bu\u{308}cher.Example."), ascii);
    }

    #[test]
    fn what_is_no_domain_is_refused() {
        for wrong in ["", ".", "a b.example", "a..example", "-a.example", "10.0.0.1", "a@b.example", "exa_mple.com"] {
            assert!(Domain::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
