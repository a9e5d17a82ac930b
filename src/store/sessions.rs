//! Sessions, by digest; no secret is stored.

use std::sync::Arc;

use super::engine::{Answer, Row, Statement};
use super::{Error, Result, Tx, users};
use crate::model::actor::{Actor, BreakGlass, Credential, Identity};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, SessionId, UserId};
use crate::model::scope::Scopes;
use crate::model::secret::SecretDigest;
use crate::model::session::{EndReason, Opening, Session};

/// A session together with its owner as both stand now: all that an authentication needs to know.
#[derive(Debug, Clone)]
pub struct Held {
    /// Who acts by it, with live status and role.
    pub actor: Actor,
    /// Which it is.
    pub session: SessionId,
    /// The company's name.
    pub company_name: Arc<str>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last noted as used.
    pub last_seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
    /// Whether it was ended.
    pub ended: bool,
}

/// Whose a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A user.
    User(UserId),
    /// The host's operator, for one company.
    Operator(CompanyId),
}

/// Adds a session under the digest of its secret.
pub async fn insert(tx: &mut Tx<'_>, owner: Owner, session: &Session, digest: SecretDigest) -> Result<()> {
    const INSERT: &str = "INSERT INTO sessions (id, user_id, company_id, digest, opened_by, device, client_address, \
        created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let (user, company) = match owner {
        Owner::User(user) => (Some(user.0), None),
        Owner::Operator(company) => (None, Some(company.0)),
    };
    let values = [
        session.id.0.into(),
        user.into(),
        company.into(),
        digest.0.as_slice().into(),
        session.opened_by.as_str().into(),
        session.device.as_str().into(),
        session.address.clone().into(),
        session.created_at.0.into(),
        session.last_seen_at.0.into(),
        session.expires_at.0.into(),
    ];
    tx.execute_one(INSERT, &values).await
}

/// The session with this digest and its owner's live state, in one statement.
pub async fn find_held(tx: &mut Tx<'_>, digest: SecretDigest) -> Result<Option<Held>> {
    const FIND: &str = "SELECT s.id, s.last_seen_at, s.expires_at, s.ended_at, c.id, c.name, \
        u.id, u.email, u.name, u.role, u.status, s.created_at, u.granted_scopes \
        FROM sessions s LEFT JOIN users u ON u.id = s.user_id \
        JOIN companies c ON c.id = COALESCE(s.company_id, u.company_id) WHERE s.digest = $1";
    tx.row(FIND, &[digest.0.as_slice().into()]).await?.map(held).transpose()
}

/// Finds the owner of a session that was neither ended nor is over; whether it has idled too long is a second question.
pub(super) fn owner_if_live(id: SessionId, now: Timestamp) -> Statement {
    const FIND: &str = users::select!(
        "WHERE id = (SELECT user_id FROM sessions WHERE id = $1 AND ended_at IS NULL AND expires_at > $2)"
    );
    Statement(FIND, vec![id.0.into(), now.0.into()])
}

/// Whether a session was neither ended nor is over; whether it has idled too long is a second question.
pub async fn is_live(tx: &mut Tx<'_>, id: SessionId, now: Timestamp) -> Result<bool> {
    const FIND: &str = "SELECT id FROM sessions WHERE id = $1 AND ended_at IS NULL AND expires_at > $2";
    Ok(tx.row(FIND, &[id.0.into(), now.0.into()]).await?.is_some())
}

/// The live sessions of a user, the latest used first.
pub async fn list_live_of(
    tx: &mut Tx<'_>,
    user: UserId,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<Session>> {
    const LIST: &str = "SELECT id, opened_by, device, client_address, created_at, last_seen_at, expires_at \
        FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3 \
        ORDER BY last_seen_at DESC, id LIMIT 1000";
    let rows = tx.rows(LIST, &[user.0.into(), now.0.into(), idle_since.0.into()]).await?;
    rows.into_iter().map(session).collect()
}

/// How many live sessions a user has but, where one is given, this one.
pub async fn count_live_of(
    tx: &mut Tx<'_>,
    user: UserId,
    but: Option<SessionId>,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<u64> {
    const COUNT: &str = "SELECT COUNT(*) FROM sessions \
        WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 AND last_seen_at > $3 AND id <> $4";
    let but = but.map_or(uuid::Uuid::nil(), |id| id.0);
    let count = tx.number(COUNT, &[user.0.into(), now.0.into(), idle_since.0.into(), but.into()]).await?;
    Ok(count.unsigned_abs())
}

/// Whose session this is; `None` when there is none, or it is the operator's.
pub async fn find_user(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<UserId>> {
    const FIND: &str = "SELECT user_id FROM sessions WHERE id = $1 AND user_id IS NOT NULL";
    tx.row(FIND, &[id.0.into()]).await?.map(|mut row| row.get(0).map(UserId)).transpose()
}

/// Ends one session; says whether it was not ended before.
pub async fn end(tx: &mut Tx<'_>, id: SessionId, at: Timestamp, reason: EndReason) -> Result<bool> {
    const END: &str = "UPDATE sessions SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL";
    Ok(tx.execute(END, &[id.0.into(), at.0.into(), reason.as_str().into()]).await? == 1)
}

/// Ends every session of a user but, where one is given, this one; says how many of them were live: not over yet, and used
/// after `idle_since`.
pub async fn end_all_of(
    tx: &mut Tx<'_>,
    user: UserId,
    but: Option<SessionId>,
    at: Timestamp,
    idle_since: Timestamp,
    reason: EndReason,
) -> Result<u64> {
    let answers = tx.all(&[end_all(user, but, at, idle_since, reason)]).await?;
    answers.into_iter().map(count_live).sum()
}

/// The statement of [`end_all_of`]; [`count_live`] reads its answer.
pub(super) fn end_all(
    user: UserId,
    but: Option<SessionId>,
    at: Timestamp,
    idle_since: Timestamp,
    reason: EndReason,
) -> Statement {
    const END: &str = "UPDATE sessions SET ended_at = $2, end_reason = $3 \
        WHERE user_id = $1 AND ended_at IS NULL AND id <> $4 \
        RETURNING CAST(CASE WHEN expires_at > $2 AND last_seen_at > $5 THEN 1 ELSE 0 END AS BIGINT)";
    let but = but.map_or(uuid::Uuid::nil(), |id| id.0);
    Statement(END, vec![user.0.into(), at.0.into(), reason.as_str().into(), but.into(), idle_since.0.into()])
}

/// How many of the sessions that were ended had been live.
pub(super) fn count_live(ended: Answer) -> Result<u64> {
    let is_live = |mut row: Row| row.get::<i64>(0).map(i64::unsigned_abs);
    ended.rows.into_iter().map(is_live).sum()
}

/// Notes a use; an earlier one than is noted changes nothing.
pub async fn note_use(tx: &mut Tx<'_>, id: SessionId, at: Timestamp) -> Result<()> {
    const NOTE: &str = "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    tx.execute(NOTE, &[id.0.into(), at.0.into()]).await.map(|_| ())
}

fn session(mut row: Row) -> Result<Session> {
    let opened_by: String = row.get(1)?;
    Ok(Session {
        id: SessionId(row.get(0)?),
        opened_by: Opening::parse(&opened_by)
            .ok_or_else(|| Error::Broken("a session was opened in no known way".to_owned()))?,
        device: row.get(2)?,
        address: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
        last_seen_at: Timestamp(row.get(5)?),
        expires_at: Timestamp(row.get(6)?),
    })
}

fn held(mut row: Row) -> Result<Held> {
    let (session, company) = (SessionId(row.get(0)?), CompanyId(row.get(4)?));
    let actor = match row.get::<Option<_>>(6)?.map(UserId) {
        None => Actor::BreakGlass(BreakGlass { company, session }),
        Some(user) => Actor::User(Arc::new(identity(&mut row, user, company, session)?)),
    };
    Ok(Held {
        actor,
        session,
        last_seen_at: Timestamp(row.get(1)?),
        expires_at: Timestamp(row.get(2)?),
        ended: row.get::<Option<i64>>(3)?.is_some(),
        company_name: row.get::<String>(5)?.into(),
        created_at: Timestamp(row.get(11)?),
    })
}

fn identity(row: &mut Row, user: UserId, company: CompanyId, session: SessionId) -> Result<Identity> {
    let (role, status) = (users::role(row, 9)?, users::status(row, 10)?);
    Ok(Identity {
        user,
        company,
        email: row.get(7)?,
        name: row.get(8)?,
        role,
        status,
        credential: Credential::Session(session),
        scopes: Scopes::of_role(role).and(Scopes::from_stored(&row.get::<String>(12)?)),
    })
}
