//! The commit limit of `bench/run`: the statements of one deactivation by API, in a loop, with nothing around them.
//!
//! The texts are those of `store::{tokens, transitions, sessions, links, audit}`, in the order in which
//! `domain::transitions` runs them for a member who holds no token; to know its caller the server asks no database.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use offboard::model::clock::{Clock, SystemClock};
use offboard::model::entropy::SystemEntropy;
use offboard::model::id;
use rusqlite::{Connection, OpenFlags, Statement};
use tokio::task::JoinSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

const FIND_CALLER: &str = "SELECT id, company_id, email, name, role, status, status_since, created_at, \
    email_key FROM users WHERE id = (SELECT user_id FROM tokens WHERE id = $1 AND ended_at IS NULL \
    AND (expires_at IS NULL OR expires_at > $2))";
const LOCK_TARGET: &str = "SELECT id, company_id, email, name, role, status, status_since, created_at, \
    email_key, (SELECT guard_doors FROM companies WHERE companies.id = users.company_id) FROM users \
    WHERE id = $1 AND deleted_at IS NULL AND company_id = $2";
const DEACTIVATE: &str = "UPDATE users SET status = 'deactivated', status_since = $2, \
    status_door = CASE status WHEN 'active' THEN $3 ELSE COALESCE(status_door, $3) END, \
    password_hash = NULL, revision = revision + 1, updated_at = $2 WHERE id = $1 AND status <> 'deactivated'";
const END_TOKENS: &str = "UPDATE tokens SET ended_at = $2, end_reason = $3 WHERE user_id = $1 AND ended_at IS NULL";
const END_SESSIONS: &str = "UPDATE sessions SET ended_at = $2, end_reason = $3 \
    WHERE user_id = $1 AND ended_at IS NULL AND id <> $4 \
    RETURNING CAST(CASE WHEN expires_at > $2 AND last_seen_at > $5 THEN 1 ELSE 0 END AS BIGINT)";
const END_LINKS: &str = "UPDATE links SET ended_at = $2, end_reason = $3 WHERE user_id = $1 AND ended_at IS NULL";
const END_MADE_LINKS: &str = "UPDATE links SET ended_at = $2, end_reason = $3 WHERE made_by = $1 AND ended_at IS NULL";
const APPEND: &str = "INSERT INTO audit_entries (id, at, company_id, actor_kind, actor_user_id, actor_token_id, \
    actor_session_id, actor_link_id, door, request_id, client_address, action, subject_kind, subject_id, \
    person_id, outcome, refusal, reason, ticket, detail, actor_service_id) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";

const END_REASON: &str = "owner_deactivated";
const MAKER_REASON: &str = "maker_lost_access";
/// After so many microseconds a session that is not used is over.
const IDLE: i64 = 30 * 60 * 1_000_000;
const DOOR: &str = "user_deactivation_api";
const ADDRESS: &str = "127.0.0.1";
/// After how many changed rows the server writes SQLite's log back into the file.
const CHECKPOINT_ROWS: u64 = 4_000;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Deactivates users with the server's statements but without the server, and prints how fast that went.
#[derive(Parser)]
struct Arguments {
    /// sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL")]
    database: String,
    /// Whom to deactivate: a file with one UUID a line, members who hold no token
    #[arg(long, value_name = "FILE")]
    users: PathBuf,
    /// The admin in whose name
    #[arg(long, value_name = "UUID")]
    actor: Uuid,
    /// The admin's personal access token
    #[arg(long, value_name = "UUID")]
    actor_token: Uuid,
    /// The company of them all
    #[arg(long, value_name = "UUID")]
    company: Uuid,
    /// How many connections loop at once; SQLite has one writer, so it takes 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    connections: usize,
    /// When to stop although users are left
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0)]
    seconds: f64,
}

/// What there is to do, shared by all connections.
struct Work {
    actor: Uuid,
    actor_token: Uuid,
    company: Uuid,
    users: Vec<Uuid>,
    next: AtomicUsize,
    clock: SystemClock,
    limit: Duration,
}

impl Work {
    /// The next user, until users or time run out. `begun` is when the loops were started.
    fn next(&self, begun: Duration) -> Option<Uuid> {
        let within_time = self.clock.monotonic().saturating_sub(begun) < self.limit;
        let next = || self.users.get(self.next.fetch_add(1, Ordering::Relaxed)).copied();
        within_time.then(next)?
    }

    fn new_id(&self) -> Uuid {
        id::ordered(self.clock.now(), &SystemEntropy)
    }
}

/// What was done, in how long.
struct Outcome {
    operations: u32,
    took: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let work = Arc::new(Work {
        actor: arguments.actor,
        actor_token: arguments.actor_token,
        company: arguments.company,
        users: read_users(&arguments.users)?,
        next: AtomicUsize::new(0),
        clock: SystemClock::start(),
        limit: Duration::from_secs_f64(arguments.seconds),
    });
    let (engine, outcome) = match arguments.database.strip_prefix("sqlite:") {
        Some(_) if arguments.connections != 1 => return Err("SQLite has one writer: --connections 1".into()),
        Some(path) => ("sqlite", on_sqlite(Path::new(path), &work)?),
        None => ("postgres", on_postgres(&arguments.database, arguments.connections, &work).await?),
    };
    let Outcome { operations, took } = outcome;
    let line = serde_json::json!({
        "engine": engine,
        "connections": arguments.connections,
        "operations": operations,
        "seconds": took.as_secs_f64(),
        "perSecond": f64::from(operations) / took.as_secs_f64(),
    });
    println!("{line}");
    Ok(())
}

fn read_users(file: &Path) -> Result<Vec<Uuid>> {
    Ok(std::fs::read_to_string(file)?.lines().map(Uuid::parse_str).collect::<std::result::Result<_, _>>()?)
}

fn detail(sessions_ended: i64, tokens_revoked: u64) -> String {
    let detail = serde_json::json!({
        "from": "active", "to": "deactivated", "sessionsEnded": sessions_ended, "tokensRevoked": tokens_revoked,
    });
    detail.to_string()
}

/// A user that was no active member makes a run worthless.
fn exactly_one(rows: u64, target: Uuid) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(format!("{rows} rows changed for the user {target}, 1 was expected").into()) }
}

fn on_sqlite(path: &Path, work: &Work) -> Result<Outcome> {
    let connection = open(path)?;
    let mut statements = Statements::prepare(&connection)?;
    let begun = work.clock.monotonic();
    let mut checkpointed = connection.total_changes();
    let mut operations = 0;
    while let Some(target) = work.next(begun) {
        statements.deactivate(work, target)?;
        operations += 1;
        if connection.total_changes() - checkpointed > CHECKPOINT_ROWS {
            checkpointed = connection.total_changes();
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
    }
    Ok(Outcome { operations, took: work.clock.monotonic().saturating_sub(begun) })
}

/// Set up as the server's writer.
fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    for (pragma, value) in
        [("synchronous", "FULL"), ("foreign_keys", "ON"), ("cache_size", "-65536"), ("wal_autocheckpoint", "0")]
    {
        connection.pragma_update(None, pragma, value)?;
    }
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode == "wal" { Ok(connection) } else { Err(format!("the file's journal mode is {mode}, not wal").into()) }
}

/// To SQLite `$2` is a name, numbered by first appearance, and `?2` is the second.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

struct Statements<'c> {
    begin: Statement<'c>,
    find_caller: Statement<'c>,
    lock_target: Statement<'c>,
    deactivate: Statement<'c>,
    end_tokens: Statement<'c>,
    end_sessions: Statement<'c>,
    end_links: Statement<'c>,
    end_made_links: Statement<'c>,
    append: Statement<'c>,
    commit: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            find_caller: connection.prepare(&numbered(FIND_CALLER))?,
            lock_target: connection.prepare(&numbered(LOCK_TARGET))?,
            deactivate: connection.prepare(&numbered(DEACTIVATE))?,
            end_tokens: connection.prepare(&numbered(END_TOKENS))?,
            end_sessions: connection.prepare(&numbered(END_SESSIONS))?,
            end_links: connection.prepare(&numbered(END_LINKS))?,
            end_made_links: connection.prepare(&numbered(END_MADE_LINKS))?,
            append: connection.prepare(&numbered(APPEND))?,
            commit: connection.prepare("COMMIT")?,
        })
    }

    fn deactivate(&mut self, work: &Work, target: Uuid) -> Result<()> {
        let [actor, token, company, subject] =
            [&work.actor, &work.actor_token, &work.company, &target].map(|id| id.as_bytes().as_slice());
        let (entry, request, now) = (work.new_id(), work.new_id(), work.clock.now().0);
        self.begin.execute([])?;
        self.find_caller.query_row((token, now), |_| Ok(()))?;
        self.lock_target.query_row([subject, company], |_| Ok(()))?;
        exactly_one(self.deactivate.execute((subject, now, DOOR))? as u64, target)?;
        let revoked = self.end_tokens.execute((subject, now, END_REASON))? as u64;
        let none = Uuid::nil();
        let none = none.as_bytes().as_slice();
        let ended = (subject, now, END_REASON, none, now - IDLE);
        let sessions =
            self.end_sessions.query_map(ended, |row| row.get::<_, i64>(0))?.sum::<rusqlite::Result<i64>>()?;
        self.end_links.execute((subject, now, END_REASON))?;
        self.end_made_links.execute((subject, now, MAKER_REASON))?;
        self.append.execute(rusqlite::params![
            entry.as_bytes().as_slice(),
            now,
            company,
            "user",
            actor,
            token,
            None::<&[u8]>,
            None::<&[u8]>,
            DOOR,
            request.as_bytes().as_slice(),
            ADDRESS,
            "user.deactivate",
            "user",
            subject,
            subject,
            "done",
            None::<&str>,
            None::<&str>,
            None::<&str>,
            detail(sessions, revoked),
            None::<&[u8]>,
        ])?;
        self.commit.execute([])?;
        Ok(())
    }
}

async fn on_postgres(url: &str, connections: usize, work: &Arc<Work>) -> Result<Outcome> {
    let mut ready = Vec::with_capacity(connections);
    for _ in 0..connections {
        ready.push(Session::open(url).await?);
    }
    let begun = work.clock.monotonic();
    let mut loops = JoinSet::new();
    for session in ready {
        loops.spawn(session.run(Arc::clone(work), begun));
    }
    let mut operations = 0;
    while let Some(done) = loops.join_next().await {
        operations += done??;
    }
    Ok(Outcome { operations, took: work.clock.monotonic().saturating_sub(begun) })
}

/// One connection with its prepared statements.
struct Session {
    client: Client,
    find_caller: tokio_postgres::Statement,
    lock_target: tokio_postgres::Statement,
    deactivate: tokio_postgres::Statement,
    end_tokens: tokio_postgres::Statement,
    end_sessions: tokio_postgres::Statement,
    end_links: tokio_postgres::Statement,
    end_made_links: tokio_postgres::Statement,
    append: tokio_postgres::Statement,
}

impl Session {
    async fn open(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self {
            find_caller: client.prepare(FIND_CALLER).await?,
            lock_target: client.prepare(&format!("{LOCK_TARGET} FOR NO KEY UPDATE")).await?,
            deactivate: client.prepare(DEACTIVATE).await?,
            end_tokens: client.prepare(END_TOKENS).await?,
            end_sessions: client.prepare(END_SESSIONS).await?,
            end_links: client.prepare(END_LINKS).await?,
            end_made_links: client.prepare(END_MADE_LINKS).await?,
            append: client.prepare(APPEND).await?,
            client,
        })
    }

    async fn run(mut self, work: Arc<Work>, begun: Duration) -> Result<u32> {
        let mut operations = 0;
        while let Some(target) = work.next(begun) {
            self.deactivate(&work, target).await?;
            operations += 1;
        }
        Ok(operations)
    }

    async fn deactivate(&mut self, work: &Work, target: Uuid) -> Result<()> {
        let Work { actor, actor_token, company, .. } = work;
        let (entry, request, now) = (work.new_id(), work.new_id(), work.clock.now().0);
        let transaction = self.client.transaction().await?;
        transaction.query_one(&self.find_caller, &[actor_token, &now]).await?;
        transaction.query_one(&self.lock_target, &[&target, company]).await?;
        exactly_one(transaction.execute(&self.deactivate, &[&target, &now, &DOOR]).await?, target)?;
        let revoked = transaction.execute(&self.end_tokens, &[&target, &now, &END_REASON]).await?;
        let (idle_since, nobody) = (now - IDLE, Uuid::nil());
        let ended = [&target as &(dyn ToSql + Sync), &now, &END_REASON, &nobody, &idle_since];
        let ended = transaction.query(&self.end_sessions, &ended).await?;
        let sessions: i64 = ended.iter().map(|row| row.get::<_, i64>(0)).sum();
        transaction.execute(&self.end_links, &[&target, &now, &END_REASON]).await?;
        transaction.execute(&self.end_made_links, &[&target, &now, &MAKER_REASON]).await?;
        let no_one = None::<Uuid>;
        let none = None::<&str>;
        transaction
            .execute(
                &self.append,
                &[
                    &entry,
                    &now,
                    company,
                    &"user",
                    actor,
                    actor_token,
                    &no_one,
                    &no_one,
                    &DOOR,
                    &request,
                    &ADDRESS,
                    &"user.deactivate",
                    &"user",
                    &target,
                    &target,
                    &"done",
                    &none,
                    &none,
                    &none,
                    &detail(sessions, revoked),
                    &no_one,
                ],
            )
            .await?;
        Ok(transaction.commit().await?)
    }
}
