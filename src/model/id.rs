//! Identifiers. Each is a UUID; a type of its own keeps a user's from being taken for a token's.

use std::fmt;

use uuid::Uuid;

use super::entropy::Entropy;
use super::{Invalid, clock::Timestamp};

/// Reads the contract's form: 36 characters, lower case, `^[0-9a-f]{8}-…{12}$`.
fn parse_canonical(text: &str) -> Result<Uuid, Invalid> {
    let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    Uuid::try_parse(text).ok().filter(|_| canonical).ok_or_else(|| {
        Invalid::new("a UUID has 36 characters, lower case, such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427")
    })
}

macro_rules! identifier {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Reads the contract's form of a UUID: lower case, 36 characters.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                parse_canonical(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

identifier! {
    /// A company.
    CompanyId;
    /// A person on the platform. Never used again for somebody else.
    UserId;
    /// A personal access token; not its secret.
    TokenId;
    /// One stay of somebody who signed in; not its secret.
    SessionId;
    /// A link that works once; not its secret.
    LinkId;
    /// A service that asks about credentials; not its secret.
    ServiceId;
    /// A group of users. Never used again for another.
    GroupId;
    /// One line of the audit trail.
    EntryId;
    /// One request, or one run of the command line: it stands in the answer, the log and the audit trail.
    RequestId;
}

/// A random UUID (version 4), for what must not tell when it was made.
pub fn random(entropy: &dyn Entropy) -> Uuid {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A UUID that sorts by time (version 7).
pub fn ordered(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    let mut bytes = [0; 10];
    entropy.fill(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_contracts_form_is_an_identifier() {
        assert!(UserId::parse("1b4e28ba-2fa1-41d2-883f-0016d3cca427").is_ok());
        for wrong in [
            "",
            "1B4E28BA-2FA1-41D2-883F-0016D3CCA427",
            "1b4e28ba2fa141d2883f0016d3cca427",
            "{1b4e28ba-2fa1-41d2-883f-0016d3cca427}",
            "urn:uuid:1b4e28ba-2fa1-41d2-883f-0016d3cca427",
            "1b4e28ba-2fa1-41d2-883f-0016d3cca42g",
            "1b4e28ba-2fa1-41d2-883f-0016d3cca427 ",
        ] {
            assert!(UserId::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
