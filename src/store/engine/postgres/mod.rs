//! PostgreSQL: a pool of connections, one transaction each, tried again when two got into each other's way; and the nodes
//! that share the database.

/// Makes the commit of a transaction that only reads wait for the standby, where commits do.
macro_rules! proof {
    () => {
        "CASE WHEN current_setting('synchronous_standby_names') <> '' \
         THEN CAST(pg_logical_emit_message(TRUE, 'offboard', '') AS TEXT) END"
    };
}
pub(super) use proof;

mod barrier;
pub(super) mod changes;
mod connect;
mod membership;
mod notice;
pub(super) mod statement;
pub(super) mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use deadpool_postgres::{Hook, HookError, Object, Pool, PoolError, Runtime};
use uuid::Uuid;

use super::{Error, Inner, Result, Tx, migrate};
use barrier::Barrier;
pub(in crate::store) use barrier::LEASE;
use connect::{Connector, SESSION, chain};
pub(in crate::store) use membership::{Membership, News, Notices};
use notice::late;
use transaction::Transaction;

/// The longest that one try of an operation may take, once it has a connection.
const TRY_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a transaction is tried that others got in the way of.
const ATTEMPTS: usize = 8;

/// What a deployment may want otherwise.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The most connections that this process opens.
    pub connections: usize,
}

pub(in crate::store) struct Postgres {
    /// Of a node with a lease: connections to the server that gave it alone. Another one may have been replaced.
    pool: ArcSwap<Pool>,
    is_bound: AtomicBool,
    connector: Connector,
    connections: usize,
    barrier: Barrier,
}

impl Postgres {
    /// Connects; `process` tells this process from others on the database.
    pub(super) async fn open(url: &str, options: &PostgresOptions, process: Uuid) -> Result<Self> {
        let connector = Connector::parse(url)?;
        let pool = pool(&connector, options.connections, None)?;
        let mut client = pool.get().await.map_err(unavailable)?;
        migrate::postgres(&mut client).await?;
        drop(client);
        let barrier = Barrier::new(connector.clone(), process);
        Ok(Self {
            pool: ArcSwap::from_pointee(pool),
            is_bound: AtomicBool::new(false),
            connector,
            connections: options.connections,
            barrier,
        })
    }

    /// Becomes a node that writers wait for. From now on only the server that it joined at is asked.
    pub(super) async fn join(&self, id: Uuid) -> Result<(Membership, Notices)> {
        let (membership, notices) = Membership::join(&self.connector, &self.barrier, id).await?;
        let server = membership.server().to_owned();
        self.pool.store(Arc::new(pool(&self.connector, self.connections, Some(server))?));
        self.is_bound.store(true, Ordering::SeqCst);
        Ok((membership, notices))
    }

    /// Asks whatever server answers; for who has no lease.
    pub(super) fn ask_any_server(&self) -> Result<()> {
        if self.is_bound.swap(false, Ordering::SeqCst) {
            self.pool.store(Arc::new(pool(&self.connector, self.connections, None)?));
        }
        Ok(())
    }

    /// Returns when no node trusts a memory any more that is older than this call.
    pub(super) async fn pass_barrier(&self) {
        self.barrier.pass().await;
    }

    pub(super) async fn read<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let client = self.pool.load_full().get().await.map_err(unavailable)?;
            let outcome = within_timeout(work(&mut Tx(Inner::PostgresRead(&client)))).await;
            match outcome {
                Err(Error::Unavailable(reason)) if lost(&client, &reason) && attempt <= self.pooled() => {
                    discard(client);
                }
                Err(Error::Unavailable(reason)) => {
                    discard(client);
                    return Err(Error::Unavailable(reason));
                }
                outcome => return outcome,
            }
        }
    }

    /// How many connections there may be that the server has closed and nobody has noticed yet.
    fn pooled(&self) -> usize {
        self.connections
    }

    pub(super) async fn write<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.commit(work, false).await
    }

    /// Reads in a transaction whose commit proves that the server is the primary.
    pub(super) async fn read_certain<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.commit(work, true).await
    }

    async fn commit<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>, prove: bool) -> Result<T> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let client = self.pool.load_full().get().await.map_err(unavailable)?;
            let mut committing = false;
            match within_timeout(transact(&client, &work, prove, &mut committing)).await {
                Err(Error::Conflict(_)) if attempt < ATTEMPTS => {}
                Err(Error::Unavailable(reason)) => {
                    let lost_before_commit = lost(&client, &reason) && !committing;
                    // Whatever still runs on it, the server ends at its statement timeout.
                    discard(client);
                    if !lost_before_commit || attempt > self.pooled() {
                        return Err(Error::Unavailable(reason));
                    }
                }
                outcome => return outcome,
            }
        }
    }
}

/// Connections to whatever server answers or, where one is named, to that one alone.
fn pool(connector: &Connector, connections: usize, server: Option<String>) -> Result<Pool> {
    let prepare = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        let server = server.clone();
        Box::pin(async move {
            client.batch_execute(SESSION).await.map_err(HookError::Backend)?;
            match server {
                Some(server) if connect::server(client).await.map_err(HookError::Backend)? != server => {
                    Err(HookError::message("another server answered than the one that this node joined at"))
                }
                _ => Ok(()),
            }
        })
    });
    Pool::builder(connector.manager())
        .max_size(connections)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(Duration::from_secs(5)))
        .create_timeout(Some(Duration::from_secs(6)))
        .recycle_timeout(Some(Duration::from_secs(5)))
        .post_create(prepare)
        .build()
        .map_err(|error| Error::Broken(error.to_string()))
}

/// One try. Dropping the transaction unfinished rolls it back.
async fn transact<T>(
    client: &Object,
    work: &impl AsyncFn(&mut Tx<'_>) -> Result<T>,
    prove: bool,
    committing: &mut bool,
) -> Result<T> {
    let mut tx = Tx(Inner::PostgresWrite(Transaction::new(client)));
    let value = work(&mut tx).await?;
    if prove {
        tx.prove().await?;
    }
    if let Inner::PostgresWrite(transaction) = tx.0 {
        *committing = true;
        transaction.commit().await?;
    }
    Ok(value)
}

async fn within_timeout<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(TRY_TIMEOUT, work).await.unwrap_or_else(|_| Err(late()))
}

/// Whether the connection was lost, or the server is ending it (SQLSTATE 57P01 to 57P03).
fn lost(client: &Object, reason: &str) -> bool {
    client.is_closed() || reason.starts_with("57P0")
}

/// Closes a connection instead of giving it back to the pool.
fn discard(client: Object) {
    drop(Object::take(client));
}

fn unavailable(error: PoolError) -> Error {
    Error::Unavailable(chain(&error))
}

/// Whether this is a URL that can be used.
///
/// # Errors
/// Says what is wrong with it; no secret is in that.
pub fn check_postgres_url(url: &str) -> std::result::Result<(), String> {
    url.parse::<tokio_postgres::Config>().map(|_| ()).map_err(|error| chain(&error))
}
