//! PostgreSQL: a pool of connections, one transaction each, tried again when two got into each other's way.

use std::net::IpAddr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::{Error, Inner, Result, Row, Tx, Value, migrate};

/// The longest that one operation may take, waiting for a connection included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a transaction is tried that others got in the way of.
const ATTEMPTS: u32 = 10;
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
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|_| Error::Unavailable("the database's URL is not one of PostgreSQL".to_owned()))?;
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
                Err(Error::Unavailable(_)) if lost(&client) && attempt < 3 => discard(client),
                Err(Error::Unavailable(reason)) => {
                    discard(client);
                    return Err(Error::Unavailable(reason));
                }
                outcome => return outcome,
            }
        }
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
                    let lost_before_commit = lost(&client) && !committing;
                    // Whatever still runs on it ends with the connection.
                    discard(client);
                    if !lost_before_commit || attempt >= 3 {
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
    tokio::time::timeout(OPERATION_TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(Error::Unavailable("PostgreSQL did not answer in time".to_owned())))
}

fn lost(client: &Object) -> bool {
    client.is_closed()
}

/// Closes a connection instead of giving it back to the pool.
fn discard(client: Object) {
    drop(Object::take(client));
}

pub(super) async fn rows(
    client: &impl deadpool_postgres::GenericClient,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>> {
    let statement = client.prepare_cached(sql).await.map_err(|error| classify(&error))?;
    let found = client.query_raw(&statement, parameters).await.map_err(|error| classify(&error))?;
    let mut found = std::pin::pin!(found);
    let mut rows = Vec::new();
    while let Some(row) = futures_util::TryStreamExt::try_next(&mut found).await.map_err(|error| classify(&error))? {
        rows.push(Row((0..row.len()).map(|column| value(&row, column)).collect::<Result<_>>()?));
    }
    Ok(rows)
}

pub(super) async fn execute(
    client: &impl deadpool_postgres::GenericClient,
    sql: &str,
    parameters: &[Value],
) -> Result<u64> {
    let statement = client.prepare_cached(sql).await.map_err(|error| classify(&error))?;
    client.execute_raw(&statement, parameters).await.map_err(|error| classify(&error))
}

fn value(row: &tokio_postgres::Row, column: usize) -> Result<Value> {
    let kind = row.columns()[column].type_();
    let read = match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(column).map(Value::from),
        Type::TEXT => row.try_get::<_, Option<String>>(column).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<&[u8]>>(column).map(Value::from),
        Type::UUID => row.try_get::<_, Option<uuid::Uuid>>(column).map(Value::from),
        _ => return Err(Error::Broken(format!("column {column} has the type {kind}"))),
    };
    read.map_err(|error| classify(&error))
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => value.to_sql_checked(kind, out),
            Self::Text(value) => value.to_sql_checked(kind, out),
            Self::Bytes(value) => value.to_sql_checked(kind, out),
            Self::Uuid(value) => value.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn unavailable(error: PoolError) -> Error {
    Error::Unavailable(error.to_string())
}

/// Tells what may pass by itself (lost connection, shutdown, overload) from what will not.
pub(super) fn classify(error: &tokio_postgres::Error) -> Error {
    let Some(database) = error.as_db_error() else {
        let broken_connection = std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        return if error.is_closed() || broken_connection {
            Error::Unavailable(error.to_string())
        } else {
            Error::Broken(error.to_string())
        };
    };
    let code = database.code();
    let text = format!("{} {}", code.code(), database.message());
    match code.code().get(..2) {
        _ if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) => {
            Error::Conflict(text)
        }
        _ if *code == SqlState::UNIQUE_VIOLATION => Error::Taken(database.constraint().unwrap_or_default().to_owned()),
        // SQLSTATE classes: 08 connection, 25 state (read-only standby), 53 resources, 55 locks, 57 intervention, 58 system.
        Some("08" | "25" | "53" | "55" | "57" | "58") => Error::Unavailable(text),
        _ => Error::Broken(text),
    }
}

fn warn_unless_local(config: &tokio_postgres::Config) {
    let remote = config.get_hosts().iter().find(|host| match host {
        Host::Tcp(name) => name != "localhost" && !name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        Host::Unix(_) => false,
    });
    if remote.is_some() {
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
