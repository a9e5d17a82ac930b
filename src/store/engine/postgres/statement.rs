//! Statements of PostgreSQL: values in, rows out, errors told apart.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::super::{Answer, Error, Result, Row, Value};

pub(in crate::store::engine) async fn rows(
    client: &impl deadpool_postgres::GenericClient,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>> {
    let statement = client.prepare_cached(sql).await.map_err(|error| classify(&error))?;
    Ok(answer(client, &statement, parameters).await?.rows)
}

/// As [`rows`], without keeping the statement: a connection keeps all that it ever prepared.
pub(in crate::store::engine) async fn rows_once(
    client: &impl deadpool_postgres::GenericClient,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>> {
    let statement = client.prepare(sql).await.map_err(|error| classify(&error))?;
    Ok(answer(client, &statement, parameters).await?.rows)
}

/// What a statement that was prepared gives.
pub(super) async fn answer(
    client: &impl deadpool_postgres::GenericClient,
    statement: &tokio_postgres::Statement,
    parameters: &[Value],
) -> Result<Answer> {
    let found = client.query_raw(statement, parameters).await.map_err(|error| classify(&error))?;
    let mut found = std::pin::pin!(found);
    let mut rows = Vec::new();
    while let Some(row) = futures_util::TryStreamExt::try_next(&mut found).await.map_err(|error| classify(&error))? {
        rows.push(Row((0..row.len()).map(|column| value(&row, column)).collect::<Result<_>>()?));
    }
    Ok(Answer { rows, changed: found.rows_affected().unwrap_or(0) })
}

/// Statements that need not wait for each other's answers: sent at once, done in this order.
pub(in crate::store::engine) async fn all(
    client: &impl deadpool_postgres::GenericClient,
    statements: &[(&str, &[Value])],
) -> Result<Vec<Answer>> {
    // Prepared first: one that is new waits for the server, and would be overtaken.
    let mut prepared = Vec::with_capacity(statements.len());
    for (sql, parameters) in statements {
        prepared.push((client.prepare_cached(sql).await.map_err(|error| classify(&error))?, parameters));
    }
    let answers = prepared.iter().map(|(statement, parameters)| answer(client, statement, parameters));
    futures_util::future::try_join_all(answers).await
}

pub(in crate::store::engine) async fn execute(
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

/// Tells what may pass by itself (lost connection, shutdown, overload) from what will not.
pub(in crate::store::engine) fn classify(error: &tokio_postgres::Error) -> Error {
    let Some(database) = error.as_db_error() else {
        let broken_connection =
            std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
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
