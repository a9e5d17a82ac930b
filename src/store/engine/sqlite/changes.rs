//! The log of changed access on SQLite, where one transaction is committed after the other: read by number.

use super::super::{Result, Tx};
use crate::model::id::UserId;
use crate::store::changes::{Changes, KEPT, LIMIT, Mark};

/// What changed after a place in the log; after `None`, the beginning, it can be told only while nothing has.
pub(in crate::store::engine) async fn list_after(tx: &mut Tx<'_>, after: Option<&Mark>) -> Result<Changes> {
    const LAST: &str = "SELECT seq, hex(tag) FROM access_changes ORDER BY seq DESC LIMIT 1";
    const LIST: &str = "SELECT user_id FROM access_changes WHERE seq > $1 AND seq <= $2 ORDER BY seq";
    const TAG: &str = "SELECT hex(tag) FROM access_changes WHERE seq = $1";
    let last = match tx.row(LAST, &[]).await? {
        Some(mut row) => Some(mark(row.get(0)?, &row.get::<String>(1)?)),
        None => None,
    };
    if last.as_ref() == after {
        return Ok(Changes { last, users: Some(Vec::new()) });
    }
    let (Some((from, tag)), Some((to, _))) = (after.and_then(parts), last.as_ref().and_then(parts)) else {
        return Ok(Changes { last, users: None });
    };
    let found: Option<String> = tx.row(TAG, &[from.into()]).await?.map(|mut row| row.get(0)).transpose()?;
    if found.as_deref() != Some(tag) || to - from > i64::try_from(LIMIT).unwrap_or(i64::MAX) {
        return Ok(Changes { last, users: None });
    }
    let rows = tx.rows(LIST, &[from.into(), to.into()]).await?;
    let users: Vec<_> = rows.into_iter().map(|mut row| row.get(0).map(UserId)).collect::<Result<_>>()?;
    let is_everybody = users.iter().any(|user| user.0.is_nil());
    Ok(Changes { last, users: (!is_everybody).then_some(users) })
}

/// Forgets all but the latest changes.
pub(in crate::store::engine) async fn prune(tx: &mut Tx<'_>) -> Result<u64> {
    const PRUNE: &str = "DELETE FROM access_changes WHERE seq <= (SELECT MAX(seq) FROM access_changes) - $1";
    tx.execute(PRUNE, &[KEPT.into()]).await
}

/// An entry's number, and the tag that tells it from another log's entry of the same number.
fn mark(seq: i64, tag: &str) -> Mark {
    Mark::new(format!("{seq}-{tag}"))
}

fn parts(mark: &Mark) -> Option<(i64, &str)> {
    let (seq, tag) = mark.as_str().split_once('-')?;
    Some((seq.parse().ok()?, tag))
}
