//! What a writer waits for after its commit: that every node has heard of it, or can't trust its memory any more.
//!
//! One round serves all whose commits were there when it began. It tells the nodes, and ends when each of them has said
//! that it has heard, or after [`LEASE`]: a lease that is alive then was begun after the round, by reading the log. So no
//! clock but this process's own is asked, and no node has to be believed dead. `ARCHITECTURE.md` shows why that is enough;
//! `tests/model` checks it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_postgres::{Client, Notification, Statement};
use uuid::Uuid;

use super::super::Result;
use super::connect::Connector;
use super::notice::{Channels, Round, keep_latest, late, listen, lost};
use super::statement::classify;

/// How long a writer waits for a node that says nothing. A node trusts its memory for less: `access/lease.rs`.
pub(in crate::store) const LEASE: Duration = Duration::from_secs(2);
/// How long the removal of silent nodes may hold up those who wait.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a round has the floor; then the next may begin beside it, so that one silent node delays each writer once.
const FLOOR: Duration = Duration::from_millis(10);

/// The way into the rounds.
pub(super) struct Barrier {
    waiting: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Barrier {
    /// Begins no round before somebody waits.
    pub(super) fn new(connector: Connector, writer: Uuid) -> Self {
        let (waiting, queue) = mpsc::unbounded_channel();
        tokio::spawn(run(connector, writer, queue));
        Self { waiting }
    }

    /// Returns when no node trusts a memory any more that is older than this call.
    pub(super) async fn pass(&self) {
        let (passed, waiter) = oneshot::channel();
        if self.waiting.send(passed).is_err() || waiter.await.is_err() {
            // The rounds have ended with the program; what time does, it does all the same.
            tokio::time::sleep(LEASE).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what is waited for is real time: nodes on other machines count it too")]
async fn run(connector: Connector, writer: Uuid, mut queue: mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
    let mut link: Option<Link> = None;
    let mut number = 0;
    while let Some(first) = queue.recv().await {
        let mut waiters = vec![first];
        while let Ok(waiter) = queue.try_recv() {
            waiters.push(waiter);
        }
        number += 1;
        // After every commit that is waited for, before any node is asked.
        let begun = Instant::now();
        if link.as_ref().is_none_or(Link::is_lost) {
            link = tokio::time::timeout(LEASE, Link::open(&connector, writer)).await.ok().and_then(|opened| {
                opened.inspect_err(|error| tracing::warn!(%error, "the nodes can not be told of changes")).ok()
            });
        }
        let round = tokio::spawn(serve(link.clone(), Round { by: writer, number }, begun, waiters));
        let _ = tokio::time::timeout(FLOOR, round).await;
    }
}

/// One round, for those who wait for it.
async fn serve(link: Option<Link>, round: Round, begun: Instant, waiters: Vec<oneshot::Sender<()>>) {
    let end = begun + LEASE;
    let outcome = match link {
        Some(link) => link.run(round, end).await,
        None => Err(lost()),
    };
    if let Err(error) = outcome {
        tracing::warn!(%error, "the nodes could not be told of a change; waited for the end of their leases");
        tokio::time::sleep_until(end).await;
    }
    for waiter in waiters {
        let _ = waiter.send(());
    }
}

/// The connection of the rounds, and what the nodes say on it.
#[derive(Clone)]
struct Link {
    client: std::sync::Arc<Client>,
    heard: watch::Receiver<HashMap<Uuid, u64>>,
    list: Statement,
    tell: Statement,
    remove: Statement,
    channel: String,
}

impl Link {
    async fn open(connector: &Connector, writer: Uuid) -> Result<Self> {
        const LIST: &str = "SELECT id, renewals FROM nodes";
        // A server that was replaced by its standby tells nobody who counts: its commit must show that it is not one.
        const TELL: &str = concat!("SELECT pg_notify($1, $2), ", super::proof!());
        const REMOVE: &str = "DELETE FROM nodes WHERE id = $1 AND renewals = $2";
        let (client, notices) = connector.connect().await?;
        listen(&client, &Channels::heard(writer)).await?;
        let failed = |error: tokio_postgres::Error| classify(&error);
        Ok(Self {
            list: client.prepare(LIST).await.map_err(failed)?,
            tell: client.prepare(TELL).await.map_err(failed)?,
            remove: client.prepare(REMOVE).await.map_err(failed)?,
            channel: Channels::of(&client).await?.changed(),
            heard: collect(notices),
            client: std::sync::Arc::new(client),
        })
    }

    fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// Ends when every node has heard, or its lease is over.
    #[expect(
        clippy::disallowed_methods,
        reason = "what is waited for is real time: nodes on other machines count it too"
    )]
    async fn run(mut self, round: Round, end: Instant) -> Result<()> {
        let nodes = tokio::time::timeout_at(end, self.tell(round)).await.map_err(|_| late())??;
        let listed = Instant::now();
        let all_heard = self.heard.wait_for(|heard| nodes.iter().all(|(id, _)| has_heard(heard, *id, round)));
        let waited = tokio::time::timeout_at(listed + LEASE, all_heard).await.map(|heard| heard.is_ok());
        match waited {
            Ok(true) => Ok(()),
            Ok(false) => Err(lost()),
            Err(_) => {
                let _ = tokio::time::timeout(PATIENCE, self.remove_silent(nodes, round)).await;
                Ok(())
            }
        }
    }

    /// Tells the nodes, and says which there are, with how often each has renewed. Both in one go: a node that joins in
    /// between has not heard, and is waited for in vain; one that joins later reads the log after the commits.
    async fn tell(&self, round: Round) -> Result<Vec<(Uuid, i64)>> {
        let text = round.to_string();
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&self.channel, &text];
        let (rows, _) = tokio::try_join!(self.client.query(&self.list, &[]), self.client.query(&self.tell, &values))
            .map_err(|error| classify(&error))?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<std::result::Result<_, _>>()
            .map_err(|error: tokio_postgres::Error| classify(&error))
    }

    /// Has nobody wait again for nodes that neither heard of this round nor renewed since they were listed, a lease ago:
    /// whatever lease they had then is over. If they live, they find no row when they renew, and join anew.
    async fn remove_silent(&self, nodes: Vec<(Uuid, i64)>, round: Round) {
        let heard = self.heard.borrow().clone();
        for (node, renewals) in nodes.into_iter().filter(|(id, _)| !has_heard(&heard, *id, round)) {
            match self.client.execute(&self.remove, &[&node, &renewals]).await {
                Ok(0) => {}
                Ok(_) => {
                    tracing::warn!(%node, "a node was silent for longer than its lease, and is not waited for again");
                }
                Err(error) => tracing::warn!(%error, %node, "a silent node was not removed"),
            }
        }
    }
}

fn has_heard(heard: &HashMap<Uuid, u64>, node: Uuid, round: Round) -> bool {
    heard.get(&node).is_some_and(|number| *number >= round.number)
}

/// Keeps the latest round that each node has heard.
fn collect(mut notices: mpsc::UnboundedReceiver<Notification>) -> watch::Receiver<HashMap<Uuid, u64>> {
    let (heard, watched) = watch::channel(HashMap::new());
    tokio::spawn(async move {
        while let Some(notice) = notices.recv().await {
            heard.send_modify(|heard| keep_latest(heard, &notice));
        }
    });
    watched
}
