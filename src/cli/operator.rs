//! The host's operator: whoever may run commands beside the database may do everything, and the audit trail says so.

use std::sync::Arc;

use super::config::Resolved;
use super::output::Failure;
use crate::domain::{Directory, Policy};
use crate::model::actor::{Actor, Caller, Door, Origin};
use crate::model::clock::{Clock, SystemClock};
use crate::model::entropy::SystemEntropy;
use crate::model::id::{self, RequestId};
use crate::model::secret::Secret;
use crate::outbound::mail::Mailer;
use crate::store::Store;

/// An open directory, and the operator as its caller.
pub(super) struct Operator {
    pub(super) directory: Directory,
    pub(super) caller: Caller,
    pub(super) mailer: Option<Mailer>,
    public_url: String,
}

impl Operator {
    /// Opens the database, which is made and migrated where needed.
    pub(super) async fn open(resolved: &Resolved) -> Result<Self, Failure> {
        let (policy, url) = (resolved.policy()?, resolved.public_url()?);
        let mailer = resolved.mailer()?;
        let store = Arc::new(Store::open(resolved.location()?, &SystemEntropy).await?);
        Ok(Self { mailer, ..Self::over(store, policy, url) })
    }

    /// Acts on an open store.
    pub(super) fn over(store: Arc<Store>, policy: Policy, public_url: String) -> Self {
        let clock = SystemClock::start();
        let request = RequestId(id::ordered(clock.now(), &SystemEntropy));
        let origin = Origin { door: Door::CommandLine, request, address: None };
        let directory = Directory::new(store, Arc::new(clock), Arc::new(SystemEntropy), policy);
        Self { directory, caller: Caller { actor: Actor::Operator, origin }, mailer: None, public_url }
    }

    /// The address at which the outside reaches a path of the server.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }

    /// The address at which the server takes a link's secret.
    pub(super) fn link(&self, path: &str, secret: &Secret) -> String {
        format!("{}/{}", self.address(path), secret.reveal())
    }
}
