//! The guard against a runaway sync: when more people of a company lose access within a window than its limit says, the next
//! is refused until a Mendix Admin says that it is meant, or time has passed.

use super::{Directory, Error, Refusal, Unknown, guards};
use crate::model::Invalid;
use crate::model::actor::{Caller, Door};
use crate::model::audit::{Action, Note, Subject};
use crate::model::clock::Timestamp;
use crate::model::company::{Confirmation, Guard, GuardedDoors};
use crate::model::id::{CompanyId, UserId};
use crate::model::user::{Status, User};
use crate::store::people::{self, Person};
use crate::store::{self, Tx, companies, departures};

/// The most people that one confirmation lets go.
const ALLOWANCE: u32 = 1_000_000;

/// How a company's guard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardState {
    /// How many may lose access.
    pub limit: u64,
    /// How many did.
    pub departed: u64,
    /// Since when they are counted.
    pub since: Timestamp,
    /// Whether the next one is refused.
    pub tripped: bool,
}

/// Whether a user may lose access by this caller; and if so, whether that counts, as it does through the guarded doors. The
/// company is locked then, so that requests at the same instant are counted one after the other. Somebody may have confirmed
/// just this one.
pub(super) async fn lets(
    tx: &mut Tx<'_>,
    caller: &Caller,
    user: &User,
    guarded: GuardedDoors,
    now: Timestamp,
    confirmed: bool,
) -> store::Result<Result<bool, Refusal>> {
    if user.status != Status::Active {
        return Ok(Ok(false));
    }
    if caller.origin.door == Door::CommandLine || !guarded.cover(caller.origin.door) {
        return Ok(Ok(false));
    }
    companies::lock(tx, user.company).await?;
    // A confirmation may have come while the lock was waited for.
    let guard = companies::find_guard(tx, user.company).await?;
    let state = state(tx, user.company, &guard, now).await?;
    Ok(if state.tripped && !confirmed {
        Err(Refusal::GuardTripped { limit: state.limit, window: guard.window })
    } else {
        Ok(true)
    })
}

/// Counts a user who lost access through a guarded door.
pub(super) async fn count(tx: &mut Tx<'_>, user: &User, now: Timestamp) -> store::Result<()> {
    // What the longest window does not reach any more.
    departures::prune(tx, user.company, now.before(Guard::LONGEST)).await?;
    departures::insert(tx, user.company, now, user.id).await
}

/// Whether a user came within the window by the same way that he goes, as one of few: nobody misses him. Of many that came so
/// each that goes is counted.
pub(super) async fn comes_and_goes(tx: &mut Tx<'_>, person: &Person, now: Timestamp) -> store::Result<bool> {
    let user = &person.user;
    let begin = now.before(companies::find_guard(tx, user.company).await?.window);
    Ok(user.created_at > begin
        && people::was_made_since(tx, user.id, Door::Scim, begin).await?
        && departures::count_new(tx, user.company, begin, Guard::FEW + 1).await? <= Guard::FEW)
}

/// Counts a user no more: one whom the same identity provider made within the window is missed by nobody.
pub(super) async fn forget(tx: &mut Tx<'_>, user: UserId) -> store::Result<()> {
    departures::forget(tx, user).await
}

async fn state(tx: &mut Tx<'_>, company: CompanyId, guard: &Guard, now: Timestamp) -> store::Result<GuardState> {
    let departed = departures::count_since(tx, company, now.before(guard.window)).await?;
    // From here on the count decides, whatever the part.
    let enough = u64::from(guard.count).saturating_mul(100) / u64::from(guard.percent.max(1)) + 1;
    let population = departures::count_active(tx, company, enough).await? + departed;
    let (since, limit) = guard.limit(now, population);
    let departed = departures::count_since(tx, company, since).await?;
    Ok(GuardState { limit, departed, since, tripped: departed >= limit })
}

impl Directory {
    /// How a company's guard stands.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such company.
    pub async fn guard_state(&self, company: CompanyId) -> Result<GuardState, Error> {
        let now = self.clock.now();
        let look = async move |tx: &mut Tx<'_>| match companies::find(tx, company).await? {
            Some(found) => state(tx, company, &found.guard, now).await.map(Some),
            None => Ok(None),
        };
        let found = self.store.read(look).await?;
        found.ok_or_else(|| Error::NotFound(Unknown::Company(company.to_string())))
    }

    /// Says that more people are meant to lose access: so many, from now on, within a window.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not 1 to a million. Refused for who is no Mendix Admin of the company.
    pub async fn confirm_guard(&self, caller: &Caller, company: CompanyId, allowance: u32) -> Result<(), Error> {
        if !(1..=ALLOWANCE).contains(&allowance) {
            return Err(Invalid::new(format!("write how many more may lose access: 1 to {ALLOWANCE}")).into());
        }
        let subject = Some(Subject::Company(company));
        self.require(caller, Action::ConfirmGuard, subject).await?;
        guards::reaches(caller, company)?;
        let draft = self.draft(caller, Action::ConfirmGuard, subject, Note::default());
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                companies::lock(tx, company).await?;
                let Some(found) = companies::find(tx, company).await? else {
                    return Ok(Err(Error::NotFound(Unknown::Company(company.to_string()))));
                };
                let now = draft.now();
                let departed = state(tx, company, &found.guard, now).await?.departed;
                let guard = Guard { confirmed: Some(Confirmation { at: now, allowance }), ..found.guard };
                companies::set_guard(tx, company, &guard).await?;
                let detail = serde_json::json!({"departed": departed, "allowance": allowance});
                draft.done(tx, now, Some(company), Some(detail)).await?;
                Ok(Ok(()))
            })
            .await?
    }
}
