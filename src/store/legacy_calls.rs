//! Who still calls the User Management API.

use super::engine::Row;
use super::{Result, Tx};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, TokenId, UserId};

/// Calls of one kind with one API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyCall {
    /// The company of who called.
    pub company: CompanyId,
    /// Whose key it is.
    pub user: UserId,
    /// That user's address.
    pub email: String,
    /// The key.
    pub key: TokenId,
    /// What its owner calls it.
    pub key_name: String,
    /// What was called: `GET users`.
    pub call: String,
    /// How often.
    pub calls: u64,
    /// When it was called first.
    pub first_at: Timestamp,
    /// When it was called last.
    pub last_at: Timestamp,
}

/// Adds calls to those that were noted before.
pub async fn note(
    tx: &mut Tx<'_>,
    company: CompanyId,
    key: TokenId,
    call: String,
    calls: u64,
    (first, last): (Timestamp, Timestamp),
) -> Result<()> {
    const NOTE: &str = "INSERT INTO legacy_calls (token_id, call, company_id, calls, first_at, last_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (token_id, call) DO UPDATE \
        SET calls = legacy_calls.calls + excluded.calls, last_at = excluded.last_at";
    let calls = i64::try_from(calls).unwrap_or(i64::MAX);
    let values = [key.0.into(), call.into(), company.0.into(), calls.into(), first.0.into(), last.0.into()];
    tx.execute_one(NOTE, &values).await
}

/// Up to `limit` kinds of calls, the latest first; those of one company, where one is given.
pub async fn list(tx: &mut Tx<'_>, company: Option<CompanyId>, limit: i64) -> Result<Vec<LegacyCall>> {
    const LIST: &str = "SELECT c.company_id, u.id, u.email, t.id, t.name, c.call, c.calls, c.first_at, c.last_at \
        FROM legacy_calls c JOIN tokens t ON t.id = c.token_id JOIN users u ON u.id = t.user_id \
        WHERE c.company_id = COALESCE($2, c.company_id) ORDER BY c.last_at DESC, c.token_id, c.call LIMIT $1";
    let rows = tx.rows(LIST, &[limit.into(), company.map(|company| company.0).into()]).await?;
    rows.into_iter().map(call).collect()
}

fn call(mut row: Row) -> Result<LegacyCall> {
    Ok(LegacyCall {
        company: CompanyId(row.get(0)?),
        user: UserId(row.get(1)?),
        email: row.get(2)?,
        key: TokenId(row.get(3)?),
        key_name: row.get(4)?,
        call: row.get(5)?,
        calls: row.get::<i64>(6)?.unsigned_abs(),
        first_at: Timestamp(row.get(7)?),
        last_at: Timestamp(row.get(8)?),
    })
}
