//! The rules. Every door calls these operations and none has rules of its own.
//!
//! An operation checks, changes what it changes in one transaction together with its audit entry, and returns.

mod audit;
pub mod companies;
mod error;
mod guards;
pub mod identifiers;
mod passwords;
pub mod tokens;
pub mod trail;
pub mod transitions;
pub mod users;

use std::sync::Arc;

pub use error::{Error, Refusal, Unknown};

use crate::model::clock::Clock;
use crate::model::entropy::Entropy;
use crate::store::Store;

/// The users of a platform and all that may be done with them; the operations hang on it.
pub struct Directory {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Directory {
    /// The directory that is kept in this store.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy }
    }

    /// Asks the store for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.store.ping().await?)
    }
}
