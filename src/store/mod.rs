//! Persistence: every statement, written once for both engines; the only room that knows SQL.
//!
//! Look-ups are `find_…` and give an `Option`, `list_…` a `Vec`; writes count their rows.

pub mod audit;
pub mod changes;
pub mod companies;
pub mod departures;
mod engine;
pub mod groups;
pub mod legacy_calls;
pub mod links;
pub mod members;
pub mod nodes;
pub mod people;
pub mod selection;
pub mod services;
pub mod sessions;
pub mod tokens;
pub mod transitions;
pub mod users;

use std::path::PathBuf;
use std::time::Duration;

pub use engine::{Error, PostgresOptions, Result, Revision, Tx, check_postgres_url};

use crate::model::entropy::Entropy;
use crate::model::id;

/// How long a writer waits for a node that says nothing; a node trusts its memory for less than that.
pub const LEASE: Duration = engine::LEASE;

/// An open database.
pub struct Store {
    engine: engine::Engine,
}

/// Which database, and how to use it.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file, made on first use.
    Sqlite(PathBuf),
    /// A server, by URL.
    Postgres(String, PostgresOptions),
}

impl Store {
    /// Opens the database and brings its schema up to date, under a lock that other nodes wait for.
    ///
    /// # Errors
    /// When it can't be reached, or was made by a newer version.
    pub async fn open(location: Location, entropy: &dyn Entropy) -> Result<Self> {
        let engine = match location {
            Location::Sqlite(path) => engine::Engine::open_sqlite(path).await?,
            Location::Postgres(url, options) => {
                engine::Engine::open_postgres(&url, &options, id::random(entropy)).await?
            }
        };
        let store = Self { engine };
        // In short transactions: other nodes may be at work.
        while store.append(async |tx| users::index_missing(tx, 500).await).await? > 0 {}
        Ok(store)
    }

    /// The state of the database at this instant: two equal ones have no commit, by whatever process, between them.
    /// `None` where the engine can't tell for less than a read costs. `now` is monotonic time: whether the database is
    /// still in its place is looked at every 20 ms of it.
    ///
    /// # Errors
    /// When the database is gone.
    pub fn revision(&self, now: Duration) -> Result<Option<Revision>> {
        self.engine.revision(now)
    }

    /// Runs statements that change nothing.
    ///
    /// # Errors
    /// Those of the engine and of the work itself.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.engine.read(work).await
    }

    /// As [`Store::read`], for who trusts nothing else: the state was the present one, also where a server that was replaced
    /// by its standby still answers.
    ///
    /// # Errors
    /// Those of the engine and of the work itself; and when the server can't show that it is the one that counts.
    pub async fn read_certain<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.engine.read_certain(work).await
    }

    /// Runs statements as one durable transaction: all take hold, or none. When this has returned, no process on the
    /// database trusts a memory any more that is older, whether or not this transaction changed anything: what it found
    /// done may have been done by another a moment ago.
    ///
    /// The work may be run again from the start, so it must do nothing but its statements.
    ///
    /// # Errors
    /// Those of the engine and of the work itself.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let written = self.engine.write(work).await?;
        self.engine.pass_barrier().await;
        Ok(written)
    }

    /// As [`Store::write`], for what takes nobody's access: it returns after the commit, before others have heard of it.
    ///
    /// # Errors
    /// Those of the engine and of the work itself.
    pub async fn append<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.engine.write(work).await
    }

    /// Asks the engine for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<()> {
        self.engine.ping().await
    }
}
