//! What a transition asks and does, in few ways there and back. Only `domain::transitions` may call this.

use super::engine::Statement;
use super::{Error, Result, Tx, companies, links, sessions, tokens, users};
use crate::model::actor::{Credential, Door};
use crate::model::clock::Timestamp;
use crate::model::company::GuardedDoors;
use crate::model::id::{CompanyId, UserId};
use crate::model::user::User;
use crate::model::{link, session, token};

/// Who acts, and on whom.
#[derive(Debug, Clone)]
pub struct Sides {
    /// The owner of the caller's credential, if that was neither ended nor is over.
    pub caller: Option<User>,
    /// The user, locked, and through which doors the company's guard counts who loses access.
    pub target: Option<(User, GuardedDoors)>,
}

/// Looks at the owner of the caller's credential, where it has one, and then locks the target: nobody else changes it until
/// this transaction ends. Another company than the caller's has no such user.
pub async fn look(
    tx: &mut Tx<'_>,
    credential: Option<Credential>,
    now: Timestamp,
    target: UserId,
    company: Option<CompanyId>,
) -> Result<Sides> {
    macro_rules! lock {
        ($condition:literal) => {
            concat!(
                "SELECT ",
                users::columns!(),
                ", (SELECT guard_doors FROM companies WHERE companies.id = users.company_id) FROM users \
                 WHERE id = $1 AND deleted_at IS NULL",
                $condition
            )
        };
    }
    let lock = match company {
        None => Statement(lock!(""), vec![target.0.into()]),
        Some(company) => Statement(lock!(" AND company_id = $2"), vec![target.0.into(), company.0.into()]),
    };
    let (owner, target) = match credential.and_then(|credential| users::owner_if_live(credential, now)) {
        Some(owner) => tx.row_then_locked_row(&owner, &lock).await?,
        None => (None, tx.locked_row(lock.0, &lock.1).await?),
    };
    let target = match target {
        Some(mut row) => {
            let doors = companies::guarded_doors(&mut row, users::COLUMN_COUNT)?;
            Some((users::user(row)?, doors))
        }
        None => None,
    };
    Ok(Sides { caller: owner.map(users::user).transpose()?, target })
}

/// What [`deactivate`] ended besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Tokens that had not been ended before.
    pub tokens: u64,
    /// Sessions that were live.
    pub sessions: u64,
}

/// Deactivates a user that was not, through this door (who was stopped before stays stopped through that one), forgets its
/// password, and ends its tokens, its sessions, its links and those that it made for others. A session counts as live if it
/// was not over yet, and used after `idle_since`.
pub async fn deactivate(
    tx: &mut Tx<'_>,
    id: UserId,
    since: Timestamp,
    idle_since: Timestamp,
    door: Door,
) -> Result<Ended> {
    const DEACTIVATE: &str = "UPDATE users SET status = 'deactivated', status_since = $2, \
        status_door = CASE status WHEN 'active' THEN $3 ELSE COALESCE(status_door, $3) END, \
        password_hash = NULL, revision = revision + 1, updated_at = $2 WHERE id = $1 AND status <> 'deactivated'";
    // Tokens before sessions, as the gate writes down their uses: who locks in one order does not deadlock.
    let statements = [
        Statement(DEACTIVATE, vec![id.0.into(), since.0.into(), door.as_str().into()]),
        tokens::end_all(id, since, token::EndReason::OwnerDeactivated),
        sessions::end_all(id, None, since, idle_since, session::EndReason::OwnerDeactivated),
        links::end_all(id, since, link::EndReason::OwnerDeactivated),
        links::end_made_by(id, since),
    ];
    let mut answers = tx.all(&statements).await?.into_iter();
    let (Some(deactivated), Some(tokens), Some(sessions)) = (answers.next(), answers.next(), answers.next()) else {
        return Err(Error::Broken("a deactivation lost an answer".to_owned()));
    };
    if deactivated.changed != 1 {
        return Err(Error::Broken(format!("{} users were deactivated where one was to be", deactivated.changed)));
    }
    Ok(Ended { tokens: tokens.changed, sessions: sessions::count_live(sessions)? })
}
