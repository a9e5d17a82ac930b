//! The rules. Every door calls these operations and none has rules of its own.
//!
//! An operation checks, changes what it changes in one transaction together with its audit entry, and returns.

mod attempts;
mod audit;
pub mod companies;
mod error;
pub mod groups;
pub mod guard;
mod guards;
pub mod identifiers;
pub mod legacy;
pub mod links;
pub mod members;
pub mod passwords;
pub mod people;
mod rights;
pub mod services;
pub mod sessions;
pub mod tokens;
pub mod trail;
pub mod transitions;
pub mod users;

use std::sync::Arc;
use std::time::Duration;

use attempts::Attempts;
pub use error::{Error, Refusal, Unknown};
use legacy::LegacyCalls;

use crate::model::clock::Clock;
use crate::model::entropy::Entropy;
use crate::model::session::Limits;
use crate::store::Store;
use passwords::Passwords;

/// The users of a platform and all that may be done with them; the operations hang on it.
pub struct Directory {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    policy: Policy,
    passwords: Passwords,
    attempts: Arc<Attempts>,
    legacy_calls: LegacyCalls,
}

/// What a deployment decides about credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long sessions live.
    pub sessions: Limits,
    /// How long the link lives with which a new user sets the first password.
    pub invitation: Duration,
    /// How long the link lives with which a forgotten password is replaced.
    pub reset: Duration,
    /// Whether failed tries to sign in make the next ones wait.
    pub slow_down: bool,
    /// How long after its begin a try to sign in is refused, at the soonest: longer than what is done for any.
    pub level: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            sessions: Limits::default(),
            invitation: Duration::from_hours(7 * 24),
            reset: Duration::from_hours(1),
            slow_down: true,
            level: Duration::from_millis(150),
        }
    }
}

impl Directory {
    /// The directory that is kept in this store.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, policy: Policy) -> Self {
        Self {
            store,
            clock,
            entropy,
            policy,
            passwords: Passwords::new(),
            attempts: Attempts::new(),
            legacy_calls: LegacyCalls::default(),
        }
    }

    /// What the deployment decided.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Asks the store for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.store.ping().await?)
    }
}
