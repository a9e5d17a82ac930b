//! Statements of SQLite: values in, rows out, errors told apart.

use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode};
use tokio::runtime::RuntimeFlavor;

use super::super::{Answer, Error, Result, Row, Statement, Value};

/// The longest that a statement may take of which somebody outside had a hand in the text.
const LONGEST: Duration = Duration::from_secs(5);

pub(in crate::store::engine) fn rows(connection: &mut Connection, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql).map_err(classify)?;
    collect(&mut statement, parameters)
}

/// As [`rows`], for what may take long: the statement is not kept, and other work of this thread goes elsewhere.
pub(in crate::store::engine) fn rows_once(
    connection: &mut Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>> {
    let deadline = Deadline::of(connection);
    let work = || {
        let mut statement = connection.prepare(sql).map_err(classify)?;
        collect(&mut statement, parameters)
    };
    let _deadline = deadline;
    match tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Interrupts what takes too long, unless it is dropped before.
struct Deadline(Option<tokio::task::AbortHandle>);

impl Deadline {
    fn of(connection: &Connection) -> Self {
        let interrupt = connection.get_interrupt_handle();
        let runtime = tokio::runtime::Handle::try_current().ok();
        Self(runtime.map(|runtime| {
            let watch = async move {
                tokio::time::sleep(LONGEST).await;
                interrupt.interrupt();
            };
            runtime.spawn(watch).abort_handle()
        }))
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some(watch) = self.0.take() {
            watch.abort();
        }
    }
}

fn collect(statement: &mut rusqlite::Statement<'_>, parameters: &[Value]) -> Result<Vec<Row>> {
    bind(statement, parameters)?;
    let columns = statement.column_count();
    let mut found = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next().map_err(classify)? {
        let values = (0..columns).map(|column| row.get_ref(column).map_err(classify).and_then(value));
        rows.push(Row(values.collect::<Result<_>>()?));
    }
    Ok(rows)
}

pub(in crate::store::engine) fn execute(connection: &mut Connection, sql: &str, parameters: &[Value]) -> Result<u64> {
    let mut statement = connection.prepare_cached(sql).map_err(classify)?;
    bind(&mut statement, parameters)?;
    statement.raw_execute().map(|count| count as u64).map_err(classify)
}

pub(in crate::store::engine) fn all(connection: &mut Connection, statements: &[Statement]) -> Result<Vec<Answer>> {
    let answer = |Statement(sql, parameters): &Statement| {
        let gives_rows = connection.prepare_cached(sql).map_err(classify)?.column_count() > 0;
        Ok(if gives_rows {
            Answer { rows: rows(connection, sql, parameters)?, changed: 0 }
        } else {
            Answer { rows: Vec::new(), changed: execute(connection, sql, parameters)? }
        })
    };
    statements.iter().map(answer).collect()
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
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let borrowed = match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
        };
        Ok(ToSqlOutput::Borrowed(borrowed))
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
pub(in crate::store::engine) fn classify(error: rusqlite::Error) -> Error {
    const UNIQUE: [i32; 2] = [rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE, rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
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
            | ErrorCode::OperationInterrupted
            | ErrorCode::OutOfMemory => Error::Unavailable(error.to_string()),
            _ => Error::Broken(error.to_string()),
        },
        _ => Error::Broken(error.to_string()),
    }
}
