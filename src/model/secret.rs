//! Secrets of credentials: shown once, kept as a digest, and told from noise without a look-up.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::entropy::Entropy;

/// Opens every personal access token. Never change it: tokens in the field, and the scanners that search leaks
/// for them, know it.
const PREFIX: &str = "obp_";
const RANDOM_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A token in plain: `obp_`, 32 characters of base62 (190 bits), and 6 of base62 with the CRC32 of what stands before.
pub struct PlainToken(Zeroizing<String>);

impl PlainToken {
    /// Makes a new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + RANDOM_LENGTH + CHECKSUM_LENGTH));
        text.push_str(PREFIX);
        let mut bytes = Zeroizing::new([0; RANDOM_LENGTH]);
        while text.len() < PREFIX.len() + RANDOM_LENGTH {
            entropy.fill(bytes.as_mut());
            // 248 is the greatest multiple of 62 in a byte: what lies above would favour some characters.
            let fair = bytes.iter().filter(|byte| **byte < 248);
            let missing = PREFIX.len() + RANDOM_LENGTH - text.len();
            text.extend(fair.take(missing).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self(text)
    }

    /// Takes a text that has a token's form and checksum; nothing else can be one.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        if rest.len() != RANDOM_LENGTH + CHECKSUM_LENGTH || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, given) = text.split_at(PREFIX.len() + RANDOM_LENGTH);
        (checksum(body) == given).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// What is stored in its place.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.as_bytes()).into())
    }

    /// Its last four characters, by which its owner knows it again.
    pub fn hint(&self) -> &str {
        &self.0[self.0.len() - 4..]
    }

    /// The secret itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(…)")
    }
}

/// SHA-256 of a token. A fast hash is right here: the token holds 190 bits that nobody chose.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub [u8; 32]);

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::super::entropy::SeededEntropy;
    use super::*;

    #[test]
    fn a_made_token_is_read_again_and_differs_from_the_next() {
        let entropy = SeededEntropy::new(1);
        let (one, two) = (PlainToken::generate(&entropy), PlainToken::generate(&entropy));
        assert_eq!(one.reveal().len(), 42);
        assert_eq!(PlainToken::parse(one.reveal()).map(|token| token.digest()), Some(one.digest()));
        assert_ne!(one.digest(), two.digest());
    }

    #[test]
    fn one_changed_character_anywhere_makes_it_no_token() {
        let token = PlainToken::generate(&SeededEntropy::new(2));
        for place in 0..token.reveal().len() {
            let mut bytes = token.reveal().as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap_or_default();
            assert!(PlainToken::parse(&changed).is_none(), "{changed}");
        }
    }

    #[test]
    fn what_has_not_the_form_is_no_token() {
        let token = PlainToken::generate(&SeededEntropy::new(3));
        let text = token.reveal();
        for wrong in ["", "obp_", "ghp_", &text[1..], &text[..41], &format!("{text}a"), &format!(" {text}"), "obp_é"] {
            assert!(PlainToken::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let token = PlainToken::generate(&SeededEntropy::new(4));
        assert_eq!(format!("{token:?} {:?}", token.digest()), "PlainToken(…) TokenDigest(…)");
    }

    #[test]
    fn every_character_of_the_alphabet_is_drawn_evenly() {
        let entropy = SeededEntropy::new(5);
        let mut counts = std::collections::BTreeMap::<u8, u32>::new();
        for _ in 0..2_000 {
            for byte in &PlainToken::generate(&entropy).reveal().as_bytes()[4..36] {
                *counts.entry(*byte).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), 62);
        // 64,000 draws, 1,032 each on average, standard deviation 32.
        assert!(counts.values().all(|count| (850..1215).contains(count)), "{counts:?}");
    }
}
