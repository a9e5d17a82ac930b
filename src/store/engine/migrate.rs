//! Migrations: numbered files, one pair for both engines, applied once, under a lock, and never edited.

use deadpool_postgres::Object;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{Error, Result};

/// One step of the schema, in both dialects.
struct Migration {
    number: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migrations {
    ($($number:literal $name:literal,)*) => {
        &[$(Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
        },)*]
    };
}

const MIGRATIONS: &[Migration] = migrations![
    1 "0001_initial",
    2 "0002_access_changes",
    3 "0003_sign_in",
    4 "0004_services",
    5 "0005_provisioning",
];

/// The lock that nodes take in turn; its number says nothing but must not change.
const LOCK: i64 = 0x0ffb_0a8d;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
                     (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)";
const LIST: &str = "SELECT number, checksum FROM schema_migrations ORDER BY number";
const RECORD: &str = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)";

pub(super) fn sqlite(connection: &mut Connection) -> Result<()> {
    let failed = super::sqlite::statement::classify;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    transaction.execute_batch(TABLE).map_err(failed)?;
    let applied = transaction
        .prepare(LIST)
        .and_then(|mut list| {
            list.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<Vec<_>>>()
        })
        .map_err(failed)?;
    for migration in pending(&applied, |migration| migration.sqlite)? {
        transaction.execute_batch(migration.sqlite).map_err(failed)?;
        let record = (migration.number, migration.name, checksum(migration.sqlite));
        transaction.execute(RECORD, record).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

pub(super) async fn postgres(client: &mut Object) -> Result<()> {
    let failed = |error: tokio_postgres::Error| super::postgres::statement::classify(&error);
    let transaction = client.transaction().await.map_err(failed)?;
    // However long a step takes, or another node's steps.
    let patience = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
    transaction.batch_execute(patience).await.map_err(failed)?;
    // Held until the commit: a second node that starts now waits here, and then finds nothing to do.
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(failed)?;
    transaction.batch_execute(TABLE).await.map_err(failed)?;
    let rows = transaction.query(LIST, &[]).await.map_err(failed)?;
    let applied: Vec<(i64, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for migration in pending(&applied, |migration| migration.postgres)? {
        transaction.batch_execute(migration.postgres).await.map_err(failed)?;
        let record = checksum(migration.postgres);
        transaction.execute(RECORD, &[&migration.number, &migration.name, &record]).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// What is still to be applied; refuses a database that a newer version, or an edited file, has made.
fn pending(
    applied: &[(i64, String)],
    text: impl Fn(&Migration) -> &'static str,
) -> Result<impl Iterator<Item = &'static Migration>> {
    for (number, recorded) in applied {
        let known = MIGRATIONS.iter().find(|migration| migration.number == *number);
        if known.is_none_or(|migration| checksum(text(migration)) != *recorded) {
            return Err(Error::Broken(format!(
                "the database has a schema (step {number}) that this version does not know; use the version that made it"
            )));
        }
    }
    let last = applied.last().map_or(0, |(number, _)| *number);
    Ok(MIGRATIONS.iter().filter(move |migration| migration.number > last))
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
