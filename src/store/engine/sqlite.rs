//! SQLite: reads run where they are asked, writes on one thread that commits many at once.
//!
//! A durable commit costs one `fsync` however many transactions it carries, so the writer takes what waits,
//! gives each its own savepoint, commits them together, and only then answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, types::ValueRef};
use tokio::sync::{mpsc, oneshot};

use super::{Error, Inner, Result, Row, Tx, Value, migrate};

/// How long to wait for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many transactions share a commit at most.
const GROUP: usize = 128;
/// How many transactions may wait; more are refused as overload.
const QUEUE: usize = 4096;
/// After how many changed rows the log is written back into the file.
const CHECKPOINT_ROWS: u64 = 4_000;

type Job = Box<dyn FnOnce(Result<&mut Connection>) -> Reply + Send>;
type Reply = Box<dyn FnOnce(Result<()>) + Send>;

pub(in crate::store) struct Sqlite {
    file: File,
    readers: Mutex<Vec<Connection>>,
    writer: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Sqlite {
    /// Opens the file, makes and migrates it where needed.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let mut connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        use_write_ahead_log(&connection)?;
        migrate::sqlite(&mut connection)?;
        let file = File::identify(path)?;
        let (writer, jobs) = mpsc::channel(QUEUE);
        let watched = file.clone();
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_until_closed(connection, jobs, &watched))
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self { file, readers: Mutex::default(), writer: Some(writer), thread: Some(thread) })
    }

    /// Runs here and now: 6 to 20 µs, less than a hop to another thread.
    pub(super) fn read<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.file.check()?;
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

    fn connect_reader(&self) -> Result<Connection> {
        let connection = connect(&self.file.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
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

/// The file that was opened. If another one, or none, stands at its path, this process would write where nobody
/// else looks: the store is gone then, until the file is back.
#[derive(Clone)]
struct File {
    path: Arc<Path>,
    identity: (u64, u64),
}

impl File {
    fn identify(path: PathBuf) -> Result<Self> {
        let identity = identity(&path)?;
        Ok(Self { path: path.into(), identity })
    }

    fn check(&self) -> Result<()> {
        if identity(&self.path)? == self.identity {
            Ok(())
        } else {
            Err(Error::Unavailable(format!("another file stands at {}", self.path.display())))
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata =
        std::fs::metadata(path).map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Result<(u64, u64)> {
    std::fs::metadata(path).map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    Ok((0, 0))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
    connection.set_prepared_statement_cache_capacity(128);
    for (pragma, value) in [("synchronous", "FULL"), ("foreign_keys", "ON"), ("cache_size", "-65536"), ("wal_autocheckpoint", "0")] {
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

fn write_until_closed(mut connection: Connection, mut jobs: mpsc::Receiver<Job>, file: &File) {
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
fn in_savepoint<T>(connection: &mut Connection, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    connection.execute_batch("SAVEPOINT one").map_err(classify)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| run_now(work(&mut Tx(Inner::Sqlite(connection))))))
        .unwrap_or_else(|_| Err(Error::Broken("a transaction panicked".to_owned())));
    if outcome.is_err() {
        connection.execute_batch("ROLLBACK TO one").map_err(classify)?;
    }
    connection.execute_batch("RELEASE one").map_err(classify)?;
    outcome
}

/// Drives work whose every statement ends at once.
fn run_now<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(Error::Broken("a transaction waited for something other than its statements".to_owned())),
    }
}

pub(super) fn rows(connection: &mut Connection, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql).map_err(classify)?;
    bind(&mut statement, parameters)?;
    let columns = statement.column_count();
    let mut found = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(classify)? {
        let values = (0..columns).map(|column| row.get_ref(column).map_err(classify).and_then(value));
        rows.push(Row(values.collect::<Result<_>>()?));
    }
    Ok(rows)
}

pub(super) fn execute(connection: &mut Connection, sql: &str, parameters: &[Value]) -> Result<u64> {
    let mut statement = connection.prepare_cached(sql).map_err(classify)?;
    bind(&mut statement, parameters)?;
    statement.raw_execute().map(|count| count as u64).map_err(classify)
}

/// To SQLite `$2` is a name, numbered by first appearance: each is bound by the number in its name.
fn bind(statement: &mut rusqlite::Statement<'_>, parameters: &[Value]) -> Result<()> {
    let mut bound = 0;
    for index in 1..=statement.parameter_count() {
        let number = statement.parameter_name(index).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = number.and_then(|number| parameters.get(number.checked_sub(1)?));
        let Some(value) = value else {
            return Err(Error::Broken("a statement has a parameter without a value".to_owned()));
        };
        statement.raw_bind_parameter(index, value).map_err(classify)?;
        bound += 1;
    }
    if bound == parameters.len() {
        Ok(())
    } else {
        Err(Error::Broken("a statement has a value without a parameter".to_owned()))
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        let borrowed = match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
        };
        Ok(rusqlite::types::ToSqlOutput::Borrowed(borrowed))
    }
}

fn value(value: ValueRef<'_>) -> Result<Value> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Integer(value)),
        ValueRef::Text(value) => String::from_utf8(value.to_vec())
            .map(Value::Text)
            .map_err(|_| Error::Broken("a stored text is not UTF-8".to_owned())),
        ValueRef::Blob(value) => Ok(Value::Bytes(value.to_vec())),
        ValueRef::Real(_) => Err(Error::Broken("a stored value is a fraction".to_owned())),
    }
}

/// Tells what may pass by itself (locks, a full or failing disk) from what will not.
pub(super) fn classify(error: rusqlite::Error) -> Error {
    const UNIQUE: [i32; 2] =
        [rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE, rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
    match &error {
        rusqlite::Error::SqliteFailure(code, message) => match code.code {
            ErrorCode::ConstraintViolation if UNIQUE.contains(&code.extended_code) => {
                Error::Taken(message.clone().unwrap_or_default())
            }
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory => Error::Unavailable(error.to_string()),
            _ => Error::Broken(error.to_string()),
        },
        _ => Error::Broken(error.to_string()),
    }
}
