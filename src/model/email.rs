//! E-mail addresses. One canonical form decides equality; the written form is kept beside it.

use std::fmt;

use super::Invalid;
use super::company::Domain;
use super::id::UserId;
use super::text::{fold, is_invisible};

/// The most characters that an address may have (contract, shared facts).
pub const ADDRESS_LENGTH: usize = 200;

/// The domain of those who have no address.
const NOWHERE: &str = "no-address.invalid";

/// An address as its owner writes it, and the key by which it is found.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    written: String,
    key: String,
    domain: Domain,
}

impl Email {
    /// Reads an address: a dot-atom of any script (RFC 5321 section 4.1.2, RFC 6531), `@`, a domain.
    ///
    /// # Errors
    /// When the text is not such an address or is longer than 200 characters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let written = text.trim();
        if written.chars().count() > ADDRESS_LENGTH {
            return Err(Invalid::new(format!("an e-mail address has at most {ADDRESS_LENGTH} characters")));
        }
        let wrong = || Invalid::new("an e-mail address is written as name@example.com");
        let (local, domain) = written.rsplit_once('@').ok_or_else(wrong)?;
        if !is_dot_atom(local) || written.contains(is_invisible) {
            return Err(wrong());
        }
        let domain = Domain::parse(domain).map_err(|_| wrong())?;
        let folded = fold(local);
        // Folding can bring forth what the written form hid, such as a full-width '＠'.
        if !is_dot_atom(&folded) {
            return Err(wrong());
        }
        let key = format!("{folded}@{}", domain.as_str());
        Ok(Self { written: written.to_owned(), key, domain })
    }

    /// Takes what the store holds. What was an address once stays one, whatever later rules say.
    pub fn from_stored(written: String, key: String) -> Self {
        let domain = key.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned();
        Self { written, key, domain: Domain::from_stored(domain) }
    }

    /// What stands in the place of an address for a user who has none: nobody can have it (RFC 2606, section 2).
    pub fn none(user: UserId) -> Self {
        let written = format!("{user}@{NOWHERE}");
        Self { key: written.clone(), written, domain: Domain::from_stored(NOWHERE.to_owned()) }
    }

    /// The address as it was written, if there is one.
    pub fn to_show(&self) -> Option<&str> {
        (self.domain.as_str() != NOWHERE).then_some(self.written.as_str())
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The canonical form: two addresses are the same when their keys are.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({})", self.key)
    }
}

/// RFC 5321 section 4.1.2 `Dot-string`, with the characters beyond ASCII of RFC 6531.
fn is_dot_atom(local: &str) -> bool {
    let atom = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
        } else {
            !c.is_control() && !c.is_whitespace()
        }
    };
    local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> String {
        Email::parse(text).map(|email| email.key().to_owned()).unwrap_or_default()
    }

    #[test]
    fn twins_have_one_key() {
        for (one, other) in [
            ("ada@acme.example", "ADA@ACME.EXAMPLE"),
            ("  ada@acme.example ", "ada@acme.example"),
            ("jos\u{e9}@acme.example", "jose\u{301}@acme.example"),
            ("\u{212a}im@acme.example", "kim@acme.example"),
            ("stra\u{df}e@acme.example", "STRASSE@acme.example"),
            ("\u{3c3}\u{3c2}@acme.example", "\u{3a3}\u{3a3}@acme.example"),
            ("ada@b\u{fc}cher.example", "ada@xn--bcher-kva.example"),
            ("\u{ff41}da@acme.example", "ada@acme.example"),
        ] {
            assert_eq!(key(one), key(other));
            assert_ne!(key(one), "");
        }
    }

    #[test]
    fn the_written_form_is_kept() {
        let email = Email::parse(" Ada.Lovelace@Acme.Example ");
        assert_eq!(email.map(|email| email.to_string()), Ok("Ada.Lovelace@Acme.Example".to_owned()));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("a@{}.example", "a".repeat(200));
        for wrong in [
            "",
            "@",
            "a",
            "@a.example",
            "a@",
            "a b@a.example",
            "a@a@b.example",
            ".a@a.example",
            "a..b@a.example",
            "a.@a.example",
            "a@a..example",
            "a\u{0}@a.example",
            "a\u{200b}@a.example",
            "\"a\"@a.example",
            "a@a\u{200b}.example",
            "a\u{2800}@a.example",
            "a\u{ff20}b@a.example",
            "<a@a.example>",
            "a@a.example,b@a.example",
            &long,
        ] {
            assert!(Email::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_an_address_with_the_same_key(local in "\\PC{1,20}", domain in "[a-zA-Zäöüß]{1,10}\\.example") {
            if let Ok(email) = Email::parse(&format!("{local}@{domain}")) {
                prop_assert_eq!(key(email.key()), email.key());
            }
        }
    }
}
