//! The audit trail: lines are added and read, never changed.

use uuid::Uuid;

use super::engine::Row;
use super::{Result, Tx};
use crate::model::audit::{ActorRecord, Entry, Outcome, Subject};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, RequestId, TokenId, UserId};

/// Adds a line.
pub async fn append(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    const APPEND: &str = "INSERT INTO audit_entries (id, at, company_id, actor_kind, actor_user_id, actor_token_id, \
        door, request_id, client_address, action, subject_kind, subject_id, outcome, refusal, reason, ticket, detail) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let (kind, user, token) = match entry.actor {
        ActorRecord::User(user, token) => ("user", Some(user.0), Some(token.0)),
        ActorRecord::Operator => ("operator", None, None),
    };
    let (outcome, refusal) = match entry.outcome {
        Outcome::Done => ("done", None),
        Outcome::Refused(reason) => ("refused", Some(reason)),
    };
    let values = [
        entry.id.0.into(),
        entry.at.0.into(),
        entry.company.map(|id| id.0).into(),
        kind.into(),
        user.into(),
        token.into(),
        entry.origin.door.as_str().into(),
        entry.origin.request.0.into(),
        entry.origin.address.map(|address| address.to_string()).into(),
        entry.action.as_str().into(),
        entry.subject.map(Subject::kind).into(),
        entry.subject.map(Subject::id).into(),
        outcome.into(),
        refusal.into(),
        entry.note.reason.clone().into(),
        entry.note.ticket.clone().into(),
        entry.detail.clone().into(),
    ];
    tx.execute_one(APPEND, &values).await
}

/// A line as it is stored, for those who read the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the trail.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Whose trail it stands in.
    pub company: Option<CompanyId>,
    /// Who; `None` is the host's operator.
    pub actor: Option<UserId>,
    /// By which personal access token.
    pub token: Option<TokenId>,
    /// Through which door.
    pub door: String,
    /// Under which request id.
    pub request: RequestId,
    /// From which address.
    pub address: Option<String>,
    /// What was done or tried.
    pub action: String,
    /// On what kind of thing.
    pub subject_kind: Option<String>,
    /// On whom or what.
    pub subject: Option<Uuid>,
    /// Why it was refused; `None` when it was done.
    pub refusal: Option<String>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// Under which ticket.
    pub ticket: Option<String>,
    /// What changed, as JSON.
    pub detail: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT seq, at, company_id, actor_user_id, actor_token_id, door, request_id, client_address, action, ",
            "subject_kind, subject_id, refusal, reason, ticket, detail FROM audit_entries ",
            $rest
        )
    };
}

/// Up to `limit` lines after the given place, the oldest first; of one company, or of all.
pub async fn list_after(tx: &mut Tx<'_>, company: Option<CompanyId>, after: i64, limit: i64) -> Result<Vec<Stored>> {
    const LIST: &str = select!("WHERE seq > $1 ORDER BY seq LIMIT $2");
    const LIST_OF_COMPANY: &str = select!("WHERE company_id = $3 AND seq > $1 ORDER BY seq LIMIT $2");
    let rows = match company {
        None => tx.rows(LIST, &[after.into(), limit.into()]).await?,
        Some(company) => tx.rows(LIST_OF_COMPANY, &[after.into(), limit.into(), company.0.into()]).await?,
    };
    rows.into_iter().map(stored).collect()
}

fn stored(mut row: Row) -> Result<Stored> {
    Ok(Stored {
        seq: row.get(0)?,
        at: Timestamp(row.get(1)?),
        company: row.get::<Option<_>>(2)?.map(CompanyId),
        actor: row.get::<Option<_>>(3)?.map(UserId),
        token: row.get::<Option<_>>(4)?.map(TokenId),
        door: row.get(5)?,
        request: RequestId(row.get(6)?),
        address: row.get(7)?,
        action: row.get(8)?,
        subject_kind: row.get(9)?,
        subject: row.get(10)?,
        refusal: row.get(11)?,
        reason: row.get(12)?,
        ticket: row.get(13)?,
        detail: row.get(14)?,
    })
}
