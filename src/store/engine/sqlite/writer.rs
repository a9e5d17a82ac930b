//! The one thread that writes.
//!
//! A durable commit costs one `fsync` however many transactions it carries, so the writer takes what waits,
//! gives each its own savepoint, commits them together, and only then answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::super::{Error, Inner, Result, Tx};
use super::file::File;
use super::run_now;
use super::statement::classify;

/// How many transactions share a commit at most.
const GROUP: usize = 128;
/// After how many changed rows the log is written back into the file.
const CHECKPOINT_ROWS: u64 = 4_000;

/// A transaction that waits; gives what to answer once it is committed.
pub(super) type Job = Box<dyn FnOnce(Result<&mut Connection>) -> Reply + Send>;
pub(super) type Reply = Box<dyn FnOnce(Result<()>) + Send>;

/// Commits what comes until nobody can send any more.
pub(super) fn write_until_closed(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, file: &File) {
    let mut batch = Vec::with_capacity(GROUP);
    let mut checkpointed = connection.total_changes();
    while jobs.blocking_recv_many(&mut batch, GROUP) > 0 {
        commit_together(&mut connection, &mut batch, file);
        // Here nobody waits for it; `wal_autocheckpoint` would do it before the answers.
        if connection.total_changes() - checkpointed > CHECKPOINT_ROWS {
            checkpointed = connection.total_changes();
            if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                tracing::warn!(%error, "checkpoint failed");
            }
        }
    }
}

fn commit_together(connection: &mut Connection, batch: &mut Vec<Job>, file: &File) {
    let begun = file.check().and_then(|()| connection.execute_batch("BEGIN IMMEDIATE").map_err(classify));
    if let Err(error) = begun {
        for job in batch.drain(..) {
            job(Err(error.clone()))(Ok(()));
        }
        return;
    }
    let replies: Vec<Reply> = batch.drain(..).map(|job| job(Ok(connection))).collect();
    let committed = connection.execute_batch("COMMIT").map_err(classify);
    if committed.is_err() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    for reply in replies {
        reply(committed.clone());
    }
}

/// One transaction of the group: its statements take hold together or not at all, whatever the others do.
pub(super) fn in_savepoint<T>(connection: &mut Connection, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    connection.execute_batch("SAVEPOINT one").map_err(classify)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| run_now(work(&mut Tx(Inner::Sqlite(connection))))))
        .unwrap_or_else(|_| Err(Error::Broken("a transaction panicked".to_owned())));
    if outcome.is_err() {
        connection.execute_batch("ROLLBACK TO one").map_err(classify)?;
    }
    connection.execute_batch("RELEASE one").map_err(classify)?;
    outcome
}
