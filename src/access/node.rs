//! A node's part in the protocol that `ARCHITECTURE.md` describes: it hears of changes, says so, and renews its lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Gate;
use super::lease::Now;
use crate::model::entropy::Entropy;
use crate::model::id;
use crate::store::changes::Mark;
use crate::store::nodes::{Inbox, Node};
use crate::store::{Error, Result};

/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_millis(500);
/// How long a node that could not join waits before it tries again.
const PAUSE: Duration = Duration::from_millis(200);

impl Gate {
    /// Remembers under a lease, until stopped. Returns at once where a database has but one node.
    pub async fn remember(self: Arc<Self>, entropy: Arc<dyn Entropy>, stopped: CancellationToken) {
        let mut was_lost = false;
        while !stopped.is_cancelled() {
            // To its end, even when stopped meanwhile: a row that was made must be taken away again.
            let error = match self.store.join(id::random(&*entropy)).await {
                Ok(None) => return,
                Ok(Some((node, inbox))) => {
                    // What was remembered, and what is read before the first look into the log, is forgotten with that.
                    self.lease.drop();
                    if was_lost {
                        tracing::info!("remembering again");
                    }
                    tokio::select! {
                        () = stopped.cancelled() => return self.leave(&node).await,
                        error = self.take_part(&node, inbox) => error,
                    }
                }
                Err(error) => {
                    if !self.lease.is_alive(Now::read(&*self.clock))
                        && let Err(error) = self.store.ask_any_server()
                    {
                        tracing::error!(%error, "this node can ask no server");
                    }
                    error
                }
            };
            if !was_lost || !matches!(error, Error::Unavailable(_)) {
                tracing::warn!(%error, "the lease is not renewed: without one, every check asks the database");
            }
            was_lost = true;
            tokio::select! {
                () = stopped.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Ends only by a failure.
    async fn take_part(&self, node: &Node, mut inbox: Inbox) -> Error {
        let log = Log { gate: self, node, last: Mutex::new(None) };
        let renewals = async {
            let mut ticks = tokio::time::interval(RENEWAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = log.renew().await {
                    return error;
                }
            }
        };
        let news = async {
            while let Some(news) = inbox.next().await {
                let heard = async {
                    log.hear().await?;
                    node.confirm(news).await
                };
                if let Err(error) = heard.await {
                    return error;
                }
            }
            Error::Unavailable("the connection that notices come by was lost".to_owned())
        };
        tokio::select! {
            error = renewals => error,
            error = news => error,
        }
    }

    async fn leave(&self, node: &Node) {
        self.lease.drop();
        if let Err(error) = node.leave().await {
            tracing::warn!(%error, "this node could not say that it leaves; the next writer waits for it in vain");
        }
    }
}

/// The log of changes, as far as this node has heard it.
struct Log<'a> {
    gate: &'a Gate,
    node: &'a Node,
    last: Mutex<Option<Mark>>,
}

impl Log<'_> {
    /// Reads on, and has the memory forget whose access changed. Nothing is remembered afterwards that is older than this
    /// call.
    async fn hear(&self) -> Result<()> {
        let mut last = self.last.lock().await;
        let changes = self.node.changes_after(last.as_ref()).await?;
        self.gate.hear(&changes);
        *last = changes.last;
        Ok(())
    }

    /// Renews the lease. In this order: counted from before the log is read, and held only when the row was still there.
    async fn renew(&self) -> Result<()> {
        let begun = Now::read(&*self.gate.clock);
        self.hear().await?;
        if !self.node.renew().await? {
            return Err(Error::Conflict("this node was silent for longer than its lease, and joins anew".to_owned()));
        }
        self.gate.lease.renew(begun);
        Ok(())
    }
}
