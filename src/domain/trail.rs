//! The audit trail as its readers get it.

use serde_json::{Value, json};

use super::{Directory, Error};
use crate::model::audit::{ActorRecord, Proof};
use crate::model::id::CompanyId;
use crate::store::{Tx, audit};

pub use crate::store::audit::{Direction, Filter, Stored as TrailEntry};

impl Directory {
    /// Up to `limit` entries behind the given place.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_trail(&self, filter: Filter, direction: Direction, limit: u32) -> Result<Vec<TrailEntry>, Error> {
        Ok(self.store.read(async move |tx| audit::list(tx, &filter, direction, limit.into()).await).await?)
    }

    /// The entry at this place of a company's trail.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn trail_entry(&self, company: CompanyId, seq: i64) -> Result<Option<TrailEntry>, Error> {
        let filter = Filter { company: Some(company), ..Filter::default() };
        let direction = Direction::Forward(seq.saturating_sub(1));
        let found = self.list_trail(filter, direction, 1).await?.pop();
        Ok(found.filter(|entry| entry.seq == seq))
    }

    /// A number that grows whenever something is recorded in a company's trail.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn pulse(&self, company: CompanyId) -> Result<i64, Error> {
        Ok(self.store.read(async move |tx: &mut Tx<'_>| audit::pulse(tx, company).await).await?)
    }
}

/// An entry as JSON, as it is taken out of the system: one object, members in camelCase.
pub fn document(entry: &TrailEntry) -> Value {
    let actor = match entry.actor {
        ActorRecord::User(user, Proof::Token(token)) => {
            json!({"kind": "user", "uuid": user.to_string(), "tokenUuid": token.to_string()})
        }
        ActorRecord::User(user, Proof::Session(session)) => {
            json!({"kind": "user", "uuid": user.to_string(), "sessionUuid": session.to_string()})
        }
        ActorRecord::User(user, Proof::Link(link)) => {
            json!({"kind": "user", "uuid": user.to_string(), "linkUuid": link.to_string()})
        }
        ActorRecord::Operator(None) => json!({"kind": "operator"}),
        ActorRecord::Operator(Some(session)) => json!({"kind": "operator", "sessionUuid": session.to_string()}),
        ActorRecord::Provisioner(service) => json!({"kind": "provisioner", "scimTokenUuid": service.to_string()}),
        ActorRecord::Stranger => json!({"kind": "stranger"}),
    };
    let subject = entry.subject.map(|uuid| json!({"kind": entry.subject_kind, "uuid": uuid.to_string()}));
    let detail = entry.detail.as_deref().and_then(|detail| serde_json::from_str::<Value>(detail).ok());
    json!({
        "seq": entry.seq,
        "at": entry.at,
        "companyUuid": entry.company.map(|id| id.to_string()),
        "actor": actor,
        "door": entry.door,
        "requestId": entry.request.to_string(),
        "clientAddress": entry.address,
        "action": entry.action,
        "subject": subject,
        "personUuid": entry.person.map(|id| id.to_string()),
        "outcome": if entry.refusal.is_some() { "refused" } else { "done" },
        "refusal": entry.refusal,
        "reason": entry.reason,
        "ticket": entry.ticket,
        "detail": detail,
    })
}
