//! A fresh, empty database for one test: a file, or a schema of its own on the PostgreSQL server that
//! `OFFBOARD_TEST_POSTGRES` names (by default the one on this machine).

use offboard::model::entropy::SystemEntropy;
use offboard::model::id;
use offboard::store::{Location, PostgresOptions, Store};

/// Which engine a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// An empty database; gone when dropped.
pub struct Database {
    url: String,
    _folder: Option<tempfile::TempDir>,
    schema: Option<String>,
}

fn server() -> String {
    std::env::var("OFFBOARD_TEST_POSTGRES").unwrap_or("postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

impl Database {
    pub async fn fresh(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", folder.path().join("offboard.db").display());
                Self { url, _folder: Some(folder), schema: None }
            }
            Engine::Postgres => {
                let schema = format!("test_{}", id::random(&SystemEntropy).simple());
                execute(&server(), &format!("CREATE SCHEMA {schema}")).await;
                let separator = if server().contains('?') { '&' } else { '?' };
                let url = format!("{}{separator}application_name={schema}&options=-csearch_path%3D{schema}", server());
                Self { url, _folder: None, schema: Some(schema) }
            }
        }
    }

    /// Ends the connections that nodes of this test hold open and do not use.
    pub async fn db_end_idle_connections(&self) {
        let schema = self.schema.as_deref().expect("a test on PostgreSQL");
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = '{schema}' AND state = 'idle' AND pid <> pg_backend_pid()"
        );
        execute(&server(), &end).await;
    }

    /// As `--database` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// As `Store::open` takes it.
    pub fn location(&self) -> Location {
        match self.url.strip_prefix("sqlite:") {
            Some(path) => Location::Sqlite(path.into()),
            None => Location::Postgres(self.url.clone(), PostgresOptions { connections: 8 }),
        }
    }

    pub async fn open(&self) -> Store {
        Store::open(self.location(), &SystemEntropy).await.unwrap()
    }

    /// Runs SQL beside the program, as an operator with a database client would.
    pub async fn db_execute(&self, sql: &str) {
        self.db_try_execute(sql).await.unwrap();
    }

    pub async fn db_try_execute(&self, sql: &str) -> Result<(), String> {
        match self.url.strip_prefix("sqlite:") {
            Some(path) => {
                rusqlite::Connection::open(path).unwrap().execute_batch(sql).map_err(|error| error.to_string())
            }
            None => try_execute(&self.url, sql).await,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(schema) = self.schema.take() else { return };
        // A test's own runtime may be shutting down.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let drop = format!("DROP SCHEMA {schema} CASCADE");
            // A node of the test may be in the middle of something: the server ends one of two that wait for each other.
            let mut outcome = Err(String::new());
            for _ in 0..10 {
                outcome = runtime.block_on(try_execute(&server(), &drop));
                if outcome.is_ok() {
                    break;
                }
            }
            outcome.unwrap();
        });
        assert!(dropped.join().is_ok() || std::thread::panicking(), "the test's schema could not be dropped");
    }
}

async fn execute(url: &str, sql: &str) {
    try_execute(url, sql).await.unwrap();
}

async fn try_execute(url: &str, sql: &str) -> Result<(), String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap_or_else(|error| {
        panic!("PostgreSQL is needed at {url}: {error}; scripts/test starts one, or set OFFBOARD_TEST_POSTGRES")
    });
    let connection = tokio::spawn(connection);
    let outcome = client
        .batch_execute(sql)
        .await
        .map_err(|error| error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string));
    drop(client);
    connection.await.unwrap().unwrap();
    outcome
}
