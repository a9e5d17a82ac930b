//! The hot path: a credential becomes an identity, by the state of this instant.
//!
//! Each authentication looks at the credential *and* its owner's live status: a revoked one is refused, and so is one
//! that nobody revoked of an owner who is not active.
//!
//! What was found is remembered, and trusted only when nothing can have been changed that this process has not heard of:
//!
//! - on SQLite, when no process has committed since it last listened, which the file itself tells ([`Store::revision`]);
//! - on PostgreSQL, while a [lease](lease) lives: every writer waits until each node with one has heard, or the lease is
//!   over ([`node`]).
//!
//! Otherwise each check asks the database, and refuses when that can't tell. A deployment may choose to trust an old view
//! then, for a while ([`Freshness::BestEffort`]); who is let in so is let in with its age.

mod lease;
mod memory;
mod node;
mod revisions;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lease::{Lease, Now};
use memory::{Entry, Held, Memory, Place};
use revisions::Revisions;
use tokio::sync::watch;

use crate::model::actor::{Actor, Credential, Identity};
use crate::model::clock::{Clock, Timestamp};
use crate::model::id::SessionId;
use crate::model::secret::{Kind, Secret, SecretDigest};
use crate::model::service::Service;
use crate::model::session::Limits;
use crate::model::user::Status;
use crate::store::changes::Changes;
use crate::store::{Error, Result, Store, changes, services, sessions, tokens};

/// How old the note of a token's last use may grow before a new one is written.
const TOKEN_GRANULARITY: Duration = Duration::from_mins(10);
/// The same of a session, which ends when it is not used; at most a tenth of the time after which it does.
const SESSION_GRANULARITY: Duration = Duration::from_mins(1);
/// How many uses may wait to be written; more are not noted.
const PENDING_USES: usize = 100_000;
/// How long a check waits for the database before it refuses.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a deployment decides about the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long sessions live.
    pub sessions: Limits,
    /// What a node does that can't know the present state.
    pub freshness: Freshness,
    /// How many credentials are remembered at most.
    pub remembered: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { sessions: Limits::default(), freshness: Freshness::Strict, remembered: 2_000_000 }
    }
}

/// What a node does that can't know the present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Refuses.
    Strict,
    /// Trusts what it remembers, for so long.
    BestEffort(Duration),
}

/// Lets credentials in or refuses them.
pub struct Gate {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    memory: Memory,
    revisions: Revisions,
    lease: Lease,
    /// Counts how often something was heard of.
    heard: watch::Sender<u64>,
    policy: Policy,
    uses: Mutex<HashMap<Credential, Timestamp>>,
}

/// Somebody whose credential is good at this instant.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Who acts.
    pub actor: Actor,
    /// By what.
    pub credential: Credential,
    /// The name of the company that a session acts for.
    pub company_name: Option<Arc<str>>,
    /// When the credential was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// How old the view is by which it was judged, where that is not the present one.
    pub view_age: Option<Duration>,
}

/// Somebody in a browser, as the session stands at this instant.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Who acts.
    pub actor: Actor,
    /// By which session.
    pub session: SessionId,
    /// The name of the company that is acted for.
    pub company_name: Arc<str>,
    /// How old the view is by which it was judged, where that is not the present one.
    pub view_age: Option<Duration>,
}

/// Why a credential of the right form was refused. The caller is told none of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No such credential was ever made.
    Unknown,
    /// It was ended, by itself or with its owner.
    Ended,
    /// Its time is over.
    Expired,
    /// Its owner is suspended or deactivated.
    OwnerNotActive,
}

impl Refusal {
    /// A short name for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_token",
            Self::Ended => "ended_token",
            Self::Expired => "expired_token",
            Self::OwnerNotActive => "owner_not_active",
        }
    }
}

/// Whether a check counts as a use: what a page does by itself is none, and does not keep a session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It does.
    Counts,
    /// It does not.
    Passes,
}

/// What this process may trust at an instant.
#[derive(Clone, Copy)]
enum Trust {
    /// What it remembers, at this place.
    Memory(Place),
    /// Only what the database says.
    Database(Place),
}

/// An instant, and what this process may trust at it. What is asked at a moment is answered by its state, or by a later one.
#[derive(Clone, Copy)]
pub struct Moment {
    now: Now,
    trust: Trust,
}

/// How well this process knows the present state.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Whether it may trust what it remembers.
    pub is_trusted: bool,
    /// How old what it remembers is at most; `None` where it never heard.
    pub age: Option<Duration>,
    /// How many credentials it remembers.
    pub remembered: usize,
}

type Judged<T> = Result<std::result::Result<T, Refusal>>;

impl Gate {
    /// A gate to the users of this store. On PostgreSQL it asks the database each time, until [`Gate::remember`] runs.
    pub fn new(store: Arc<Store>, clock: Arc<dyn Clock>, policy: Policy) -> Self {
        Self {
            store,
            clock,
            memory: Memory::new(policy.remembered),
            revisions: Revisions::new(),
            lease: Lease::none(),
            heard: watch::channel(0).0,
            policy,
            uses: Mutex::default(),
        }
    }

    /// This moment, for a request that has more than one credential looked at.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused.
    pub async fn moment(&self) -> Result<Moment> {
        let now = Now::read(&*self.clock);
        Ok(Moment { now, trust: self.trust(now).await? })
    }

    /// Says whom a token or a session speaks for at this instant, or why for nobody.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate(&self, secret: &Secret, counts: Use) -> Judged<Admitted> {
        self.authenticate_at(self.moment().await?, secret, counts).await
    }

    /// As [`Gate::authenticate`], at a moment of the same request.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate_at(&self, moment: Moment, secret: &Secret, counts: Use) -> Judged<Admitted> {
        let (now, digest) = (moment.now, secret.digest());
        let (mut found, view_age) = self.find(secret.kind(), digest, moment).await?;
        // Another node may have noted a use of a session meanwhile, of which no commit tells.
        let seems_idle = |entry: &Entry| {
            matches!(entry.held, Held::Session(_))
                && self.judge(entry, now.calendar, None).err() == Some(Refusal::Expired)
        };
        if view_age.is_none() && found.as_deref().is_some_and(seems_idle) {
            let trust = self.trust(Now::read(&*self.clock)).await?;
            found = Box::pin(self.ask(secret.kind(), digest, trust)).await?;
        }
        let Some(entry) = found else { return Ok(Err(Refusal::Unknown)) };
        let judged = self.judge(&entry, now.calendar, view_age);
        Ok(judged.inspect(|admitted| self.note(&entry, admitted, counts, now.calendar)))
    }

    /// Says who acts by a session at this instant, or why nobody does.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate_session(&self, secret: &Secret, counts: Use) -> Judged<Visit> {
        Ok(self.authenticate(secret, counts).await?.and_then(|admitted| match admitted.credential {
            Credential::Session(session) => Ok(Visit {
                actor: admitted.actor,
                session,
                company_name: admitted.company_name.unwrap_or_default(),
                view_age: admitted.view_age,
            }),
            Credential::Token(_) | Credential::ApiKey(_) | Credential::Scim(_) => Err(Refusal::Unknown),
        }))
    }

    /// Says which service shows this secret at this instant, or why none does.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate_service(&self, secret: &Secret) -> Judged<Arc<Service>> {
        self.authenticate_service_at(self.moment().await?, secret).await
    }

    /// As [`Gate::authenticate_service`], at a moment of the same request.
    ///
    /// # Errors
    /// When the store can't tell: then the request must be refused as well.
    pub async fn authenticate_service_at(&self, moment: Moment, secret: &Secret) -> Judged<Arc<Service>> {
        let found = self.find(secret.kind(), secret.digest(), moment).await?;
        let (Some(entry), _) = found else { return Ok(Err(Refusal::Unknown)) };
        Ok(match &entry.held {
            Held::Service(held) if held.ended => Err(Refusal::Ended),
            Held::Service(held) => Ok(Arc::clone(&held.service)),
            Held::Token(_) | Held::Session(_) => Err(Refusal::Unknown),
        })
    }

    /// How well this process knows the present state.
    pub fn view(&self) -> View {
        let now = Now::read(&*self.clock);
        let remembered = self.memory.len();
        match self.store.revision(now.monotonic) {
            Ok(Some(_)) => View { is_trusted: true, age: Some(Duration::ZERO), remembered },
            _ => View { is_trusted: self.lease.is_alive(now), age: self.lease.age(now), remembered },
        }
    }

    /// Changes whenever this process has heard of changed access. On SQLite it hears only when it is asked something.
    pub fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Finds what stands behind a secret; and how old the view is that says so, where it is not the present one.
    async fn find(
        &self,
        kind: Kind,
        digest: SecretDigest,
        Moment { now, trust }: Moment,
    ) -> Result<(Option<Arc<Entry>>, Option<Duration>)> {
        if let (Trust::Memory(_), Some(entry)) = (trust, self.memory.get(&digest)) {
            return Ok((Some(entry), None));
        }
        // Apart, as what is rare below: a check that finds what it looks for is not to carry the room for all this about.
        // How the database may be asked is decided anew: the moment may have been long ago.
        let asked = async { self.ask(kind, digest, self.trust(Now::read(&*self.clock)).await?).await };
        match Box::pin(asked).await {
            Ok(found) => Ok((found, None)),
            Err(error) => match self.remembered_all_the_same(&digest, now) {
                Some((entry, age)) => Ok((Some(entry), Some(age))),
                None => Err(error),
            },
        }
    }

    async fn trust(&self, now: Now) -> Result<Trust> {
        if let Some(revision) = self.store.revision(now.monotonic)? {
            return match self.revisions.heard_at(revision) {
                Some(place) => Ok(Trust::Memory(place)),
                None => Box::pin(self.revisions.listen(self, revision)).await.map(Trust::Memory),
            };
        }
        // The place before the lease: what is read afterwards is newer.
        let place = self.memory.place();
        Ok(if self.lease.is_alive(now) { Trust::Memory(place) } else { Trust::Database(place) })
    }

    /// Asks the database, and remembers its answer. Who has no lease asks for a proof as well that it is the present state.
    async fn ask(&self, kind: Kind, digest: SecretDigest, trust: Trust) -> Result<Option<Arc<Entry>>> {
        let late = |_| Error::Unavailable("the database did not answer in time".to_owned());
        let read = self.read(kind, digest, trust);
        let Some(held) = tokio::time::timeout(PATIENCE, read).await.map_err(late)?? else { return Ok(None) };
        let (Trust::Memory(place) | Trust::Database(place)) = trust;
        let pending = match &held {
            Held::Session(held) => self.pending_use(Credential::Session(held.session)),
            Held::Token(_) | Held::Service(_) => None,
        };
        let entry = Arc::new(Entry::new(held, place, pending));
        self.memory.insert(digest, Arc::clone(&entry));
        Ok(Some(entry))
    }

    async fn read(&self, kind: Kind, digest: SecretDigest, trust: Trust) -> Result<Option<Held>> {
        let work = async move |tx: &mut crate::store::Tx<'_>| {
            Ok(match kind {
                Kind::Token | Kind::ApiKey => tokens::find_held(tx, digest).await?.map(Held::Token),
                Kind::Session => sessions::find_held(tx, digest).await?.map(Held::Session),
                Kind::Service | Kind::Scim => services::find_held(tx, digest).await?.map(Held::Service),
                Kind::Link => None,
            })
        };
        match trust {
            Trust::Memory(_) => self.store.read(work).await,
            Trust::Database(_) => self.store.read_certain(work).await,
        }
    }

    /// What an old view says, where the deployment wants that rather than nothing.
    fn remembered_all_the_same(&self, digest: &SecretDigest, now: Now) -> Option<(Arc<Entry>, Duration)> {
        let Freshness::BestEffort(limit) = self.policy.freshness else { return None };
        let age = self.lease.age(now).filter(|age| *age <= limit)?;
        Some((self.memory.get(digest)?, age))
    }

    /// Hears of changes: forgets whose access changed, or everybody.
    fn hear(&self, changes: &Changes) {
        let holders = changes.users.as_deref();
        if holders.is_none_or(|holders| !holders.is_empty()) {
            self.memory.forget(holders);
            self.heard.send_modify(|count| *count += 1);
        }
    }

    /// Whether what was found lets its owner in at this instant.
    fn judge(
        &self,
        entry: &Entry,
        now: Timestamp,
        view_age: Option<Duration>,
    ) -> std::result::Result<Admitted, Refusal> {
        match &entry.held {
            Held::Token(held) => judge_token(held, now, view_age),
            Held::Session(held) => {
                let seen = entry.used().unwrap_or(held.last_seen_at);
                judge_session(held, seen > self.policy.sessions.idle_since(now), now, view_age)
            }
            Held::Service(_) => Err(Refusal::Unknown),
        }
    }

    /// Notes a use that is worth it.
    fn note(&self, entry: &Entry, admitted: &Admitted, counts: Use, now: Timestamp) {
        if counts == Use::Passes || admitted.view_age.is_some() {
            return;
        }
        let granularity = match admitted.credential {
            Credential::Token(_) | Credential::ApiKey(_) | Credential::Scim(_) => TOKEN_GRANULARITY,
            Credential::Session(_) => SESSION_GRANULARITY.min(self.policy.sessions.idle / 10),
        };
        let before = entry.used();
        if before.is_none_or(|before| now >= before.after(granularity)) && entry.note(before, now) {
            let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            if uses.len() < PENDING_USES {
                uses.insert(admitted.credential, now);
            }
        }
    }

    /// A use that was not written down yet.
    fn pending_use(&self, credential: Credential) -> Option<Timestamp> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).get(&credential).copied()
    }

    /// Writes down which credentials were used since the last call.
    ///
    /// # Errors
    /// Those of the store; what was not written is kept for the next call.
    pub async fn write_uses(&self) -> Result<()> {
        // Kept until they are written: a session whose use nobody knows of would seem to idle.
        let waiting = self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Sorted, so that two nodes lock rows in the same order; few at once, so that nobody waits long for a row.
        let mut waiting: Vec<_> = waiting.into_iter().collect();
        waiting.sort_unstable();
        for chunk in waiting.chunks(100) {
            let uses = chunk.to_vec();
            self.store
                .append(async move |tx| {
                    for (credential, at) in &uses {
                        match credential {
                            Credential::Token(id) | Credential::ApiKey(id) => tokens::note_use(tx, *id, *at).await?,
                            Credential::Scim(_) => {}
                            Credential::Session(id) => sessions::note_use(tx, *id, *at).await?,
                        }
                    }
                    Ok(())
                })
                .await?;
            let mut pending = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
            for (credential, at) in chunk {
                if pending.get(credential) == Some(at) {
                    pending.remove(credential);
                }
            }
        }
        Ok(())
    }

    /// Forgets changes that every process has long heard of. To be called now and then.
    ///
    /// # Errors
    /// Those of the store; nothing is lost.
    pub async fn prune(&self) -> Result<()> {
        self.store.append(async |tx| changes::prune(tx).await.map(|_| ())).await
    }
}

fn judge_token(
    held: &tokens::Held,
    now: Timestamp,
    view_age: Option<Duration>,
) -> std::result::Result<Admitted, Refusal> {
    if held.ended {
        return Err(Refusal::Ended);
    }
    if held.expires_at.is_some_and(|expires| expires <= now) {
        return Err(Refusal::Expired);
    }
    let actor = Actor::User(Arc::clone(&held.identity));
    is_active(&held.identity).map(|()| Admitted {
        actor,
        credential: held.identity.credential,
        company_name: None,
        issued_at: held.created_at,
        expires_at: held.expires_at,
        view_age,
    })
}

fn judge_session(
    held: &sessions::Held,
    is_used: bool,
    now: Timestamp,
    view_age: Option<Duration>,
) -> std::result::Result<Admitted, Refusal> {
    if held.ended {
        return Err(Refusal::Ended);
    }
    if held.expires_at <= now || !is_used {
        return Err(Refusal::Expired);
    }
    if let Actor::User(identity) = &held.actor {
        is_active(identity)?;
    }
    Ok(Admitted {
        actor: held.actor.clone(),
        credential: Credential::Session(held.session),
        company_name: Some(Arc::clone(&held.company_name)),
        issued_at: held.created_at,
        expires_at: Some(held.expires_at),
        view_age,
    })
}

fn is_active(owner: &Identity) -> std::result::Result<(), Refusal> {
    if owner.status == Status::Active { Ok(()) } else { Err(Refusal::OwnerNotActive) }
}
