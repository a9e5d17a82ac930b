//! Links that work once: with one, somebody sets a password who has none or forgot it, or the host's operator opens a
//! break-glass session. A link dies at use, at its time, when an admin makes a newer one, when its user is
//! deactivated, and when the admin who made it, and so saw its secret, loses access or role.

use std::time::Duration;

use super::passwords::Password;
use super::sessions::{begin_now, end_all};
use super::{Directory, Error, Refusal, audit, guards};
use crate::model::actor::{Caller, Origin};
use crate::model::audit::{Action, ActorRecord, Note, Proof, Subject};
use crate::model::clock::Timestamp;
use crate::model::company::Company;
use crate::model::email::Email;
use crate::model::id::{self, CompanyId, LinkId, UserId};
use crate::model::link::{EndReason, Link, Purpose};
use crate::model::secret::{Kind, Secret, SecretDigest};
use crate::model::session::{self, Opening, Session};
use crate::model::text;
use crate::model::user::{Status, User};
use crate::store::sessions::Owner;
use crate::store::{self, Tx, companies, links, sessions, users};

/// How often a stranger can have a link sent to the same user.
const RESET_INTERVAL: Duration = Duration::from_mins(5);
/// How long the link to a break-glass session lives.
const BREAK_GLASS_LINK: Duration = Duration::from_mins(15);
/// How long the session does.
pub const BREAK_GLASS_SESSION: Duration = Duration::from_hours(1);

/// What is behind a live link.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The link.
    pub link: Link,
    /// Whose password it sets; `None` for break-glass.
    pub user: Option<User>,
    /// The company.
    pub company: Company,
}

impl Directory {
    /// Makes a link with which a user sets a password, and gives its secret, this once. Earlier links die.
    ///
    /// # Errors
    /// [`Refusal::WrongStatus`] when the user is not active; refused for who is no admin of the user's company.
    pub async fn make_link(&self, caller: &Caller, owner: UserId) -> Result<(Link, Secret), Error> {
        let subject = Some(Subject::User(owner));
        self.require(caller, Action::CreateLink, subject).await?;
        let draft = self.draft(caller, Action::CreateLink, subject, Note::default());
        let secret = Secret::generate(Kind::Link, &*self.entropy);
        let (id, digest, policy) = (LinkId(id::random(&*self.entropy)), secret.digest(), self.policy);
        let caller = caller.clone();
        let link = self
            .store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(Error::from(refusal)));
                }
                let company = audit::company_of(&caller);
                let Some(user) = users::lock(tx, owner, company).await? else {
                    draft.refused(tx, company, &Refusal::NoSuchUser).await?;
                    return Ok(Err(Refusal::NoSuchUser.into()));
                };
                if user.status != Status::Active {
                    let refusal = Refusal::WrongStatus(user.status);
                    draft.refused(tx, Some(user.company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                let has_password = users::find_password_hash(tx, owner).await?.is_some();
                let (purpose, lifetime) = if has_password {
                    (Purpose::Reset(owner), policy.reset)
                } else {
                    (Purpose::Invitation(owner), policy.invitation)
                };
                let now = draft.now();
                links::end_all_of(tx, owner, now, EndReason::Replaced).await?;
                let link = insert(tx, id, digest, purpose, (guards::user_of(&caller), lifetime), now).await?;
                draft.done(tx, now, Some(user.company), Some(detail(&link))).await?;
                Ok(Ok(link))
            })
            .await??;
        Ok((link, secret))
    }

    /// As [`Directory::make_link`], asked for by a stranger who says that the address is his; earlier links stay. `None`
    /// where there is no active user with it, or a link was made just before: whoever asked must not learn that.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn request_reset(&self, origin: &Origin, email: &Email) -> Result<Option<(User, Link, Secret)>, Error> {
        let email = email.clone();
        let found = self.store.read(async move |tx| users::find_by_email(tx, &email).await).await?;
        let Some(user) = found else { return Ok(None) };
        let subject = Some(Subject::User(user.id));
        let draft = self.draft_by(ActorRecord::Stranger, origin, Action::CreateLink, subject);
        let secret = Secret::generate(Kind::Link, &*self.entropy);
        let (id, digest, lifetime) = (LinkId(id::random(&*self.entropy)), secret.digest(), self.policy.reset);
        let made = self
            .store
            .write(async move |tx| {
                let Some(user) = users::lock(tx, user.id, None).await? else { return Ok(None) };
                if user.status != Status::Active {
                    return Ok(None);
                }
                // Neither a flood of mail nor the end of a link that an admin made is a stranger's to bring about.
                let now = draft.now();
                if links::was_made_since(tx, user.id, now.before(RESET_INTERVAL)).await? {
                    return Ok(None);
                }
                let link = insert(tx, id, digest, Purpose::Reset(user.id), (None, lifetime), now).await?;
                draft.done(tx, now, Some(user.company), Some(detail(&link))).await?;
                Ok(Some((user, link)))
            })
            .await?;
        Ok(made.map(|(user, link)| (user, link, secret)))
    }

    /// Makes a link with which the host's operator opens a session as an admin of this company, in a browser.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason; refused for anybody but the operator.
    pub async fn break_glass(&self, caller: &Caller, company: CompanyId, note: Note) -> Result<(Link, Secret), Error> {
        let subject = Some(Subject::Company(company));
        self.require(caller, Action::OpenBreakGlass, subject).await?;
        let reason = text::one_line("reason", note.reason.as_deref().unwrap_or_default(), text::REASON_LENGTH)?;
        let draft = self.draft(caller, Action::OpenBreakGlass, subject, note);
        let secret = Secret::generate(Kind::Link, &*self.entropy);
        let (id, digest) = (LinkId(id::random(&*self.entropy)), secret.digest());
        let link = self
            .store
            .write(async move |tx| {
                let purpose = Purpose::BreakGlass(company, reason.clone());
                let now = draft.now();
                let link = insert(tx, id, digest, purpose, (None, BREAK_GLASS_LINK), now).await?;
                draft.done(tx, now, Some(company), Some(detail(&link))).await?;
                Ok(link)
            })
            .await?;
        Ok((link, secret))
    }

    /// What a link would do; looking does not use it up.
    ///
    /// # Errors
    /// [`Refusal::DeadLink`] when it does not work, or no longer.
    pub async fn open_link(&self, secret: &Secret) -> Result<Opened, Error> {
        let (digest, now) = (secret.digest(), self.clock.now());
        let opened = self
            .store
            .read(async move |tx| {
                let Some(link) = links::find_live(tx, digest, now).await? else { return Ok(None) };
                let (user, company) = match &link.purpose {
                    Purpose::Invitation(user) | Purpose::Reset(user) => {
                        let found = users::find(tx, *user).await?.filter(|user| user.status == Status::Active);
                        let Some(user) = found else { return Ok(None) };
                        let company = user.company;
                        (Some(user), company)
                    }
                    Purpose::BreakGlass(company, _) => (None, *company),
                };
                let company = companies::find(tx, company).await?;
                Ok(company.map(|company| Opened { link, user, company }))
            })
            .await?;
        opened.ok_or_else(|| Refusal::DeadLink.into())
    }

    /// Uses a link up: the password is set, and every session and other link of its user ends.
    ///
    /// # Errors
    /// [`Refusal::DeadLink`]; [`Error::Invalid`] for a password that is not good enough, and then the link still works.
    pub async fn use_link(&self, origin: &Origin, secret: &Secret, password: Password) -> Result<User, Error> {
        let opened = self.open_link(secret).await?;
        let (Some(user), digest, limits) = (opened.user, secret.digest(), self.policy.sessions) else {
            return Err(Refusal::DeadLink.into());
        };
        let known = super::users::known_words(&user, &opened.company);
        let hash = self.passwords.hash(password, known, &*self.entropy).await?;
        let actor = ActorRecord::User(user.id, Proof::Link(opened.link.id));
        let draft = self.draft_by(actor, origin, Action::SetPassword, Some(Subject::User(user.id)));
        self.store
            .write(async move |tx| {
                let Some(user) = users::lock(tx, user.id, None).await? else {
                    return Ok(Err(Refusal::DeadLink.into()));
                };
                let now = draft.now();
                let live = links::find_live(tx, digest, now).await?;
                let Some(link) = live.filter(|_| user.status == Status::Active) else {
                    return Ok(Err(Refusal::DeadLink.into()));
                };
                if !links::end(tx, link.id, now, EndReason::Used).await? {
                    return Ok(Err(Refusal::DeadLink.into()));
                }
                links::end_all_of(tx, user.id, now, EndReason::Replaced).await?;
                users::set_password_hash(tx, user.id, &hash).await?;
                let ended = end_all(tx, user.id, None, now, limits, session::EndReason::PasswordSet).await?;
                let detail = serde_json::json!({"by": link.purpose.as_str(), "sessionsEnded": ended});
                draft.done(tx, now, Some(user.company), Some(detail)).await?;
                Ok(Ok(user))
            })
            .await?
    }

    /// Uses a break-glass link up and opens its session.
    ///
    /// # Errors
    /// [`Refusal::DeadLink`].
    pub async fn open_break_glass(
        &self,
        origin: &Origin,
        link: &Secret,
        device: &str,
    ) -> Result<(Session, Secret), Error> {
        let secret = Secret::generate(Kind::Session, &*self.entropy);
        let session = self.plan_session(origin, Opening::BreakGlass, device, BREAK_GLASS_SESSION);
        let actor = ActorRecord::Operator(Some(session.id));
        let draft = self.draft_by(actor, origin, Action::StartSession, Some(Subject::Session(session.id)));
        let (link, digest) = (link.digest(), secret.digest());
        let opened = self
            .store
            .write(async move |tx| {
                let now = draft.now();
                let Some(link) = links::find_live(tx, link, now).await? else { return Ok(None) };
                let Purpose::BreakGlass(company, reason) = &link.purpose else { return Ok(None) };
                if !links::end(tx, link.id, now, EndReason::Used).await? {
                    return Ok(None);
                }
                let session = begin_now(&session, now);
                sessions::insert(tx, Owner::Operator(*company), &session, digest).await?;
                let detail = serde_json::json!({"breakGlass": true, "reason": reason, "device": session.device});
                draft.done(tx, now, Some(*company), Some(detail)).await?;
                Ok(Some(session))
            })
            .await?;
        let session = opened.ok_or(Refusal::DeadLink)?;
        tracing::warn!(session = %session.id, "a break-glass session was opened");
        Ok((session, secret))
    }
}

async fn insert(
    tx: &mut Tx<'_>,
    id: LinkId,
    digest: SecretDigest,
    purpose: Purpose,
    (made_by, lifetime): (Option<UserId>, Duration),
    now: Timestamp,
) -> store::Result<Link> {
    let link = Link { id, purpose, made_by, created_at: now, expires_at: now.after(lifetime) };
    links::insert(tx, &link, digest).await?;
    Ok(link)
}

fn detail(link: &Link) -> serde_json::Value {
    serde_json::json!({
        "link": link.id.to_string(), "purpose": link.purpose.as_str(), "expiresAt": link.expires_at.to_string(),
    })
}
