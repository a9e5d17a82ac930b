//! What is recorded of an operation: prepared before its transaction, finished inside it.

use std::sync::Arc;

use super::{Directory, Error, Refusal, guards};
use crate::model::actor::{Actor, Caller, Origin};
use crate::model::audit::{Action, ActorRecord, Entry, Note, Outcome, Subject};
use crate::model::clock::{Clock, Timestamp};
use crate::model::entropy::Entropy;
use crate::model::id::{self, CompanyId, EntryId, UserId};
use crate::store::{self, Tx};

/// An entry that lacks only what the transaction will tell, the instant among it: what waited for a lock happened when
/// it had the lock.
#[derive(Clone)]
pub(super) struct Draft {
    id: EntryId,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    actor: ActorRecord,
    origin: Origin,
    action: Action,
    subject: Option<Subject>,
    person: Option<UserId>,
    note: Note,
}

impl Draft {
    /// The same entry, which concerns this person: the owner of what is changed.
    pub(super) fn concerning(&self, person: UserId) -> Self {
        Self { person: Some(person), ..self.clone() }
    }

    /// An entry of its own for another act of the same call.
    pub(super) fn beside(&self, action: Action, subject: Subject) -> Self {
        let id = EntryId(id::ordered(self.clock.now(), &*self.entropy));
        Self { id, action, subject: Some(subject), person: person_of(Some(subject)), ..self.clone() }
    }

    /// Whether the caller may still do this, of what belongs to this user; that he may not is written down.
    pub(super) async fn caller_may_still(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        owner: Option<UserId>,
    ) -> store::Result<Result<(), Refusal>> {
        let may = guards::caller_may_still(tx, caller, self.action, owner, self.now()).await?;
        if let Err(refusal) = &may {
            self.refused(tx, company_of(caller), refusal).await?;
        }
        Ok(may)
    }

    /// What the time is now.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes that it was done at this instant, into the trail of this company.
    pub(super) async fn done(
        &self,
        tx: &mut Tx<'_>,
        at: Timestamp,
        company: Option<CompanyId>,
        detail: Option<serde_json::Value>,
    ) -> store::Result<()> {
        self.write(tx, at, company, Outcome::Done, detail).await
    }

    /// Writes that it was refused, into the trail of this company.
    pub(super) async fn refused(
        &self,
        tx: &mut Tx<'_>,
        company: Option<CompanyId>,
        refusal: &Refusal,
    ) -> store::Result<()> {
        self.refused_for(tx, company, refusal.as_str(), None).await
    }

    /// As [`Draft::refused`], for a reason that the caller is not told.
    pub(super) async fn refused_for(
        &self,
        tx: &mut Tx<'_>,
        company: Option<CompanyId>,
        reason: &'static str,
        detail: Option<serde_json::Value>,
    ) -> store::Result<()> {
        self.write(tx, self.now(), company, Outcome::Refused(reason), detail).await
    }

    async fn write(
        &self,
        tx: &mut Tx<'_>,
        at: Timestamp,
        company: Option<CompanyId>,
        outcome: Outcome,
        detail: Option<serde_json::Value>,
    ) -> store::Result<()> {
        let entry = Entry {
            id: self.id,
            at,
            company,
            actor: self.actor,
            origin: self.origin.clone(),
            action: self.action,
            subject: self.subject,
            person: self.person,
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
        Draft { note, ..self.draft_by(ActorRecord::from(caller), &caller.origin, action, subject) }
    }

    /// Begins the entry of somebody who is no caller: who signs in, or follows a link.
    pub(super) fn draft_by(
        &self,
        actor: ActorRecord,
        origin: &Origin,
        action: Action,
        subject: Option<Subject>,
    ) -> Draft {
        Draft {
            id: EntryId(id::ordered(self.clock.now(), &*self.entropy)),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            actor,
            origin: origin.clone(),
            action,
            subject,
            person: person_of(subject),
            note: Note::default(),
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
        match self.store.append(async move |tx| draft.refused(tx, company, &recorded).await).await {
            Ok(()) => refusal.into(),
            Err(error) => error.into(),
        }
    }
}

/// Whom an entry about this concerns.
fn person_of(subject: Option<Subject>) -> Option<UserId> {
    match subject {
        Some(Subject::User(user)) => Some(user),
        Some(
            Subject::Company(_)
            | Subject::Token(_)
            | Subject::Session(_)
            | Subject::Link(_)
            | Subject::Service(_)
            | Subject::Group(_),
        )
        | None => None,
    }
}

/// The one company that a caller reaches, in whose trail his refused attempts stand; `None` for the operator, who reaches
/// all.
pub(super) fn company_of(caller: &Caller) -> Option<CompanyId> {
    match &caller.actor {
        Actor::User(identity) => Some(identity.company),
        Actor::BreakGlass(glass) => Some(glass.company),
        Actor::Provisioner(provisioner) => Some(provisioner.company),
        Actor::Operator => None,
    }
}
