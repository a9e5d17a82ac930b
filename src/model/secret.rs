//! Secrets of credentials: shown once, kept as a digest, and told from noise without a look-up.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::entropy::Entropy;

const RANDOM_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a secret is for: one of a kind is never taken for one of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A personal access token.
    Token,
    /// A session of somebody who signed in.
    Session,
    /// A link that works once.
    Link,
    /// A service that asks about credentials.
    Service,
    /// An identity provider that provisions users by SCIM.
    Scim,
    /// A script of the User Management API.
    ApiKey,
}

impl Kind {
    /// Every kind that there is.
    pub const ALL: [Self; 6] = [Self::Token, Self::Session, Self::Link, Self::Service, Self::Scim, Self::ApiKey];

    /// Opens every secret of the kind. Never change one: secrets in the field, and the scanners that search leaks for
    /// them, know it.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Token => "obp_",
            Self::Session => "obs_",
            Self::Link => "obl_",
            Self::Service => "obc_",
            Self::Scim => "obi_",
            Self::ApiKey => "obk_",
        }
    }
}

/// A secret in plain: the prefix of its kind, 32 characters of base62 (190 bits), and 6 of base62 with the CRC32 of
/// what stands before.
pub struct Secret {
    kind: Kind,
    text: Zeroizing<String>,
}

impl Secret {
    /// Makes a new one.
    pub fn generate(kind: Kind, entropy: &dyn Entropy) -> Self {
        let prefix = kind.prefix();
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + RANDOM_LENGTH + CHECKSUM_LENGTH));
        text.push_str(prefix);
        let mut bytes = Zeroizing::new([0; RANDOM_LENGTH]);
        while text.len() < prefix.len() + RANDOM_LENGTH {
            entropy.fill(bytes.as_mut());
            // 248 is the greatest multiple of 62 in a byte: what lies above would favour some characters.
            let fair = bytes.iter().filter(|byte| **byte < 248);
            let missing = prefix.len() + RANDOM_LENGTH - text.len();
            text.extend(fair.take(missing).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
        }
        let checksum = checksum(&text);
        text.extend(checksum.map(char::from));
        Self { kind, text }
    }

    /// Takes a text that has the form of this kind and its checksum; nothing else can be one.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(kind.prefix())?;
        if rest.len() != RANDOM_LENGTH + CHECKSUM_LENGTH || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, given) = text.split_at(kind.prefix().len() + RANDOM_LENGTH);
        (checksum(body) == given.as_bytes()).then(|| Self { kind, text: Zeroizing::new(text.to_owned()) })
    }

    /// Takes a text that has the form of one of these kinds.
    pub fn parse_any(kinds: &[Kind], text: &str) -> Option<Self> {
        kinds.iter().find_map(|kind| Self::parse(*kind, text))
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What is stored in its place.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest(Sha256::digest(self.text.as_bytes()).into())
    }

    /// Its last four characters, by which its owner knows it again.
    pub fn hint(&self) -> &str {
        &self.text[self.text.len() - 4..]
    }

    /// The secret itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a secret. A fast hash is right here: the secret holds 190 bits that nobody chose.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretDigest(pub [u8; 32]);

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}

fn checksum(text: &str) -> [u8; CHECKSUM_LENGTH] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::super::entropy::SeededEntropy;
    use super::*;

    #[test]
    fn a_made_token_is_read_again_and_differs_from_the_next() {
        let entropy = SeededEntropy::new(1);
        let (one, two) = (Secret::generate(Kind::Token, &entropy), Secret::generate(Kind::Token, &entropy));
        assert_eq!(one.reveal().len(), 42);
        assert_eq!(Secret::parse(Kind::Token, one.reveal()).map(|token| token.digest()), Some(one.digest()));
        assert_ne!(one.digest(), two.digest());
    }

    #[test]
    fn one_changed_character_anywhere_makes_it_no_token() {
        let token = Secret::generate(Kind::Token, &SeededEntropy::new(2));
        for place in 0..token.reveal().len() {
            let mut bytes = token.reveal().as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap_or_default();
            assert!(Secret::parse(Kind::Token, &changed).is_none(), "{changed}");
        }
    }

    #[test]
    fn what_has_not_the_form_is_no_token() {
        let token = Secret::generate(Kind::Token, &SeededEntropy::new(3));
        let text = token.reveal();
        for wrong in ["", "obp_", "ghp_", &text[1..], &text[..41], &format!("{text}a"), &format!(" {text}"), "obp_é"] {
            assert!(Secret::parse(Kind::Token, wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_of_one_kind_is_none_of_another() {
        for kind in Kind::ALL {
            let secret = Secret::generate(kind, &SeededEntropy::new(3));
            let taken = Kind::ALL.map(|other| Secret::parse(other, secret.reveal()).is_some());
            assert_eq!(taken, Kind::ALL.map(|other| other == kind));
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let token = Secret::generate(Kind::Token, &SeededEntropy::new(4));
        assert_eq!(format!("{token:?} {:?}", token.digest()), "Secret(…) SecretDigest(…)");
    }

    #[test]
    fn every_character_of_the_alphabet_is_drawn_evenly() {
        let entropy = SeededEntropy::new(5);
        let mut counts = std::collections::BTreeMap::<u8, u32>::new();
        for _ in 0..2_000 {
            for byte in &Secret::generate(Kind::Token, &entropy).reveal().as_bytes()[4..36] {
                *counts.entry(*byte).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), 62);
        // 64,000 draws, 1,032 each on average, standard deviation 32.
        assert!(counts.values().all(|count| (850..1215).contains(count)), "{counts:?}");
    }
}
