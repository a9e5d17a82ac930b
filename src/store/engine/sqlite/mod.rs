//! SQLite: reads run where they are asked, writes on one thread that commits many at once.

pub(super) mod changes;
mod file;
mod revision;
pub(super) mod statement;
mod writer;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::{Error, Inner, Result, Tx, migrate};
use file::{Files, create_private};
use revision::Index;
pub use revision::Revision;
use statement::classify;
use writer::{Job, in_savepoint, write_until_closed};

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many transactions may wait; more are refused as overload.
const QUEUE: usize = 4096;

pub(in crate::store) struct Sqlite {
    files: Files,
    index: Option<Index>,
    readers: Mutex<Vec<Connection>>,
    writer: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Sqlite {
    /// Opens the file, makes and migrates it where needed.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let path = create_private(&path)?;
        let mut connection = connect(&path)?;
        use_write_ahead_log(&connection)?;
        migrate::sqlite(&mut connection)?;
        // What each transaction of a group changes is kept until it ends, to undo it alone: in memory, not in a file.
        connection.pragma_update(None, "temp_store", "MEMORY").map_err(classify)?;
        let files = Files::identify(&path)?;
        let index = Index::open(&files, &connection)?;
        let (writer, jobs) = mpsc::channel(QUEUE);
        let watched = files.clone();
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_until_closed(connection, jobs, &watched))
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self { files, index, readers: Mutex::default(), writer: Some(writer), thread: Some(thread) })
    }

    /// Runs here and now: 6 to 20 µs, less than a hop to another thread.
    pub(super) fn read<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.files.check()?;
        let free = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match free {
            Some(connection) => connection,
            None => self.connect_reader()?,
        };
        let answer = run_now(work(&mut Tx(Inner::Sqlite(&mut connection))));
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        answer
    }

    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = connection.and_then(|connection| in_savepoint(connection, work));
            Box::new(move |committed| {
                // A caller that went away does not hear the answer; the transaction stands all the same.
                let _ = answer.send(committed.and(outcome));
            })
        });
        let writer = self.writer.as_ref().ok_or_else(|| Error::Unavailable("shutting down".to_owned()))?;
        writer.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Unavailable("too many writes are waiting".to_owned()),
            mpsc::error::TrySendError::Closed(_) => Error::Unavailable("the writer has stopped".to_owned()),
        })?;
        answered.await.map_err(|_| Error::Unavailable("the writer has stopped".to_owned()))?
    }

    /// Whether the thread that writes is there.
    pub(super) fn check_writer(&self) -> Result<()> {
        match &self.writer {
            Some(writer) if !writer.is_closed() => Ok(()),
            _ => Err(Error::Unavailable("the writer has stopped".to_owned())),
        }
    }

    /// The state of the database at this instant; `now` is monotonic time.
    pub(super) fn revision(&self, now: Duration) -> Result<Option<Revision>> {
        self.files.check_now_and_then(now)?;
        self.index.as_ref().map(Index::revision).transpose()
    }

    fn connect_reader(&self) -> Result<Connection> {
        let connection = connect(self.files.database())?;
        connection.pragma_update(None, "query_only", true).map_err(classify)?;
        Ok(connection)
    }
}

/// Lets the writer finish what waits, so that the file is whole and checkpointed when the program ends.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.writer.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
    connection.set_prepared_statement_cache_capacity(128);
    for (pragma, value) in [
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        ("cache_size", "-65536"),
        ("wal_autocheckpoint", "0"),
        ("journal_size_limit", "8388608"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(classify)?;
    }
    Ok(connection)
}

/// Switching takes a lock that SQLite does not wait for, so two processes that start at once must try again.
fn use_write_ahead_log(connection: &Connection) -> Result<()> {
    let pause = Duration::from_millis(20);
    for _ in 0..(BUSY_TIMEOUT.as_millis() / pause.as_millis()) {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(Error::Unavailable(format!("the file can't use a write-ahead log, only {mode}"))),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => std::thread::sleep(pause),
            Err(error) => return Err(classify(error)),
        }
    }
    Err(Error::Unavailable("another process holds the file".to_owned()))
}

/// Drives work whose every statement ends at once.
fn run_now<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Error::Broken("a transaction waited for something other than its statements".to_owned())),
    }
}
