//! PostgreSQL: a pool of connections, one transaction each, tried again when two got into each other's way.

pub(super) mod statement;

use std::net::IpAddr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::config::{Host, SslMode};

use super::{Error, Inner, Result, Tx, migrate};
use statement::classify;

/// The longest that one try of an operation may take, once it has a connection.
const TRY_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a transaction is tried that others got in the way of.
const ATTEMPTS: usize = 5;
/// A server that stops answering is given up by these; a client that is gone keeps no locks.
const SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
                       SET idle_in_transaction_session_timeout = '15s'; SET client_min_messages = 'warning'";

/// What a deployment may want otherwise.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The most connections that this process opens.
    pub connections: usize,
}

pub(in crate::store) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(super) async fn open(url: &str, options: &PostgresOptions) -> Result<Self> {
        let mut config: tokio_postgres::Config = url.parse().map_err(|error| Error::Unavailable(chain(&error)))?;
        if config.get_application_name().is_none() {
            config.application_name("offboard");
        }
        config.connect_timeout(Duration::from_secs(5));
        config.tcp_user_timeout(Duration::from_secs(10));
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        // `require` means a verified server here; encryption to whoever answers, which `prefer` is, protects nothing.
        let manager = if config.get_ssl_mode() == SslMode::Require {
            deadpool_postgres::Manager::from_config(config, encrypted()?, manager_config)
        } else {
            warn_unless_local(&config);
            config.ssl_mode(SslMode::Disable);
            deadpool_postgres::Manager::from_config(config, tokio_postgres::NoTls, manager_config)
        };
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(5)))
            .create_timeout(Some(Duration::from_secs(6)))
            .recycle_timeout(Some(Duration::from_secs(5)))
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| Error::Broken(error.to_string()))?;
        let mut client = pool.get().await.map_err(unavailable)?;
        migrate::postgres(&mut client).await?;
        drop(client);
        Ok(Self { pool })
    }

    pub(super) async fn read<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let client = self.pool.get().await.map_err(unavailable)?;
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
        self.pool.status().max_size
    }

    pub(super) async fn write<T>(&self, work: impl AsyncFn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut client = self.pool.get().await.map_err(unavailable)?;
            let mut committing = false;
            match within_timeout(transact(&mut client, &work, &mut committing)).await {
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

/// One try. Dropping the transaction unfinished rolls it back.
async fn transact<T>(
    client: &mut Object,
    work: &impl AsyncFn(&mut Tx<'_>) -> Result<T>,
    committing: &mut bool,
) -> Result<T> {
    let transaction = client.transaction().await.map_err(|error| classify(&error))?;
    let mut tx = Tx(Inner::PostgresWrite(transaction));
    let value = work(&mut tx).await?;
    if let Inner::PostgresWrite(transaction) = tx.0 {
        *committing = true;
        transaction.commit().await.map_err(|error| classify(&error))?;
    }
    Ok(value)
}

async fn within_timeout<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(TRY_TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(Error::Unavailable("PostgreSQL did not answer in time".to_owned())))
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

/// An error with its causes: what failed alone often does not say why.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whether this is a URL that can be used.
///
/// # Errors
/// Says what is wrong with it; no secret is in that.
pub fn check_postgres_url(url: &str) -> std::result::Result<(), String> {
    url.parse::<tokio_postgres::Config>().map(|_| ()).map_err(|error| chain(&error))
}

fn warn_unless_local(config: &tokio_postgres::Config) {
    let is_remote = config.get_hosts().iter().any(|host| match host {
        Host::Tcp(name) => name != "localhost" && !name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => false,
    });
    if is_remote {
        tracing::warn!("the connection to PostgreSQL is not encrypted; add sslmode=require to the database's URL");
    }
}

/// TLS to a server whose certificate the system's trust store knows.
fn encrypted() -> Result<tokio_postgres_rustls::MakeRustlsConnect> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Broken(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tokio_postgres_rustls::MakeRustlsConnect::new(config))
}
