//! Whose access changed, in the order of commits; noted by triggers, so that no writer can forget to.
//!
//! SQLite only: it is for processes that remember credentials, and those on PostgreSQL do not.

use super::{Result, Tx};
use crate::model::id::UserId;

/// A place in the log: its last entry, of which the tag tells it from another log's entry of the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    seq: i64,
    tag: Vec<u8>,
}

impl Mark {
    /// Its number; it grows with the log.
    pub fn seq(&self) -> i64 {
        self.seq
    }
}

/// What changed after a place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The last place in the log; `None` when nothing was ever noted.
    pub last: Option<Mark>,
    /// Whose access changed since; `None` when it can't be told: too many, or that place is not in this log, because
    /// the log does not reach back so far or a backup was put back.
    pub users: Option<Vec<UserId>>,
}

/// The most changes that [`list_after`] tells one by one.
const LIMIT: i64 = 1000;
/// How many changes [`prune`] keeps.
const KEPT: i64 = 10_000;

/// What changed after the given place; after `None`, the beginning, it can be told only while nothing has.
pub async fn list_after(tx: &mut Tx<'_>, after: Option<&Mark>) -> Result<Changes> {
    const LAST: &str = "SELECT seq, tag FROM access_changes ORDER BY seq DESC LIMIT 1";
    const LIST: &str = "SELECT user_id FROM access_changes WHERE seq > $1 AND seq <= $2 ORDER BY seq";
    const TAG: &str = "SELECT tag FROM access_changes WHERE seq = $1";
    let last = match tx.row(LAST, &[]).await? {
        Some(mut row) => Some(Mark { seq: row.get(0)?, tag: row.get(1)? }),
        None => None,
    };
    if last.as_ref() == after {
        return Ok(Changes { last, users: Some(Vec::new()) });
    }
    let (Some(after), Some(Mark { seq, .. })) = (after, &last) else { return Ok(Changes { last, users: None }) };
    let tag: Option<Vec<u8>> = tx.row(TAG, &[after.seq.into()]).await?.map(|mut row| row.get(0)).transpose()?;
    if tag.as_ref() != Some(&after.tag) || seq - after.seq > LIMIT {
        return Ok(Changes { last, users: None });
    }
    let rows = tx.rows(LIST, &[after.seq.into(), (*seq).into()]).await?;
    let users = rows.into_iter().map(|mut row| row.get(0).map(UserId)).collect::<Result<_>>()?;
    Ok(Changes { last, users: Some(users) })
}

/// Forgets all but the latest changes.
pub async fn prune(tx: &mut Tx<'_>) -> Result<u64> {
    const PRUNE: &str = "DELETE FROM access_changes WHERE seq <= (SELECT MAX(seq) FROM access_changes) - $1";
    tx.execute(PRUNE, &[KEPT.into()]).await
}
