//! The log of changed access on PostgreSQL: read by snapshots, because transactions are not committed in the order in
//! which they began.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use uuid::Uuid;

use super::super::{Error, Result};
use super::statement::classify;
use crate::model::id::UserId;
use crate::store::changes::{Changes, KEPT, LIMIT, Mark};

/// What transactions changed that were not visible at the mark `$1`, and are now. Of a database that was copied from
/// another cluster, those of the other are none: their numbers lie ahead.
///
/// A mark is the life of the server and a snapshot. After a crash, and on a standby that was promoted, numbers of
/// transactions that left no trace are given again, so that a snapshot of before says nothing; both begin their
/// statistics anew, and the time of that tells one life from another.
///
/// One row at least: the mark of now, and whether changes since `$1` may have been forgotten.
pub(super) const LIST: &str = "SELECT server.life || '-' || CAST(pg_current_snapshot() AS TEXT), \
    server.life <> seen.life \
        OR (SELECT below > pg_snapshot_xmin(seen.snapshot) FROM access_changes_forgotten), changes.user_id \
    FROM (SELECT CAST(CAST(EXTRACT(EPOCH FROM stats_reset) * 1000000 AS BIGINT) AS TEXT) AS life \
        FROM pg_stat_bgwriter) server, \
    (SELECT split_part(CAST($1 AS TEXT), '-', 1) AS life, \
        CAST(split_part(CAST($1 AS TEXT), '-', 2) AS pg_snapshot) AS snapshot) seen \
    LEFT JOIN LATERAL (SELECT user_id FROM access_changes \
        WHERE xid >= pg_snapshot_xmin(seen.snapshot) AND NOT pg_visible_in_snapshot(xid, seen.snapshot) \
        AND pg_visible_in_snapshot(xid, pg_current_snapshot()) LIMIT 1001) changes ON TRUE";

/// Reads what [`LIST`] gave.
pub(super) fn read(rows: &[Row]) -> Result<Changes> {
    let broken = || Error::Broken("the log of changes gave no snapshot".to_owned());
    let first = rows.first().ok_or_else(broken)?;
    let last = Mark::new(first.try_get(0).map_err(|error| classify(&error))?);
    let forgotten: Option<bool> = first.try_get(1).map_err(|error| classify(&error))?;
    let users: Vec<Uuid> = rows
        .iter()
        .filter_map(|row| row.try_get(2).transpose())
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| classify(&error))?;
    // Without a snapshot to begin at, nothing is known to be forgotten.
    let is_whole = forgotten == Some(false) && users.len() <= LIMIT && !users.contains(&Uuid::nil());
    Ok(Changes { last: Some(last), users: is_whole.then(|| users.into_iter().map(UserId).collect()) })
}

/// What changed after a place in the log.
pub(in crate::store::engine) async fn list_after(client: &impl GenericClient, after: Option<&Mark>) -> Result<Changes> {
    let statement = client.prepare_cached(LIST).await.map_err(|error| classify(&error))?;
    let after = after.map(Mark::as_str);
    let rows = client.query(&statement, &[&after]).await.map_err(|error| classify(&error))?;
    read(&rows)
}

/// Forgets all but the latest changes, and notes below which transaction.
pub(in crate::store::engine) async fn prune(client: &impl GenericClient) -> Result<u64> {
    const PRUNE: &str = "WITH oldest AS (SELECT xid FROM access_changes ORDER BY xid DESC OFFSET $1 LIMIT 1), \
        noted AS (UPDATE access_changes_forgotten SET below = oldest.xid FROM oldest WHERE below < oldest.xid) \
        DELETE FROM access_changes USING oldest WHERE access_changes.xid < oldest.xid";
    client.execute(PRUNE, &[&KEPT]).await.map_err(|error| classify(&error))
}

/// Forgets what a copy from another cluster brought along, whose transactions have numbers that are still to come here.
pub(super) async fn forget_foreign(client: &tokio_postgres::Client) -> Result<()> {
    const FORGET: &str = "WITH gone AS (DELETE FROM access_changes \
            WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())) \
        UPDATE access_changes_forgotten SET below = pg_snapshot_xmin(pg_current_snapshot()) \
        WHERE below > pg_snapshot_xmax(pg_current_snapshot())";
    client.execute(FORGET, &[]).await.map(|_| ()).map_err(|error| classify(&error))
}
