//! SQLite and PostgreSQL as rows and values: `read`, `write`, and nothing about users.
//!
//! A statement is one text for both engines: parameters are `$1`, `$2`, …, times are microseconds, UUIDs are values
//! of their own. Where the dialects differ, the difference has a name here ([`Tx::locked_row`]).

mod migrate;
mod postgres;
mod sqlite;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

pub(in crate::store) use value::{Row, Value};

pub(in crate::store) use postgres::{LEASE, Membership, News, Notices};
pub use postgres::{PostgresOptions, check_postgres_url};
pub use sqlite::Revision;

use super::changes::{Changes, Mark};

/// Why the store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The engine can't be reached, is overloaded or stopped answering; whether a write took hold is unknown.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// Another transaction got in the way; nothing took hold, and trying again may do.
    #[error("transactions got into each other's way: {0}")]
    Conflict(String),
    /// A row with the same unique key exists.
    #[error("a unique key is taken: {0}")]
    Taken(String),
    /// The work found, after it had changed something, that it must not: nothing took hold.
    #[error("the work was undone")]
    Undone,
    /// The same, with why.
    #[error("{0}")]
    Refused(String),
    /// A row that is to be referred to does not exist.
    #[error("there is no row {0}")]
    Missing(uuid::Uuid),
    /// A stored row or a statement is not what this version expects.
    #[error("storage is inconsistent: {0}")]
    Broken(String),
}

/// What the store's operations answer.
pub type Result<T> = std::result::Result<T, Error>;

pub(super) enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Engine {
    pub(in crate::store) async fn open_sqlite(path: PathBuf) -> Result<Self> {
        // Opening may wait for another process's lock.
        tokio::task::spawn_blocking(move || sqlite::Sqlite::open(path))
            .await
            .map_err(|error| Error::Broken(error.to_string()))?
            .map(Self::Sqlite)
    }

    pub(in crate::store) async fn open_postgres(url: &str, options: &PostgresOptions, process: Uuid) -> Result<Self> {
        postgres::Postgres::open(url, options, process).await.map(Self::Postgres)
    }

    /// Becomes one of the nodes that writers wait for; `None` where there is but one.
    pub(in crate::store) async fn join(&self, id: Uuid) -> Result<Option<(Membership, Notices)>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(engine) => engine.join(id).await.map(Some),
        }
    }

    /// Asks whatever server answers, not only the one that this node joined at.
    pub(in crate::store) fn ask_any_server(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(engine) => engine.ask_any_server(),
        }
    }

    /// Returns when no node trusts a memory any more that is older than this call. On SQLite the commit alone outdates
    /// what is remembered.
    pub(in crate::store) async fn pass_barrier(&self) {
        if let Self::Postgres(engine) = self {
            engine.pass_barrier().await;
        }
    }

    /// Asks for a sign of life, of whoever writes too.
    pub(super) async fn ping(&self) -> Result<()> {
        const ONE: &str = "SELECT CAST(1 AS BIGINT)";
        if let Self::Sqlite(engine) = self {
            engine.check_writer()?;
        }
        self.read(async |tx| tx.row(ONE, &[]).await.map(|_| ())).await
    }

    /// The state of the database at this instant; `None` where the engine can't tell without being asked.
    pub(super) fn revision(&self, now: Duration) -> Result<Option<Revision>> {
        match self {
            Self::Sqlite(engine) => engine.revision(now),
            Self::Postgres(_) => Ok(None),
        }
    }

    /// Runs statements that change nothing. May run them again from the start after a lost connection.
    pub(in crate::store) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match self {
            Self::Sqlite(engine) => engine.read(work),
            Self::Postgres(engine) => engine.read(work).await,
        }
    }

    /// As [`Engine::read`], and what was read was the present state: see [`Tx::prove`].
    pub(in crate::store) async fn read_certain<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match self {
            Self::Sqlite(engine) => engine.read(work),
            Self::Postgres(engine) => engine.read_certain(work).await,
        }
    }

    /// Runs statements as one durable transaction: when this returns `Ok`, all of them are on disk; when `Err`,
    /// none took hold, save that after [`Error::Unavailable`] one can't know.
    /// May run the work again from the start when two transactions got into each other's way.
    pub(in crate::store) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match self {
            Self::Sqlite(engine) => engine.write(work).await,
            Self::Postgres(engine) => engine.write(work).await,
        }
    }
}

/// A statement with its values.
pub(in crate::store) struct Statement(pub(in crate::store) &'static str, pub(in crate::store) Vec<Value>);

/// What one of many statements gave: rows, or how many it changed.
pub(in crate::store) struct Answer {
    pub(in crate::store) rows: Vec<Row>,
    pub(in crate::store) changed: u64,
}

/// A transaction (in `write`), or a connection outside of one (in `read`).
pub struct Tx<'t>(Inner<'t>);

enum Inner<'t> {
    Sqlite(&'t mut rusqlite::Connection),
    PostgresRead(&'t deadpool_postgres::Object),
    PostgresWrite(postgres::transaction::Transaction<'t>),
}

impl Tx<'_> {
    /// All rows that the query gives.
    pub(in crate::store) async fn rows(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        match &mut self.0 {
            Inner::Sqlite(connection) => sqlite::statement::rows(connection, sql, parameters),
            Inner::PostgresRead(client) => postgres::statement::rows(*client, sql, parameters).await,
            Inner::PostgresWrite(transaction) => {
                let client = transaction.client();
                transaction.run(postgres::statement::rows(client, sql, parameters)).await
            }
        }
    }

    /// As [`Tx::rows`], for a statement whose text somebody outside had a hand in: it is not kept prepared.
    pub(in crate::store) async fn rows_once(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        match &mut self.0 {
            Inner::Sqlite(connection) => sqlite::statement::rows_once(connection, sql, parameters),
            Inner::PostgresRead(client) => postgres::statement::rows_once(*client, sql, parameters).await,
            Inner::PostgresWrite(transaction) => {
                let client = transaction.client();
                transaction.run(postgres::statement::rows_once(client, sql, parameters)).await
            }
        }
    }

    /// The one row that the query gives, if any.
    pub(in crate::store) async fn row(&mut self, sql: &str, parameters: &[Value]) -> Result<Option<Row>> {
        at_most_one(sql, self.rows(sql, parameters).await?)
    }

    /// The one number that the query gives: a count or a sum.
    pub(in crate::store) async fn number(&mut self, sql: &str, parameters: &[Value]) -> Result<i64> {
        let row = self.row(sql, parameters).await?;
        row.ok_or_else(|| Error::Broken(format!("no number was given: {sql}")))?.get(0)
    }

    /// As [`Tx::row`], and nobody else changes or locks that row until this transaction ends.
    /// SQLite has one writer at a time; PostgreSQL locks the row, though not against those who only refer to it.
    pub(in crate::store) async fn locked_row(&mut self, sql: &str, parameters: &[Value]) -> Result<Option<Row>> {
        match &self.0 {
            Inner::Sqlite(_) => self.row(sql, parameters).await,
            Inner::PostgresRead(_) | Inner::PostgresWrite(_) => self.row(&locking(sql), parameters).await,
        }
    }

    /// As [`Tx::row`] and then [`Tx::locked_row`], without waiting in between.
    pub(in crate::store) async fn row_then_locked_row(
        &mut self,
        first: &Statement,
        locked: &Statement,
    ) -> Result<(Option<Row>, Option<Row>)> {
        let Inner::PostgresWrite(transaction) = &mut self.0 else {
            return Ok((self.row(first.0, &first.1).await?, self.locked_row(locked.0, &locked.1).await?));
        };
        let (client, lock) = (transaction.client(), locking(locked.0));
        let statements = [(first.0, first.1.as_slice()), (lock.as_str(), locked.1.as_slice())];
        let answers = transaction.run(postgres::statement::all(client, &statements)).await?;
        let mut rows = answers.into_iter().zip(statements).map(|(answer, (sql, _))| at_most_one(sql, answer.rows));
        match (rows.next(), rows.next()) {
            (Some(first), Some(locked)) => Ok((first?, locked?)),
            _ => Err(Error::Broken("an answer is missing".to_owned())),
        }
    }

    /// Runs statements none of which needs another's answer; in this order, but without waiting in between.
    pub(in crate::store) async fn all(&mut self, statements: &[Statement]) -> Result<Vec<Answer>> {
        match &mut self.0 {
            Inner::Sqlite(connection) => sqlite::statement::all(connection, statements),
            Inner::PostgresRead(_) => Err(Error::Broken("a read tried to write".to_owned())),
            Inner::PostgresWrite(transaction) => {
                let client = transaction.client();
                transaction.begin().await?;
                let statements: Vec<_> =
                    statements.iter().map(|Statement(sql, values)| (*sql, values.as_slice())).collect();
                transaction.run(postgres::statement::all(client, &statements)).await
            }
        }
    }

    /// Makes the commit of this transaction a proof that the server is still the primary. One that was cut off and replaced
    /// by its standby goes on answering from what it has; but it can commit no more where commits wait for the standby, and
    /// a message in the write-ahead log makes one of a transaction that only read.
    async fn prove(&mut self) -> Result<()> {
        self.rows(concat!("SELECT ", postgres::proof!()), &[]).await.map(|_| ())
    }

    /// What changed after a place in the log of changed access.
    pub(in crate::store) async fn changes_after(&mut self, after: Option<&Mark>) -> Result<Changes> {
        match &mut self.0 {
            Inner::Sqlite(_) => sqlite::changes::list_after(self, after).await,
            Inner::PostgresRead(client) => postgres::changes::list_after(*client, after).await,
            Inner::PostgresWrite(transaction) => {
                let client = transaction.client();
                transaction.run(postgres::changes::list_after(client, after)).await
            }
        }
    }

    /// Forgets all but the latest changes.
    pub(in crate::store) async fn prune_changes(&mut self) -> Result<u64> {
        match &mut self.0 {
            Inner::Sqlite(_) => sqlite::changes::prune(self).await,
            Inner::PostgresRead(_) => Err(Error::Broken("a read tried to prune".to_owned())),
            Inner::PostgresWrite(transaction) => {
                let client = transaction.client();
                transaction.begin().await?;
                transaction.run(postgres::changes::prune(client)).await
            }
        }
    }

    /// Changes rows and says how many.
    pub(in crate::store) async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64> {
        match &mut self.0 {
            Inner::Sqlite(connection) => sqlite::statement::execute(connection, sql, parameters),
            Inner::PostgresRead(_) => Err(Error::Broken(format!("a read tried to write: {sql}"))),
            Inner::PostgresWrite(transaction) => {
                let client = transaction.client();
                transaction.begin().await?;
                transaction.run(postgres::statement::execute(client, sql, parameters)).await
            }
        }
    }

    /// As [`Tx::execute_one`], for a statement behind which nothing may be to come: it takes hold with what comes next, or with
    /// the commit, and its failure is that of what it goes with.
    pub(in crate::store) async fn execute_one_later(&mut self, sql: &str, parameters: Vec<Value>) -> Result<()> {
        match &mut self.0 {
            Inner::PostgresWrite(transaction) => transaction.defer(sql, parameters).await,
            Inner::Sqlite(_) | Inner::PostgresRead(_) => self.execute_one(sql, &parameters).await,
        }
    }

    /// Changes exactly one row; any other number is an inconsistency and undoes the transaction.
    pub(in crate::store) async fn execute_one(&mut self, sql: &str, parameters: &[Value]) -> Result<()> {
        match self.execute(sql, parameters).await? {
            1 => Ok(()),
            count => Err(Error::Broken(format!("{count} rows changed where one was expected: {sql}"))),
        }
    }
}

/// Has PostgreSQL lock the row that is read, though not against those who only refer to it.
fn locking(sql: &str) -> String {
    format!("{sql} FOR NO KEY UPDATE")
}

fn at_most_one(sql: &str, mut rows: Vec<Row>) -> Result<Option<Row>> {
    match rows.len() {
        0 | 1 => Ok(rows.pop()),
        count => Err(Error::Broken(format!("{count} rows where one was expected: {sql}"))),
    }
}
