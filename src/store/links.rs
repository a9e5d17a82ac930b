//! Links that work once, by digest; no secret is stored.

use super::engine::{Row, Statement};
use super::{Error, Result, Tx};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, LinkId, UserId};
use crate::model::link::{EndReason, Link, Purpose};
use crate::model::secret::SecretDigest;

/// Adds a link under the digest of its secret.
pub async fn insert(tx: &mut Tx<'_>, link: &Link, digest: SecretDigest) -> Result<()> {
    const INSERT: &str = "INSERT INTO links (id, purpose, user_id, company_id, made_by, reason, digest, created_at, \
        expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let (user, company, reason) = match &link.purpose {
        Purpose::Invitation(user) | Purpose::Reset(user) => (Some(user.0), None, None),
        Purpose::BreakGlass(company, reason) => (None, Some(company.0), Some(reason.clone())),
    };
    let values = [
        link.id.0.into(),
        link.purpose.as_str().into(),
        user.into(),
        company.into(),
        link.made_by.map(|id| id.0).into(),
        reason.into(),
        digest.0.as_slice().into(),
        link.created_at.0.into(),
        link.expires_at.0.into(),
    ];
    tx.execute_one(INSERT, &values).await
}

/// The link with this digest, if it was not ended and its time is not over.
pub async fn find_live(tx: &mut Tx<'_>, digest: SecretDigest, now: Timestamp) -> Result<Option<Link>> {
    const FIND: &str = "SELECT id, purpose, user_id, company_id, reason, created_at, expires_at, made_by FROM links \
        WHERE digest = $1 AND ended_at IS NULL AND expires_at > $2";
    tx.row(FIND, &[digest.0.as_slice().into(), now.0.into()]).await?.map(link).transpose()
}

/// Whether a link was made for a user after this instant, and not ended since.
pub async fn was_made_since(tx: &mut Tx<'_>, user: UserId, after: Timestamp) -> Result<bool> {
    const FIND: &str = "SELECT COUNT(*) FROM links WHERE user_id = $1 AND ended_at IS NULL AND created_at > $2";
    Ok(tx.number(FIND, &[user.0.into(), after.0.into()]).await? > 0)
}

/// Ends one link; says whether it was not ended before.
pub async fn end(tx: &mut Tx<'_>, id: LinkId, at: Timestamp, reason: EndReason) -> Result<bool> {
    const END: &str = "UPDATE links SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL";
    Ok(tx.execute(END, &[id.0.into(), at.0.into(), reason.as_str().into()]).await? == 1)
}

/// Ends every link of a user that was not ended before; says how many.
pub async fn end_all_of(tx: &mut Tx<'_>, user: UserId, at: Timestamp, reason: EndReason) -> Result<u64> {
    let Statement(end, values) = end_all(user, at, reason);
    tx.execute(end, &values).await
}

pub(super) fn end_all(user: UserId, at: Timestamp, reason: EndReason) -> Statement {
    const END: &str = "UPDATE links SET ended_at = $2, end_reason = $3 WHERE user_id = $1 AND ended_at IS NULL";
    Statement(END, vec![user.0.into(), at.0.into(), reason.as_str().into()])
}

/// Ends every link that a user made for others; says how many.
pub async fn end_all_made_by(tx: &mut Tx<'_>, maker: UserId, at: Timestamp) -> Result<u64> {
    let Statement(end, values) = end_made_by(maker, at);
    tx.execute(end, &values).await
}

pub(super) fn end_made_by(maker: UserId, at: Timestamp) -> Statement {
    const END: &str = "UPDATE links SET ended_at = $2, end_reason = $3 WHERE made_by = $1 AND ended_at IS NULL";
    Statement(END, vec![maker.0.into(), at.0.into(), EndReason::MakerLostAccess.as_str().into()])
}

fn link(mut row: Row) -> Result<Link> {
    let broken = || Error::Broken("a link has no known purpose".to_owned());
    let purpose: String = row.get(1)?;
    let (user, company): (Option<_>, Option<_>) = (row.get(2)?, row.get(3)?);
    let purpose = match (purpose.as_str(), user, company) {
        ("invitation", Some(user), None) => Purpose::Invitation(UserId(user)),
        ("reset", Some(user), None) => Purpose::Reset(UserId(user)),
        ("break_glass", None, Some(company)) => {
            Purpose::BreakGlass(CompanyId(company), row.get::<Option<_>>(4)?.ok_or_else(broken)?)
        }
        _ => return Err(broken()),
    };
    Ok(Link {
        id: LinkId(row.get(0)?),
        purpose,
        created_at: Timestamp(row.get(5)?),
        expires_at: Timestamp(row.get(6)?),
        made_by: row.get::<Option<_>>(7)?.map(UserId),
    })
}
