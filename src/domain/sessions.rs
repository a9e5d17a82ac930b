//! Sessions: opened by a password, ended by their owner or an admin. They end with their owner's access in
//! `transitions`.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::Attempt;
use super::passwords::Password;
use super::{Directory, Error, Refusal, Unknown, audit};
use crate::model::actor::{Actor, Caller, Credential, Origin};
use crate::model::audit::{Action, ActorRecord, Note, Proof, Subject};
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::id::{self, SessionId, UserId};
use crate::model::secret::{Kind, Secret};
use crate::model::session::{DEVICE_LENGTH, EndReason, Limits, Opening, Session};
use crate::model::text;
use crate::model::user::{Status, User};
use crate::store::sessions::Owner;
use crate::store::{self, Tx, sessions, users};

/// Of failed tries at one account, the first so many are recorded each, and then every tenth.
const RECORDED_EACH: u32 = 20;

impl Directory {
    /// Opens a session for who has this address and password, and gives its secret, this once.
    ///
    /// It serialises with the user's deactivation: whichever comes first, no live session is left behind. For an unknown
    /// address, a wrong password and a user who is not active, answer and time are the same; the audit trail knows.
    ///
    /// # Errors
    /// [`Refusal::WrongCredentials`]; [`Refusal::TooManyAttempts`] while another try at the account, from the same
    /// address, waits for its answer.
    pub async fn sign_in(
        &self,
        origin: &Origin,
        email: &str,
        password: Password,
        device: &str,
    ) -> Result<(Session, Secret), Error> {
        let begun = self.clock.monotonic();
        let email = Email::parse(email).ok();
        let account = email.as_ref().map_or("", Email::key);
        let attempt = self.begin_attempt(account, origin).await?;
        let found = match email {
            Some(email) => self.store.read(async move |tx| users::find_with_password_hash(tx, &email).await).await?,
            None => None,
        };
        let (user, hash) = found.unzip();
        let hash = hash.flatten();
        let matches = self.passwords.verify(password, hash.clone()).await?;
        let has_password = hash.is_some();
        let opened = match (user, hash, matches) {
            (Some(user), Some(hash), true) => self.start_session(origin, user, hash, device).await?,
            (user, ..) => Err(user),
        };
        let user = match opened {
            Ok(opened) => {
                if let Some(attempt) = attempt {
                    attempt.succeeded();
                }
                return Ok(opened);
            }
            Err(user) => user,
        };
        let (failures, waited) =
            attempt.as_ref().map_or((0, Duration::ZERO), |attempt| (attempt.failures, attempt.wait));
        if let Some(user) = user {
            self.record_failure(origin, user, has_password, failures);
        }
        if let Some(attempt) = attempt {
            attempt.failed();
        }
        self.level(begun + waited).await;
        Err(Refusal::WrongCredentials.into())
    }

    /// The live sessions of a user, the latest used first.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_sessions(&self, owner: UserId) -> Result<Vec<Session>, Error> {
        let (now, limits) = (self.clock.now(), self.policy.sessions);
        let list = async move |tx: &mut Tx<'_>| sessions::list_live_of(tx, owner, now, limits.idle_since(now)).await;
        Ok(self.store.read(list).await?)
    }

    /// Ends the session that the caller shows. Ending it again succeeds and changes nothing.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), Error> {
        let session = match &caller.actor {
            Actor::User(identity) => match identity.credential {
                Credential::Session(session) => session,
                Credential::Token(_) | Credential::ApiKey(_) | Credential::Scim(_) => {
                    return Err(Refusal::SessionNeeded.into());
                }
            },
            Actor::BreakGlass(glass) => glass.session,
            Actor::Operator | Actor::Provisioner(_) => return Err(Refusal::SessionNeeded.into()),
        };
        let draft = self.draft(caller, Action::EndSession, Some(Subject::Session(session)), Note::default());
        let draft = match &caller.actor {
            Actor::User(identity) => draft.concerning(identity.user),
            Actor::BreakGlass(_) | Actor::Operator | Actor::Provisioner(_) => draft,
        };
        let company = audit::company_of(caller);
        let work = async move |tx: &mut Tx<'_>| {
            let now = draft.now();
            if sessions::end(tx, session, now, EndReason::SignedOut).await? {
                let detail = serde_json::json!({"reason": EndReason::SignedOut.as_str()});
                draft.done(tx, now, company, Some(detail)).await?;
            }
            Ok(())
        };
        Ok(self.store.write(work).await?)
    }

    /// Ends one session of a user. Ending it again succeeds and changes nothing.
    ///
    /// # Errors
    /// Refused for who is neither its owner nor an admin of the owner's company.
    pub async fn end_session(&self, caller: &Caller, owner: UserId, session: SessionId) -> Result<(), Error> {
        let subject = Some(Subject::Session(session));
        self.require_of(caller, Action::EndSession, subject, Some(owner)).await?;
        let draft = self.draft(caller, Action::EndSession, subject, Note::default()).concerning(owner);
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, Some(owner)).await? {
                    return Ok(Err(refusal.into()));
                }
                let company = audit::company_of(&caller);
                let Some(user) = users::lock(tx, owner, company).await? else {
                    draft.refused(tx, company, &Refusal::NoSuchUser).await?;
                    return Ok(Err(Refusal::NoSuchUser.into()));
                };
                if sessions::find_user(tx, session).await? != Some(owner) {
                    return Ok(Err(Error::NotFound(Unknown::Session(session))));
                }
                let now = draft.now();
                if sessions::end(tx, session, now, EndReason::Ended).await? {
                    let detail = serde_json::json!({"reason": EndReason::Ended.as_str()});
                    draft.done(tx, now, Some(user.company), Some(detail)).await?;
                }
                Ok(Ok(()))
            })
            .await?
    }

    /// Ends every session of the caller but the one that he shows; says how many.
    ///
    /// # Errors
    /// Refused without a session.
    pub async fn end_other_sessions(&self, caller: &Caller) -> Result<u64, Error> {
        let Actor::User(identity) = &caller.actor else { return Err(Refusal::SessionNeeded.into()) };
        let Credential::Session(own) = identity.credential else { return Err(Refusal::SessionNeeded.into()) };
        let (user, company) = (identity.user, identity.company);
        let subject = Some(Subject::User(user));
        self.require_of(caller, Action::EndSession, subject, Some(user)).await?;
        let draft = self.draft(caller, Action::EndSession, subject, Note::default());
        let (caller, limits) = (caller.clone(), self.policy.sessions);
        self.store
            .write(async move |tx| {
                users::lock(tx, user, Some(company)).await?;
                if let Err(refusal) = draft.caller_may_still(tx, &caller, Some(user)).await? {
                    return Ok(Err(refusal.into()));
                }
                let now = draft.now();
                let ended = end_all(tx, user, Some(own), now, limits, EndReason::Ended).await?;
                if ended > 0 {
                    let detail = serde_json::json!({"sessionsEnded": ended});
                    draft.done(tx, now, Some(company), Some(detail)).await?;
                }
                Ok(Ok(ended))
            })
            .await?
    }

    /// Waits as long as failures before demand; `None` where nothing slows down.
    pub(super) async fn begin_attempt(&self, account: &str, origin: &Origin) -> Result<Option<Attempt>, Error> {
        if !self.policy.slow_down {
            return Ok(None);
        }
        let begun = self.attempts.begin(account, origin.address, self.clock.monotonic());
        let attempt = begun.ok_or(Refusal::TooManyAttempts)?;
        if !attempt.wait.is_zero() {
            tokio::time::sleep(attempt.wait).await;
        }
        Ok(Some(attempt))
    }

    /// Gives the user back when the access ended, or the password changed, since it was verified.
    async fn start_session(
        &self,
        origin: &Origin,
        user: User,
        verified: String,
        device: &str,
    ) -> Result<Result<(Session, Secret), Option<User>>, Error> {
        let secret = Secret::generate(Kind::Session, &*self.entropy);
        let session = self.plan_session(origin, Opening::Password, device, self.policy.sessions.lifetime);
        let actor = ActorRecord::User(user.id, Proof::Session(session.id));
        let subject = Some(Subject::Session(session.id));
        let draft = self.draft_by(actor, origin, Action::StartSession, subject).concerning(user.id);
        let digest = secret.digest();
        let opened = self
            .store
            .append(async move |tx| {
                let Some(user) = users::lock(tx, user.id, None).await? else { return Ok(Err(None)) };
                let hash = users::find_password_hash(tx, user.id).await?;
                if user.status != Status::Active || hash.as_ref() != Some(&verified) {
                    return Ok(Err(Some(user)));
                }
                let session = begin_now(&session, draft.now());
                sessions::insert(tx, Owner::User(user.id), &session, digest).await?;
                let detail = serde_json::json!({"device": session.device});
                draft.done(tx, session.created_at, Some(user.company), Some(detail)).await?;
                Ok(Ok(session))
            })
            .await?;
        Ok(opened.map(|session| (session, secret)))
    }

    /// A session that is yet to begin.
    pub(super) fn plan_session(&self, origin: &Origin, by: Opening, device: &str, lifetime: Duration) -> Session {
        let now = self.clock.now();
        let device = text::one_line("device", device, usize::MAX).unwrap_or_default();
        Session {
            id: SessionId(id::random(&*self.entropy)),
            opened_by: by,
            device: device.chars().take(DEVICE_LENGTH).collect(),
            address: origin.address.map(|address| address.to_string()),
            created_at: now,
            last_seen_at: now,
            expires_at: now.after(lifetime),
        }
    }

    /// Beside the answer, not before it: for an address that nobody has there is nothing to write, and nobody shall tell
    /// the two by how long they take.
    fn record_failure(&self, origin: &Origin, user: User, has_password: bool, failures: u32) {
        if failures >= RECORDED_EACH && !failures.is_multiple_of(10) {
            return;
        }
        let subject = Some(Subject::User(user.id));
        let draft = self.draft_by(ActorRecord::Stranger, origin, Action::StartSession, subject);
        let work = async move |tx: &mut Tx<'_>| {
            let detail = serde_json::json!({"failuresBefore": failures});
            draft.refused_for(tx, Some(user.company), cause(&user, has_password), Some(detail)).await
        };
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            if let Err(error) = store.append(work).await {
                tracing::error!(%error, "a failed try to sign in was not recorded");
            }
        });
    }

    /// Lets refused tries end at the same time after their begin, whatever was done for them.
    pub(super) async fn level(&self, begun: Duration) {
        let spent = self.clock.monotonic().saturating_sub(begun);
        let rest = self.policy.level.saturating_sub(spent);
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
    }
}

/// Why a try failed, which only the audit trail is told.
fn cause(user: &User, has_password: bool) -> &'static str {
    match user.status {
        Status::Active if has_password => "wrong_password",
        Status::Active => "no_password",
        status @ (Status::Suspended | Status::Deactivated) => Refusal::WrongStatus(status).as_str(),
    }
}

/// The session, begun at this instant, to live as long as was planned.
pub(super) fn begin_now(planned: &Session, now: Timestamp) -> Session {
    let lifetime = planned.expires_at.since(planned.created_at);
    Session { created_at: now, last_seen_at: now, expires_at: now.after(lifetime), ..planned.clone() }
}

/// Ends all sessions of a user, and says how many of them were live.
pub(super) async fn end_all(
    tx: &mut Tx<'_>,
    user: UserId,
    but: Option<SessionId>,
    now: Timestamp,
    limits: Limits,
    reason: EndReason,
) -> store::Result<u64> {
    sessions::end_all_of(tx, user, but, now, limits.idle_since(now), reason).await
}
