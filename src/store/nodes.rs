//! The nodes that share a database, each with a memory of its own.

use uuid::Uuid;

use super::changes::{Changes, Mark};
use super::{Result, Store, engine};

/// A node that writers wait for.
pub struct Node(engine::Membership);

/// What writers tell a node.
pub struct Inbox(engine::Notices);

/// That there are changes; to be confirmed when they have been heard.
pub struct News(engine::News);

impl Store {
    /// Becomes a node that writers wait for, until it leaves or is silent for longer than [`super::LEASE`]. `None` where a
    /// database has but one node.
    ///
    /// # Errors
    /// When the database can't be reached, or no notices arrive from it.
    pub async fn join(&self, id: Uuid) -> Result<Option<(Node, Inbox)>> {
        Ok(self.engine.join(id).await?.map(|(membership, notices)| (Node(membership), Inbox(notices))))
    }

    /// For a node whose lease is over and that can't join: asks whatever server answers. What it says is certain only by
    /// [`Store::read_certain`].
    ///
    /// # Errors
    /// None that a node could mend.
    pub fn ask_any_server(&self) -> Result<()> {
        self.engine.ask_any_server()
    }
}

impl Inbox {
    /// Waits until a writer tells of changes; `None` when the connection is lost.
    pub async fn next(&mut self) -> Option<News> {
        self.0.next().await.map(News)
    }
}

impl Node {
    /// What changed after a place in the log.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn changes_after(&self, after: Option<&Mark>) -> Result<Changes> {
        self.0.changes_after(after).await
    }

    /// Tells the writers that all that they told of has been heard, and forgotten where it was remembered.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn confirm(&self, news: News) -> Result<()> {
        self.0.confirm(news.0).await
    }

    /// Renews the lease, durably. `false` when a writer has waited for this node in vain: it is none any more.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn renew(&self) -> Result<bool> {
        self.0.renew().await
    }

    /// Has nobody wait for this node any more; it must trust nothing any more that it remembers.
    ///
    /// # Errors
    /// When the database can't be reached; then one writer waits in vain.
    pub async fn leave(&self) -> Result<()> {
        self.0.leave().await
    }
}
