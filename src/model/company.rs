//! Companies and the e-mail domains that they own.

use super::Invalid;
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
