//! The one thread that writes.
//!
//! A durable commit costs one `fsync` however many transactions it carries, so the writer takes what waits,
//! gives each its own savepoint, commits them together, and only then answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::super::{Error, Inner, Result, Tx};
use super::file::Files;
use super::run_now;
use super::statement::classify;

/// How many transactions share a commit at most.
const GROUP: usize = 128;
/// After how many changed rows the log is written back into the file.
const CHECKPOINT_ROWS: u64 = 4_000;
/// Or at which size, for what many short-lived processes have added.
const CHECKPOINT_BYTES: u64 = 32 * 1024 * 1024;

/// A transaction that waits; gives what to answer once it is committed.
pub(super) type Job = Box<dyn FnOnce(Result<&mut Connection>) -> Reply + Send>;
pub(super) type Reply = Box<dyn FnOnce(Result<()>) + Send>;

/// Commits what comes until nobody can send any more.
pub(super) fn write_until_closed(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, files: &Files) {
    let mut batch = Vec::with_capacity(GROUP);
    let mut checkpointed = connection.total_changes();
    while jobs.blocking_recv_many(&mut batch, GROUP) > 0 {
        commit_together(&mut connection, &mut batch, files);
        // Here nobody waits for it; `wal_autocheckpoint` would do it before the answers.
        if connection.total_changes() - checkpointed > CHECKPOINT_ROWS || files.log_size() > CHECKPOINT_BYTES {
            checkpointed = connection.total_changes();
            if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
                tracing::warn!(%error, "checkpoint failed");
            }
        }
    }
}

fn commit_together(connection: &mut Connection, batch: &mut Vec<Job>, files: &Files) {
    let begun = files.check().and_then(|()| connection.execute_batch("BEGIN IMMEDIATE").map_err(classify));
    if let Err(error) = begun {
        for job in batch.drain(..) {
            job(Err(error.clone()))(Ok(()));
        }
        return;
    }
    let lost = || Error::Unavailable("a failing disk undid the whole group".to_owned());
    let mut replies: Vec<Reply> = Vec::with_capacity(batch.len());
    for job in batch.drain(..) {
        // After some errors SQLite rolls back by itself; a later savepoint would then commit on its own.
        replies.push(job(if connection.is_autocommit() { Err(lost()) } else { Ok(&mut *connection) }));
    }
    let committed = if connection.is_autocommit() {
        Err(lost())
    } else {
        // What went into a file that was removed meanwhile is not kept.
        connection.execute_batch("COMMIT").map_err(classify).and_then(|()| files.check())
    };
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
    let ended = if outcome.is_err() { "ROLLBACK TO one; RELEASE one" } else { "RELEASE one" };
    let ended = connection.execute_batch(ended).map_err(classify);
    // What went wrong first says more than what that led to.
    outcome.and_then(|value| ended.map(|()| value))
}
