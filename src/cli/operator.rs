//! The host's operator: whoever may run commands beside the database may do everything, and the audit trail says so.

use std::sync::Arc;

use super::output::Failure;
use crate::domain::Directory;
use crate::model::actor::{Actor, Caller, Door, Origin};
use crate::model::clock::{Clock, SystemClock};
use crate::model::entropy::SystemEntropy;
use crate::model::id::{self, RequestId};
use crate::store::{Location, Store};

/// An open directory, and the operator as its caller.
pub(super) struct Operator {
    pub(super) directory: Directory,
    pub(super) caller: Caller,
}

impl Operator {
    /// Opens the database, which is made and migrated where needed.
    pub(super) async fn open(location: Location) -> Result<Self, Failure> {
        Ok(Self::over(Arc::new(Store::open(location).await?)))
    }

    /// Acts on an open store.
    pub(super) fn over(store: Arc<Store>) -> Self {
        let clock = SystemClock::start();
        let request = RequestId(id::ordered(clock.now(), &SystemEntropy));
        let origin = Origin { door: Door::CommandLine, request, address: None };
        let directory = Directory::new(store, Arc::new(clock), Arc::new(SystemEntropy));
        Self { directory, caller: Caller { actor: Actor::Operator, origin } }
    }
}
