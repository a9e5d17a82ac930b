//! Passwords: argon2id (RFC 9106) at rest.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};

use super::Error;
use crate::model::Invalid;
use crate::model::entropy::Entropy;

/// The fewest characters; no rules about which ones (OWASP ASVS 5.0, 6.2.1 and 6.2.5).
const SHORTEST: usize = 8;
/// The most bytes: enough for any sentence, too few to keep the hash busy.
const LONGEST: usize = 1024;
/// Memory in KiB, passes and lanes: OWASP's floor for argon2id.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// Hashes a password into a PHC string. Takes some 20 ms and 19 MiB.
pub(super) fn hash(password: &str, entropy: &dyn Entropy) -> Result<String, Error> {
    if password.chars().count() < SHORTEST {
        return Err(Invalid::new(format!("a password has at least {SHORTEST} characters")).into());
    }
    if password.len() > LONGEST {
        return Err(Invalid::new(format!("a password has at most {LONGEST} bytes")).into());
    }
    let mut salt = [0; 16];
    entropy.fill(&mut salt);
    let failed = |error: &dyn std::fmt::Display| Error::Internal(format!("argon2: {error}"));
    let params = Params::new(COST.0, COST.1, COST.2, None).map_err(|error| failed(&error))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;
    use argon2::password_hash::phc::PasswordHash;

    use super::*;
    use crate::model::entropy::SeededEntropy;

    #[test]
    fn a_hash_verifies_its_password_alone() {
        let hash = hash("correct horse", &SeededEntropy::new(1)).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let parsed = PasswordHash::new(&hash).unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
        assert!(Argon2::default().verify_password(b"correct horse ", &parsed).is_err());
    }

    #[test]
    fn a_password_has_bounds() {
        let entropy = SeededEntropy::new(1);
        assert!(matches!(hash("seven77", &entropy), Err(Error::Invalid(_))));
        assert!(matches!(hash(&"x".repeat(1025), &entropy), Err(Error::Invalid(_))));
    }
}
