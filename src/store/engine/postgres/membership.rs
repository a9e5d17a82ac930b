//! A node's membership: it hears of changes, keeps its lease, and is waited for by writers.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_postgres::{Client, Notification, Statement};
use uuid::Uuid;

use super::super::{Error, Result};
use super::barrier::{Barrier, Question};
use super::changes;
use super::connect::{self, Connector};
use super::notice::{Channels, Round, keep_latest, late, listen, lost};
use super::statement::classify;
use crate::store::changes::{Changes, Mark};

/// The longest that one step may take; a node whose connection stalls longer joins anew.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest that joining may take: a server that was replaced by its standby never finishes a commit.
const JOINING: Duration = Duration::from_secs(10);
/// Who stops reading is not waited for by the server, which would have to keep every notice. What it says need not be on
/// disk: who is told listens at the same server. And the log is read so often that each time to plan it anew would cost
/// more than to read it; the one plan goes by the index, whatever little stood in the log when it was made.
const RECEIVER: &str = "SET tcp_user_timeout = '30s'; SET synchronous_commit = 'off'; \
    SET plan_cache_mode = 'force_generic_plan'; SET enable_seqscan = 'off'";

/// A row among the nodes, and the connections to keep it. Dropped without [`Membership::leave`], the row stays until a
/// writer has waited for it in vain.
pub(in crate::store) struct Membership {
    id: Uuid,
    /// Receives notices and reads the log.
    ear: Client,
    /// Renews, so that a slow commit holds up no notice.
    hand: Client,
    statements: Statements,
    server: String,
}

/// What a node is told: by writers anywhere, and by this process itself.
pub(in crate::store) struct Notices {
    notices: mpsc::UnboundedReceiver<Notification>,
    questions: mpsc::UnboundedReceiver<Question>,
}

/// That there are changes. Whoever told it waits for an answer.
#[derive(Default)]
pub(in crate::store) struct News {
    rounds: HashMap<Uuid, u64>,
    questions: Vec<Question>,
}

struct Statements {
    changes: Statement,
    confirm: Statement,
    renew: Statement,
}

impl Membership {
    /// Becomes one of the nodes that writers wait for. What is read from the log from now on is complete.
    pub(super) async fn join(connector: &Connector, barrier: &Barrier, id: Uuid) -> Result<(Self, Notices)> {
        tokio::time::timeout(JOINING, Self::begin(connector, barrier, id)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn begin(connector: &Connector, barrier: &Barrier, id: Uuid) -> Result<(Self, Notices)> {
        const JOIN: &str = "INSERT INTO nodes (id, renewals) VALUES ($1, 0)";
        const CONFIRM: &str = "SELECT pg_notify($1, $2)";
        const RENEW: &str = "UPDATE nodes SET renewals = renewals + 1 WHERE id = $1";
        let (ear, mut notices) = connector.connect().await?;
        let (hand, _) = connector.connect().await?;
        let failed = |error: tokio_postgres::Error| classify(&error);
        ear.batch_execute(RECEIVER).await.map_err(failed)?;
        let channel = Channels::of(&ear).await?.changed();
        listen(&ear, &channel).await?;
        let statements = Statements {
            changes: ear.prepare(changes::LIST).await.map_err(failed)?,
            confirm: ear.prepare(CONFIRM).await.map_err(failed)?,
            renew: hand.prepare(RENEW).await.map_err(failed)?,
        };
        // To itself alone: the others take it for no round.
        let probe = format!("joining {}", id.simple());
        hand.query(CONFIRM, &[&channel, &probe]).await.map_err(failed)?;
        hears(&mut notices, &probe).await?;
        changes::forget_foreign(&hand).await?;
        hand.execute(JOIN, &[&id]).await.map_err(failed)?;
        let server = connect::server(&ear).await.map_err(failed)?;
        if connect::server(&hand).await.map_err(failed)? != server {
            return Err(Error::Unavailable("two servers answer in turn".to_owned()));
        }
        let questions = barrier.set_own_node(id, server.clone());
        Ok((Self { id, ear, hand, statements, server }, Notices { notices, questions }))
    }

    /// Where it joined.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// What changed after a place in the log.
    pub(in crate::store) async fn changes_after(&self, after: Option<&Mark>) -> Result<Changes> {
        in_time(async {
            let after = after.map(Mark::as_str);
            let rows = self.ear.query(&self.statements.changes, &[&after]).await.map_err(|error| classify(&error))?;
            changes::read(&rows)
        })
        .await
    }

    /// Tells the writers that this node has heard of what they changed.
    pub(in crate::store) async fn confirm(&self, news: News) -> Result<()> {
        for question in news.questions {
            // Who asked may have given up.
            let _ = question.send(());
        }
        in_time(async {
            let confirm = |(by, number): (Uuid, u64)| {
                let (channel, text) = (Channels::heard(by), Round { by: self.id, number }.to_string());
                async move {
                    let sent = self.ear.query(&self.statements.confirm, &[&channel, &text]).await;
                    sent.map(|_| ()).map_err(|error| classify(&error))
                }
            };
            futures_util::future::try_join_all(news.rounds.into_iter().map(confirm)).await.map(|_| ())
        })
        .await
    }

    /// Renews durably. `false` when the row is gone: a writer has waited for this node in vain.
    pub(in crate::store) async fn renew(&self) -> Result<bool> {
        in_time(async {
            let renewed = self.hand.execute(&self.statements.renew, &[&self.id]).await;
            renewed.map(|rows| rows == 1).map_err(|error| classify(&error))
        })
        .await
    }

    /// Has nobody wait for this node any more. To be called when it trusts nothing that it remembers any more.
    pub(in crate::store) async fn leave(&self) -> Result<()> {
        const LEAVE: &str = "DELETE FROM nodes WHERE id = $1";
        in_time(async { self.hand.execute(LEAVE, &[&self.id]).await.map(|_| ()).map_err(|error| classify(&error)) })
            .await
    }
}

impl Notices {
    /// Waits until a writer tells of changes, or this process asks. Gives the writers' latest rounds and the questions, or
    /// `None` when the connection is lost.
    pub(in crate::store) async fn next(&mut self) -> Option<News> {
        let mut news = News::default();
        while news.rounds.is_empty() && news.questions.is_empty() {
            tokio::select! {
                notice = self.notices.recv() => keep_latest(&mut news.rounds, &notice?),
                Some(question) = self.questions.recv() => news.questions.push(question),
            }
            while let Ok(notice) = self.notices.try_recv() {
                keep_latest(&mut news.rounds, &notice);
            }
            while let Ok(question) = self.questions.try_recv() {
                news.questions.push(question);
            }
        }
        Some(news)
    }
}

/// Makes sure that notices arrive: through a pooler that gives each transaction another connection they do not.
async fn hears(notices: &mut mpsc::UnboundedReceiver<Notification>, probe: &str) -> Result<()> {
    in_time(async {
        while let Some(notice) = notices.recv().await {
            if notice.payload() == probe {
                return Ok(());
            }
        }
        Err(lost())
    })
    .await
    .map_err(|error| {
        Error::Unavailable(format!("no notices arrive; is there a pooler between here and PostgreSQL? ({error})"))
    })
}

async fn in_time<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}
