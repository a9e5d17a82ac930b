//! Whose access changed, in the order of commits; noted by triggers, so that no statement of ours can forget
//! to, nor an UPDATE or DELETE by another program.
//!
//! SQLite only: it is for processes that remember credentials, and those on PostgreSQL do not.

use super::{Error, Result, Tx};
use crate::model::id::UserId;

/// What changed after a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The last place in the log; 0 when nothing was ever noted.
    pub last: i64,
    /// Whose access changed since; `None` when it can't be told: too many, or the log does not reach back so far.
    pub users: Option<Vec<UserId>>,
}

/// The most changes that [`list_after`] tells one by one.
const LIMIT: i64 = 1000;
/// How many changes [`prune`] keeps.
const KEPT: i64 = 10_000;

/// What changed after the given place.
pub async fn list_after(tx: &mut Tx<'_>, after: i64) -> Result<Changes> {
    const LAST: &str = "SELECT COALESCE(MAX(seq), 0) FROM access_changes";
    const LIST: &str = "SELECT user_id FROM access_changes WHERE seq > $1 AND seq <= $2 ORDER BY seq";
    let row = tx.row(LAST, &[]).await?;
    let last: i64 = row.ok_or_else(|| Error::Broken("a maximum gave no row".to_owned()))?.get(0)?;
    if last == after {
        return Ok(Changes { last, users: Some(Vec::new()) });
    }
    // A log that ends before the place is another one: a backup was put back.
    if last < after || last - after > LIMIT {
        return Ok(Changes { last, users: None });
    }
    let rows = tx.rows(LIST, &[after.into(), last.into()]).await?;
    let users: Vec<UserId> = rows.into_iter().map(|mut row| row.get(0).map(UserId)).collect::<Result<_>>()?;
    let complete = users.len() as u64 == last.abs_diff(after);
    Ok(Changes { last, users: complete.then_some(users) })
}

/// Forgets all but the latest changes.
pub async fn prune(tx: &mut Tx<'_>) -> Result<u64> {
    const PRUNE: &str = "DELETE FROM access_changes WHERE seq <= (SELECT MAX(seq) FROM access_changes) - $1";
    tx.execute(PRUNE, &[KEPT.into()]).await
}
