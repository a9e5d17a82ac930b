//! Who lost access through a guarded door: what a runaway sync is told by.

use super::{Result, Tx};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, UserId};

/// Notes that a user lost access.
pub async fn insert(tx: &mut Tx<'_>, company: CompanyId, at: Timestamp, user: UserId) -> Result<()> {
    const INSERT: &str = "INSERT INTO departures (company_id, at, user_id) VALUES ($1, $2, $3)";
    tx.execute_one(INSERT, &[company.0.into(), at.0.into(), user.0.into()]).await
}

/// How many lost access since.
pub async fn count_since(tx: &mut Tx<'_>, company: CompanyId, since: Timestamp) -> Result<u64> {
    const COUNT: &str = "SELECT COUNT(*) FROM departures WHERE company_id = $1 AND at > $2";
    Ok(tx.number(COUNT, &[company.0.into(), since.0.into()]).await?.unsigned_abs())
}

/// How many users of a company are active, counted up to a limit.
pub async fn count_active(tx: &mut Tx<'_>, company: CompanyId, limit: u64) -> Result<u64> {
    const COUNT: &str = "SELECT COUNT(*) FROM \
        (SELECT 1 FROM users WHERE company_id = $1 AND status = 'active' LIMIT $2) counted";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(tx.number(COUNT, &[company.0.into(), limit.into()]).await?.unsigned_abs())
}

/// How many active users an identity provider made since, counted up to a limit.
pub async fn count_new(tx: &mut Tx<'_>, company: CompanyId, since: Timestamp, limit: u64) -> Result<u64> {
    const COUNT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE company_id = $1 AND created_at > $2 \
        AND deleted_at IS NULL AND status = 'active' AND made_door = 'scim' LIMIT $3) counted";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(tx.number(COUNT, &[company.0.into(), since.0.into(), limit.into()]).await?.unsigned_abs())
}

/// Counts a user no more.
pub async fn forget(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    const FORGET: &str = "DELETE FROM departures WHERE user_id = $1";
    tx.execute(FORGET, &[user.0.into()]).await.map(|_| ())
}

/// Forgets who went before this instant.
pub async fn prune(tx: &mut Tx<'_>, company: CompanyId, before: Timestamp) -> Result<()> {
    const PRUNE: &str = "DELETE FROM departures WHERE company_id = $1 AND at < $2";
    tx.execute(PRUNE, &[company.0.into(), before.0.into()]).await.map(|_| ())
}
