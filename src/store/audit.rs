//! The audit trail: lines are added and read, never changed.

use uuid::Uuid;

use super::engine::{Row, Value};
use super::{Error, Result, Tx};
use crate::model::audit::{Action, ActorRecord, Entry, Outcome, Proof, Subject};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, LinkId, RequestId, ServiceId, SessionId, TokenId, UserId};

/// Adds a line.
pub async fn append(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    const APPEND: &str = "INSERT INTO audit_entries (id, at, company_id, actor_kind, actor_user_id, actor_token_id, \
        actor_session_id, actor_link_id, door, request_id, client_address, action, subject_kind, subject_id, \
        person_id, outcome, refusal, reason, ticket, detail, actor_service_id) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";
    let (kind, user, proof) = match entry.actor {
        ActorRecord::User(user, proof) => ("user", Some(user.0), Some(proof)),
        ActorRecord::Operator(session) => ("operator", None, session.map(Proof::Session)),
        ActorRecord::Stranger => ("stranger", None, None),
        ActorRecord::Provisioner(_) => ("provisioner", None, None),
    };
    let service = match entry.actor {
        ActorRecord::Provisioner(service) => Some(service.0),
        ActorRecord::User(..) | ActorRecord::Operator(_) | ActorRecord::Stranger => None,
    };
    let (token, session, link) = match proof {
        Some(Proof::Token(id)) => (Some(id.0), None, None),
        Some(Proof::Session(id)) => (None, Some(id.0), None),
        Some(Proof::Link(id)) => (None, None, Some(id.0)),
        None => (None, None, None),
    };
    let (outcome, refusal) = match entry.outcome {
        Outcome::Done => ("done", None),
        Outcome::Refused(reason) => ("refused", Some(reason)),
    };
    let values = vec![
        entry.id.0.into(),
        entry.at.0.into(),
        entry.company.map(|id| id.0).into(),
        kind.into(),
        user.into(),
        token.into(),
        session.into(),
        link.into(),
        entry.origin.door.as_str().into(),
        entry.origin.request.0.into(),
        entry.origin.address.map(|address| address.to_string()).into(),
        entry.action.as_str().into(),
        entry.subject.map(Subject::kind).into(),
        entry.subject.map(Subject::id).into(),
        entry.person.map(|id| id.0).into(),
        outcome.into(),
        refusal.into(),
        entry.note.reason.clone().into(),
        entry.note.ticket.clone().into(),
        entry.detail.clone().into(),
        service.into(),
    ];
    tx.execute_one_later(APPEND, values).await
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
    /// Who, and by which credential.
    pub actor: ActorRecord,
    /// The actor's address, where it is a user.
    pub actor_email: Option<String>,
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
    /// Whom it concerns.
    pub person: Option<UserId>,
    /// The address of whom it concerns, if there is such a user in the company.
    pub person_email: Option<String>,
    /// Why it was refused; `None` when it was done.
    pub refusal: Option<String>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// Under which ticket.
    pub ticket: Option<String>,
    /// What changed, as JSON.
    pub detail: Option<String>,
}

/// Which lines of a trail.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this company, or of all.
    pub company: Option<CompanyId>,
    /// At or after this instant.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// By this user.
    pub actor: Option<UserId>,
    /// That concern this user.
    pub person: Option<UserId>,
    /// Of this action.
    pub action: Option<Action>,
    /// Only what was done, or only what was refused.
    pub done: Option<bool>,
}

/// In which order, and behind which place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first, after this place.
    Forward(i64),
    /// The newest first, before this place.
    Backward(i64),
}

/// Up to `limit` lines of a trail.
pub async fn list(tx: &mut Tx<'_>, filter: &Filter, direction: Direction, limit: i64) -> Result<Vec<Stored>> {
    const SELECT: &str = "SELECT e.seq, e.at, e.company_id, e.actor_kind, e.actor_user_id, e.actor_token_id, \
        e.actor_session_id, e.actor_link_id, a.email, e.door, e.request_id, e.client_address, e.action, \
        e.subject_kind, e.subject_id, e.person_id, p.email, e.refusal, e.reason, e.ticket, e.detail, e.actor_service_id \
        FROM audit_entries e LEFT JOIN users a ON a.id = e.actor_user_id \
        LEFT JOIN users p ON p.id = e.person_id AND p.company_id = e.company_id";
    let (comparison, order, place) = match direction {
        Direction::Forward(place) => (">", "ASC", place),
        Direction::Backward(place) => ("<", "DESC", place),
    };
    let mut values: Vec<Value> = vec![limit.into(), place.into()];
    let mut conditions = format!("e.seq {comparison} $2");
    let mut add = |column: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions += &format!(" AND e.{column} ${}", values.len());
        }
    };
    add("company_id =", filter.company.map(|id| id.0.into()));
    add("at >=", filter.from.map(|at| at.0.into()));
    add("at <", filter.until.map(|at| at.0.into()));
    add("actor_user_id =", filter.actor.map(|id| id.0.into()));
    add("person_id =", filter.person.map(|id| id.0.into()));
    add("action =", filter.action.map(|action| action.as_str().into()));
    add("outcome =", filter.done.map(|done| if done { "done" } else { "refused" }.into()));
    let sql = format!("{SELECT} WHERE {conditions} ORDER BY e.seq {order} LIMIT $1");
    tx.rows(&sql, &values).await?.into_iter().map(stored).collect()
}

/// A number that grows with each line that is added to a company's trail, in whatever order they are committed.
pub async fn pulse(tx: &mut Tx<'_>, company: CompanyId) -> Result<i64> {
    const PULSE: &str = "SELECT CAST(COALESCE(SUM(seq), 0) AS BIGINT) FROM \
        (SELECT seq FROM audit_entries WHERE company_id = $1 ORDER BY seq DESC LIMIT 100) latest";
    tx.number(PULSE, &[company.0.into()]).await
}

fn stored(mut row: Row) -> Result<Stored> {
    let session = row.get::<Option<_>>(6)?.map(SessionId);
    let proof = row.get::<Option<_>>(5)?.map(|id| Proof::Token(TokenId(id)));
    let proof = proof.or(session.map(Proof::Session));
    let proof = proof.or(row.get::<Option<_>>(7)?.map(|id| Proof::Link(LinkId(id))));
    let kind: String = row.get(3)?;
    let actor = match (kind.as_str(), row.get::<Option<_>>(4)?, proof) {
        ("user", Some(user), Some(proof)) => ActorRecord::User(UserId(user), proof),
        ("operator", None, _) => ActorRecord::Operator(session),
        ("stranger", None, None) => ActorRecord::Stranger,
        ("provisioner", None, None) => ActorRecord::Provisioner(ServiceId(row.get(21)?)),
        _ => return Err(Error::Broken("an audit entry has no known actor".to_owned())),
    };
    Ok(Stored {
        seq: row.get(0)?,
        at: Timestamp(row.get(1)?),
        company: row.get::<Option<_>>(2)?.map(CompanyId),
        actor,
        actor_email: row.get(8)?,
        door: row.get(9)?,
        request: RequestId(row.get(10)?),
        address: row.get(11)?,
        action: row.get(12)?,
        subject_kind: row.get(13)?,
        subject: row.get(14)?,
        person: row.get::<Option<_>>(15)?.map(UserId),
        person_email: row.get(16)?,
        refusal: row.get(17)?,
        reason: row.get(18)?,
        ticket: row.get(19)?,
        detail: row.get(20)?,
    })
}
