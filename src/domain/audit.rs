//! What is recorded of an operation: prepared before its transaction, finished inside it.

use super::{Directory, Error, Refusal};
use crate::model::actor::{Actor, Caller, Origin};
use crate::model::audit::{Action, ActorRecord, Entry, Note, Outcome, Subject};
use crate::model::clock::Timestamp;
use crate::model::id::{self, CompanyId, EntryId};
use crate::store::{self, Tx};

/// An entry that lacks only what the transaction will tell.
#[derive(Clone)]
pub(super) struct Draft {
    id: EntryId,
    pub(super) at: Timestamp,
    actor: ActorRecord,
    origin: Origin,
    action: Action,
    subject: Option<Subject>,
    note: Note,
}

impl Draft {
    /// Writes that it was done, into the trail of this company.
    pub(super) async fn done(
        &self,
        tx: &mut Tx<'_>,
        company: Option<CompanyId>,
        detail: Option<serde_json::Value>,
    ) -> store::Result<()> {
        self.write(tx, company, Outcome::Done, detail).await
    }

    /// Writes that it was refused, into the trail of this company.
    pub(super) async fn refused(
        &self,
        tx: &mut Tx<'_>,
        company: Option<CompanyId>,
        refusal: &Refusal,
    ) -> store::Result<()> {
        self.write(tx, company, Outcome::Refused(refusal.as_str()), None).await
    }

    async fn write(
        &self,
        tx: &mut Tx<'_>,
        company: Option<CompanyId>,
        outcome: Outcome,
        detail: Option<serde_json::Value>,
    ) -> store::Result<()> {
        let entry = Entry {
            id: self.id,
            at: self.at,
            company,
            actor: self.actor,
            origin: self.origin.clone(),
            action: self.action,
            subject: self.subject,
            outcome,
            note: self.note.clone(),
            detail: detail.map(|detail| detail.to_string()),
        };
        store::audit::append(tx, &entry).await
    }
}

impl Directory {
    /// Begins the entry of an operation.
    pub(super) fn draft(&self, caller: &Caller, action: Action, subject: Option<Subject>, note: Note) -> Draft {
        let at = self.clock.now();
        Draft {
            id: EntryId(id::ordered(at, &*self.entropy)),
            at,
            actor: ActorRecord::from(caller),
            origin: caller.origin.clone(),
            action,
            subject,
            note,
        }
    }

    /// Records that a known caller was refused, and gives the refusal back as the operation's error.
    pub(super) async fn refuse(
        &self,
        caller: &Caller,
        action: Action,
        subject: Option<Subject>,
        refusal: Refusal,
    ) -> Error {
        let company = company_of(caller);
        let draft = self.draft(caller, action, subject, Note::default());
        let recorded = refusal.clone();
        match self.store.write(async move |tx| draft.refused(tx, company, &recorded).await).await {
            Ok(()) => refusal.into(),
            Err(error) => error.into(),
        }
    }
}

/// In whose trail a caller's refused attempts stand.
pub(super) fn company_of(caller: &Caller) -> Option<CompanyId> {
    match &caller.actor {
        Actor::User(identity) => Some(identity.company),
        Actor::Operator => None,
    }
}
