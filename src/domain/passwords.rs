//! Passwords: argon2id (RFC 9106) at rest, a few hashes at once.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::Error;
use crate::model::Invalid;
use crate::model::entropy::Entropy;

/// The fewest characters; no rules about which ones (OWASP ASVS 5.0, 6.2.1 and 6.2.5).
pub const SHORTEST: usize = 8;
/// The most bytes: enough for any sentence, too few to keep the hash busy.
const LONGEST: usize = 1024;
/// The most bytes that the estimate of a password's strength looks at; its time grows with the square.
const ESTIMATED: usize = 40;
/// Memory in KiB, passes and lanes: OWASP's floor for argon2id.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// A hash with this cost of a password that nobody has: what is verified where there is no other.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// How many may wait for their turn to be hashed.
const QUEUE: usize = 256;

/// A password in plain; nothing of it is left behind in memory, and it is never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes what somebody typed, be it a good password or not.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Hashes and verifies, on threads of their own: each takes some 20 ms and 19 MiB.
pub(super) struct Passwords {
    queue: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    /// What hashes work in, as many as there are turns: given back to the allocator of whatever thread, it would stay
    /// with each thread that ever hashed.
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            queue: Arc::new(Semaphore::new(QUEUE)),
            turns: Arc::new(Semaphore::new(threads)),
            memory: Arc::default(),
        }
    }

    /// The PHC string of a password that is good enough; `known` are words that its owner is known by.
    pub(super) async fn hash(
        &self,
        password: Password,
        known: Vec<String>,
        entropy: &dyn Entropy,
    ) -> Result<String, Error> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        self.run(move |memory| {
            check(&password, &known)?;
            hash(&password, &salt, memory)
        })
        .await?
    }

    /// Whether a password is the one of this hash. Takes as long without a hash as with one.
    pub(super) async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, Error> {
        self.run(move |memory| {
            let text = hash.as_deref().unwrap_or(DUMMY);
            let parsed = PasswordHash::new(text).map_err(|error| Error::Internal(format!("a stored hash: {error}")))?;
            // Nobody has so long a password, and none shall keep the hash busy.
            let bytes = password.0.as_bytes();
            let (Some(salt), Some(expected)) = (&parsed.salt, &parsed.hash) else {
                return Err(Error::Internal("a stored hash has no salt or no hash".to_owned()));
            };
            let params = Params::try_from(&parsed).map_err(|error| failed(&error))?;
            let found = derive(&bytes[..bytes.len().min(LONGEST + 1)], salt.as_ref(), params, memory)?;
            // The comparison takes as long wherever the two differ.
            Ok(found == *expected && hash.is_some())
        })
        .await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let overloaded = |_| Error::Unavailable("too many passwords wait to be hashed".to_owned());
        let waiting = Arc::clone(&self.queue).try_acquire_owned().map_err(overloaded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        // On the thread: a caller who goes away must not make room for another hash while this one runs.
        let pool = Arc::clone(&self.memory);
        let done = tokio::task::spawn_blocking(move || {
            let _held = (waiting, turn);
            let mut memory = pool.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let outcome = work(&mut memory);
            pool.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            outcome
        });
        done.await.map_err(|error| Error::Internal(error.to_string()))
    }
}

fn hash(password: &Password, salt: &[u8], memory: &mut Vec<Block>) -> Result<String, Error> {
    let params = Params::new(COST.0, COST.1, COST.2, None).map_err(|error| failed(&error))?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params.clone()).map_err(|error| failed(&error))?,
        salt: Some(Salt::new(salt).map_err(|error| failed(&error))?),
        hash: Some(derive(password.0.as_bytes(), salt, params, memory)?),
    };
    Ok(hash.to_string())
}

fn derive(password: &[u8], salt: &[u8], params: Params, memory: &mut Vec<Block>) -> Result<Output, Error> {
    memory.resize(params.block_count(), Block::new());
    let mut output = Zeroizing::new([0; Params::DEFAULT_OUTPUT_LEN]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password, salt, output.as_mut(), memory.as_mut_slice())
        .map_err(|error| failed(&error))?;
    Output::new(output.as_ref()).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::Internal(format!("argon2: {error}"))
}

/// Whether a new password is long enough, and not among the first that somebody would try.
fn check(password: &Password, known: &[String]) -> Result<(), Invalid> {
    let text = password.0.as_str();
    if text.chars().count() < SHORTEST {
        return Err(Invalid::new(format!("a password has at least {SHORTEST} characters")));
    }
    if text.len() > LONGEST {
        return Err(Invalid::new(format!("a password has at most {LONGEST} bytes")));
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let looked_at =
        text.char_indices().find(|(place, _)| *place >= ESTIMATED).map_or(text, |(place, _)| &text[..place]);
    if zxcvbn::zxcvbn(looked_at, &known).score() < zxcvbn::Score::Two {
        return Err(Invalid::new(
            "this password is among the first that somebody would try: take a longer one, such as four words that do \
             not belong together",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entropy::SeededEntropy;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    async fn hashed(text: &str, known: &[&str]) -> Result<String, Error> {
        let known = known.iter().map(|word| (*word).to_owned()).collect();
        Passwords::new().hash(password(text), known, &SeededEntropy::new(1)).await
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_alone() {
        let passwords = Passwords::new();
        let hash = hashed("correct horse battery", &[]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify =
            async |text: &str, hash: Option<&String>| passwords.verify(password(text), hash.cloned()).await.unwrap();
        assert!(verify("correct horse battery", Some(&hash)).await);
        assert!(!verify("correct horse battery ", Some(&hash)).await);
        assert!(!verify("", Some(&hash)).await);
        assert!(!verify("correct horse battery", None).await);
    }

    #[tokio::test]
    async fn the_hash_for_nobody_costs_what_a_real_one_does() {
        let real = hashed("correct horse battery", &[]).await.unwrap();
        let (real, dummy) = (PasswordHash::new(&real).unwrap(), PasswordHash::new(DUMMY).unwrap());
        assert_eq!((real.algorithm, real.version), (dummy.algorithm, dummy.version));
        assert_eq!(real.params, dummy.params);
        assert_eq!(real.hash.map(|hash| hash.len()), dummy.hash.map(|hash| hash.len()));
    }

    #[tokio::test]
    async fn a_password_has_bounds_and_is_none_of_the_first_guesses() {
        for wrong in ["seven77", &"x".repeat(1025), "password1", "12345678", "qwertyuiop", "aaaaaaaaaaaa"] {
            assert!(matches!(hashed(wrong, &[]).await, Err(Error::Invalid(_))), "{wrong}");
        }
        assert!(matches!(hashed("lovelace", &["Ada Lovelace", "lovelace"]).await, Err(Error::Invalid(_))));
        assert!(hashed(&"ein langer Satz, den keiner kennt. ".repeat(20), &[]).await.is_ok());
    }
}
