//! What a writer waits for after its commit: that every node has heard of it, or can't trust its memory any more.
//!
//! One round serves all whose commits were there when it began. It tells the nodes, and ends when each of them has said
//! that it has heard, or after [`LEASE`]: a lease that is alive then was begun after the round, by reading the log. So no
//! clock but this process's own is asked, and no node has to be believed dead. `ARCHITECTURE.md` shows why that is enough;
//! `tests/model` checks it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_postgres::{Client, Notification, Statement};
use uuid::Uuid;

use super::super::Result;
use super::connect::{self, Connector};
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
    own_node: Arc<OwnNode>,
}

/// What a node of this process is asked: to answer when it has heard.
pub(super) type Question = oneshot::Sender<()>;

/// The node of this process, once there is one. Where it is the only one, it is asked without the server.
#[derive(Default)]
struct OwnNode(Mutex<Option<Member>>);

struct Member {
    id: Uuid,
    /// Whose log it reads.
    server: String,
    questions: mpsc::UnboundedSender<Question>,
}

impl OwnNode {
    /// Asks the node; if it is gone, the question is, too, and no answer comes.
    fn ask(&self) -> oneshot::Receiver<()> {
        let (question, answer) = oneshot::channel();
        if let Some(own) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = own.questions.send(question);
        }
        answer
    }

    /// Whether it is the only node there is, and reads the log of this server: another one may have been replaced.
    fn is_alone(&self, nodes: &[(Uuid, i64)], server: &str) -> bool {
        let own = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!((&*own, nodes), (Some(own), [(id, _)]) if own.id == *id && own.server == server)
    }

    fn set(&self, id: Uuid, server: String) -> mpsc::UnboundedReceiver<Question> {
        let (sender, questions) = mpsc::unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Member { id, server, questions: sender });
        questions
    }
}

impl Barrier {
    /// Begins no round before somebody waits.
    pub(super) fn new(connector: Connector, writer: Uuid) -> Self {
        let (waiting, queue) = mpsc::unbounded_channel();
        let own_node = Arc::<OwnNode>::default();
        tokio::spawn(run(connector, writer, queue, Arc::clone(&own_node)));
        Self { waiting, own_node }
    }

    /// From now on this is the node of this process, which reads the log of this server; gives what it is to answer.
    pub(super) fn set_own_node(&self, id: Uuid, server: String) -> mpsc::UnboundedReceiver<Question> {
        self.own_node.set(id, server)
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
async fn run(
    connector: Connector,
    writer: Uuid,
    mut queue: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    own_node: Arc<OwnNode>,
) {
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
            let open = Link::open(&connector, writer, &own_node);
            link = tokio::time::timeout(LEASE, open).await.ok().and_then(|opened| {
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
    client: Arc<Client>,
    server: Arc<str>,
    own_node: Arc<OwnNode>,
    /// Whether there was anybody but the node of this process when it was last looked.
    has_others: Arc<AtomicBool>,
    heard: watch::Receiver<HashMap<Uuid, u64>>,
    list: Statement,
    tell: Statement,
    remove: Statement,
    channel: String,
}

impl Link {
    async fn open(connector: &Connector, writer: Uuid, own_node: &Arc<OwnNode>) -> Result<Self> {
        // A server that was replaced by its standby knows nobody who counts: its commit must show that it is not one.
        const LIST: &str = concat!(
            "SELECT nodes.id, nodes.renewals, server.proof FROM (SELECT ",
            super::proof!(),
            " AS proof) server LEFT JOIN nodes ON TRUE"
        );
        // This need not wait for the disk: a crash ends all who listen as well.
        const TELL: &str = "SELECT pg_notify($1, $2), set_config('synchronous_commit', 'off', TRUE)";
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
            server: connect::server(&client).await.map_err(failed)?.into(),
            own_node: Arc::clone(own_node),
            has_others: Arc::new(AtomicBool::new(true)),
            client: Arc::new(client),
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
        let (nodes, own_answer) = tokio::time::timeout_at(end, self.tell(round)).await.map_err(|_| late())??;
        let listed = Instant::now();
        let all_heard = async {
            if let Some(answer) = own_answer {
                if answer.await.is_err() {
                    // It went away: what it still trusts ends with its lease.
                    std::future::pending::<()>().await;
                }
                return Ok(());
            }
            let by_all = |heard: &HashMap<_, _>| nodes.iter().all(|(id, _)| has_heard(heard, *id, round));
            self.heard.wait_for(by_all).await.map(|_| ()).map_err(|_| lost())
        };
        if let Ok(heard) = tokio::time::timeout_at(listed + LEASE, all_heard).await {
            return heard;
        }
        let _ = tokio::time::timeout(PATIENCE, self.remove_silent(nodes, round)).await;
        Ok(())
    }

    /// Says which nodes there are, with how often each has renewed, and then tells them: who is listed has listened since
    /// before it had a row, and who joins later reads the log after the commits. The node of this process, if it is the
    /// only one, is asked here; then its answer is given.
    async fn tell(&self, round: Round) -> Result<(Vec<(Uuid, i64)>, Option<oneshot::Receiver<()>>)> {
        let text = round.to_string();
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&self.channel, &text];
        let (list, tell) = (self.client.query(&self.list, &[]), self.client.query(&self.tell, &values));
        let failed = |error: tokio_postgres::Error| classify(&error);
        if self.has_others.load(Ordering::Relaxed) {
            // In one go, as there is most likely somebody to be told.
            let (rows, _) = tokio::try_join!(list, tell).map_err(failed)?;
            let nodes = nodes(&rows)?;
            self.has_others.store(!self.own_node.is_alone(&nodes, &self.server), Ordering::Relaxed);
            return Ok((nodes, None));
        }
        let nodes = nodes(&list.await.map_err(failed)?)?;
        if self.own_node.is_alone(&nodes, &self.server) {
            return Ok((nodes, Some(self.own_node.ask())));
        }
        self.has_others.store(true, Ordering::Relaxed);
        tell.await.map_err(failed)?;
        Ok((nodes, None))
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

/// Those that were listed; without any there is one row, which names none.
fn nodes(rows: &[tokio_postgres::Row]) -> Result<Vec<(Uuid, i64)>> {
    let node = |row: &tokio_postgres::Row| {
        Ok(match row.try_get::<_, Option<Uuid>>(0)? {
            Some(id) => Some((id, row.try_get(1)?)),
            None => None,
        })
    };
    let nodes: std::result::Result<Vec<_>, tokio_postgres::Error> =
        rows.iter().filter_map(|row| node(row).transpose()).collect();
    nodes.map_err(|error| classify(&error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_node_is_alone_only_on_the_list_of_the_server_whose_log_it_reads() {
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let node = OwnNode::default();
        assert!(!node.is_alone(&[(own, 0)], "here"), "there is none yet");
        let mut questions = node.set(own, "here".to_owned());
        assert!(node.is_alone(&[(own, 7)], "here"));
        assert!(!node.is_alone(&[(own, 7)], "elsewhere"), "a list that was copied to a standby has it too");
        for listed in [&[][..], &[(other, 0)], &[(own, 0), (other, 0)]] {
            assert!(!node.is_alone(listed, "here"), "{listed:?}");
        }
        let mut answer = node.ask();
        questions.try_recv().unwrap().send(()).unwrap();
        assert!(answer.try_recv().is_ok());
    }

    #[test]
    fn an_own_node_that_is_gone_never_answers() {
        let node = OwnNode::default();
        let lost = oneshot::error::TryRecvError::Closed;
        assert_eq!(node.ask().try_recv(), Err(lost.clone()), "there was none");
        drop(node.set(Uuid::from_u128(1), "here".to_owned()));
        assert_eq!(node.ask().try_recv(), Err(lost));
    }
}
