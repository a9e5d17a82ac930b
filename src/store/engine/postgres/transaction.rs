//! A transaction in few ways there and back: `BEGIN` goes along with the first statement, and a statement whose answer
//! nobody waits for goes along with the next one, or with `COMMIT`.

use deadpool_postgres::Object;
use futures_util::FutureExt;
use futures_util::future::{join, join3};

use super::super::{Error, Result, Value};
use super::statement::{self, classify};

/// A transaction on a connection. Dropped unfinished, it is rolled back.
pub(in crate::store::engine) struct Transaction<'c> {
    client: &'c Object,
    is_begun: bool,
    is_open: bool,
    deferred: Option<Deferred>,
}

/// A statement that is sent with the next one: it changes one row.
struct Deferred {
    statement: tokio_postgres::Statement,
    parameters: Vec<Value>,
}

impl<'c> Transaction<'c> {
    pub(super) fn new(client: &'c Object) -> Self {
        Self { client, is_begun: false, is_open: true, deferred: None }
    }

    /// Its connection, for statements that [`Transaction::run`] is to run.
    pub(in crate::store::engine) fn client(&self) -> &'c Object {
        self.client
    }

    /// Runs what sends statements on the connection, behind what has to be sent before.
    pub(in crate::store::engine) async fn run<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // What changes something waits for BEGIN: alone it would take hold by itself, if that failed.
        if !self.is_begun && self.deferred.is_some() {
            self.begin().await?;
        }
        let is_begun = std::mem::replace(&mut self.is_begun, true);
        let begin = async {
            // What stands first is polled, and so sent, first.
            if is_begun { Ok(()) } else { self.client.batch_execute("BEGIN").await }
        };
        let deferred = self.deferred.take();
        let (first, deferred, answer) = join3(begin, perform(self.client, deferred), work).await;
        first.map_err(|error| classify(&error))?;
        deferred?;
        answer
    }

    /// Begins, if nothing was run yet, before something is run that changes rows.
    pub(in crate::store::engine) async fn begin(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.client.batch_execute("BEGIN").await.map_err(|error| classify(&error))?;
        }
        Ok(())
    }

    /// Has a statement that changes one row sent with what comes next; if it fails, so does that.
    pub(in crate::store::engine) async fn defer(&mut self, sql: &str, parameters: Vec<Value>) -> Result<()> {
        // Prepared at once: one that is new waits for the server, and would be overtaken.
        let statement = self.client.prepare_cached(sql).await.map_err(|error| classify(&error))?;
        if self.deferred.is_some() {
            self.run(async { Ok(()) }).await?;
        }
        self.deferred = Some(Deferred { statement, parameters });
        Ok(())
    }

    /// Makes it durable.
    pub(super) async fn commit(mut self) -> Result<()> {
        if !self.is_begun {
            match self.deferred {
                Some(_) => self.begin().await?,
                None => return Ok(()),
            }
        }
        let deferred = self.deferred.take();
        self.is_open = false;
        // A statement that fails makes a rollback of the commit behind it.
        let (deferred, committed) = join(perform(self.client, deferred), self.client.batch_execute("COMMIT")).await;
        deferred?;
        committed.map_err(|error| classify(&error))
    }
}

async fn perform(client: &Object, deferred: Option<Deferred>) -> Result<()> {
    let Some(Deferred { statement, parameters }) = deferred else { return Ok(()) };
    match statement::answer(client, &statement, &parameters).await?.changed {
        1 => Ok(()),
        count => Err(Error::Broken(format!("{count} rows changed where one was expected"))),
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_begun && self.is_open {
            // Sent, and not waited for: what comes on this connection comes behind it.
            let _ = self.client.batch_execute("ROLLBACK").now_or_never();
        }
    }
}
