//! Users: made, found, listed. Their status changes in `transitions` alone.

use super::passwords::Password;
use super::sessions::end_all;
use super::{Directory, Error, Refusal, Unknown, audit, guards};
use crate::model::actor::{Actor, Caller, Credential};
use crate::model::audit::{Action, Note, Subject};
use crate::model::clock::Timestamp;
use crate::model::company::Company;
use crate::model::email::Email;
use crate::model::id::{self, CompanyId, SessionId, UserId};
use crate::model::user::{Role, Status, User};
use crate::model::{link, session, text};
use crate::store::{self, Tx, companies, links, people, users};

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The address; nobody else has it, in whatever spelling.
    pub email: Email,
    /// What the person is called.
    pub name: String,
    /// What the person may do.
    pub role: Role,
}

impl NewUser {
    /// Takes what a person wrote.
    ///
    /// # Errors
    /// When the address is none or the name is empty, too long or of several lines.
    pub fn parse(email: &str, name: &str, role: Role) -> Result<Self, Error> {
        Ok(Self { email: Email::parse(email)?, name: text::one_line("name", name, text::NAME_LENGTH)?, role })
    }
}

/// What became of one user of many.
#[derive(Debug, Clone)]
pub enum Made {
    /// It was made.
    Created(User),
    /// It was there, just so.
    Unchanged(User),
    /// It was not made.
    Failed(Error),
}

impl Directory {
    /// Makes an active user.
    ///
    /// # Errors
    /// [`Error::Exists`] when somebody has the address, in whatever spelling; [`Error::Invalid`] when another company
    /// owns its domain.
    pub async fn create_user(&self, caller: &Caller, company: CompanyId, new: NewUser) -> Result<User, Error> {
        let mut made = self.create_users(caller, company, vec![new]).await?;
        match made.pop() {
            Some(Made::Created(user)) => Ok(user),
            Some(Made::Unchanged(user)) => Err(Error::Exists(format!("a user with the address {}", user.email))),
            Some(Made::Failed(error)) => Err(error),
            None => Err(Error::Internal("no answer for a new user".to_owned())),
        }
    }

    /// Makes many active users in one transaction; one that can't be made does not keep back the others.
    /// One who is there already, with the same name and role, is left as it is.
    ///
    /// # Errors
    /// When none could be made: the store is gone, or the caller may not.
    pub async fn create_users(
        &self,
        caller: &Caller,
        company: CompanyId,
        new: Vec<NewUser>,
    ) -> Result<Vec<Made>, Error> {
        self.require(caller, Action::CreateUser, Some(Subject::Company(company))).await?;
        guards::reaches(caller, company)?;
        let planned: Vec<(User, audit::Draft)> = new
            .into_iter()
            .map(|new| {
                let user = self.plan(company, new);
                let draft = self.draft(caller, Action::CreateUser, Some(Subject::User(user.id)), Note::default());
                (user, draft)
            })
            .collect();
        let caller = caller.clone();
        let refused = self.draft(&caller, Action::CreateUser, Some(Subject::Company(company)), Note::default());
        let made = self
            .store
            .write(async move |tx| {
                if let Err(refusal) = refused.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(Error::from(refusal)));
                }
                let makes_admins = planned.iter().any(|(user, _)| user.role.is_admin());
                if makes_admins && guards::admins_are_managed(tx, &caller, company).await? {
                    refused.refused(tx, Some(company), &Refusal::ManagedByProvider).await?;
                    return Ok(Err(Refusal::ManagedByProvider.into()));
                }
                let mut made = Vec::with_capacity(planned.len());
                for (user, draft) in &planned {
                    made.push(create(tx, user, draft).await?);
                }
                Ok(Ok(made))
            })
            .await;
        made.unwrap_or_else(|error| match error {
            // Another writer was faster, between our look and our insert.
            store::Error::Taken(_) => Err(Error::Exists("a user with one of these addresses".to_owned())),
            error => Err(error.into()),
        })
    }

    /// The user with this UUID or address.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn find_user(&self, reference: &str) -> Result<User, Error> {
        let (id, email) = (UserId::parse(reference), Email::parse(reference));
        let found = self
            .store
            .read(async move |tx| match (&id, &email) {
                (Ok(id), _) => users::find(tx, *id).await,
                (_, Ok(email)) => users::find_by_email(tx, email).await,
                _ => Ok(None),
            })
            .await?;
        found.ok_or_else(|| Error::NotFound(Unknown::User(reference.to_owned())))
    }

    /// Up to `limit` users after the given one, in the order of their identifiers.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, Error> {
        Ok(self.store.read(async move |tx| users::list_after(tx, after, limit.into()).await).await?)
    }

    /// Sets a user's password; every session and link of the user ends.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not good enough; [`Refusal::WrongStatus`] when the user is deactivated, who may
    /// hold no credential; refused for anybody but the operator.
    pub async fn set_password(&self, caller: &Caller, user: UserId, password: Password) -> Result<(), Error> {
        self.require(caller, Action::SetPassword, Some(Subject::User(user))).await?;
        self.replace_password(caller, user, None, password).await.map(|_| ())
    }

    /// Changes the caller's own password; every other session, and every link, of the caller ends. Says how many
    /// sessions.
    ///
    /// # Errors
    /// [`Refusal::WrongCredentials`] when `current` is not the password; [`Refusal::TooManyAttempts`], as at sign-in;
    /// [`Error::Invalid`] when the new one is not good enough.
    pub async fn change_password(&self, caller: &Caller, current: Password, new: Password) -> Result<u64, Error> {
        let Actor::User(identity) = &caller.actor else { return Err(Refusal::SessionNeeded.into()) };
        let Credential::Session(session) = identity.credential else { return Err(Refusal::SessionNeeded.into()) };
        let user = identity.user;
        self.require_of(caller, Action::SetPassword, Some(Subject::User(user)), Some(user)).await?;
        // Whoever found an open page shall not guess faster than a stranger.
        let attempt = self.begin_attempt(&format!("password of {user}"), &caller.origin).await?;
        let hash = self.store.read(async move |tx: &mut Tx<'_>| users::find_password_hash(tx, user).await).await?;
        if !self.passwords.verify(current, hash).await? {
            if let Some(attempt) = attempt {
                attempt.failed();
            }
            let subject = Some(Subject::User(user));
            return Err(self.refuse(caller, Action::SetPassword, subject, Refusal::WrongCredentials).await);
        }
        if let Some(attempt) = attempt {
            attempt.succeeded();
        }
        self.replace_password(caller, user, Some(session), new).await
    }

    async fn replace_password(
        &self,
        caller: &Caller,
        user: UserId,
        but: Option<SessionId>,
        password: Password,
    ) -> Result<u64, Error> {
        let found = self
            .store
            .read(async move |tx| match users::find(tx, user).await? {
                Some(user) => Ok(companies::find(tx, user.company).await?.map(|company| known_words(&user, &company))),
                None => Ok(None),
            })
            .await?;
        let unknown = move || Error::NotFound(Unknown::User(user.to_string()));
        let hash = self.passwords.hash(password, found.ok_or_else(unknown)?, &*self.entropy).await?;
        let draft = self.draft(caller, Action::SetPassword, Some(Subject::User(user)), Note::default());
        let (caller, limits) = (caller.clone(), self.policy.sessions);
        self.store
            .write(async move |tx| {
                let Some(found) = users::lock(tx, user, None).await? else { return Ok(Err(unknown())) };
                let now = draft.now();
                let may = guards::caller_may_still(tx, &caller, Action::SetPassword, Some(user), now).await?;
                let refusal = match found.status {
                    Status::Deactivated => Some(Refusal::WrongStatus(found.status)),
                    Status::Active | Status::Suspended => may.err(),
                };
                if let Some(refusal) = refusal {
                    draft.refused(tx, Some(found.company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                users::set_password_hash(tx, user, &hash).await?;
                let ended = end_all(tx, user, but, now, limits, session::EndReason::PasswordSet).await?;
                links::end_all_of(tx, user, now, link::EndReason::Replaced).await?;
                let detail = serde_json::json!({"sessionsEnded": ended});
                draft.done(tx, now, Some(found.company), Some(detail)).await?;
                Ok(Ok(ended))
            })
            .await?
    }

    /// Gives the caller another name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is empty, too long or of several lines; refused without a session.
    pub async fn rename_oneself(&self, caller: &Caller, name: &str) -> Result<User, Error> {
        let Actor::User(identity) = &caller.actor else { return Err(Refusal::SessionNeeded.into()) };
        let (user, company) = (identity.user, identity.company);
        let name = text::one_line("name", name, text::NAME_LENGTH)?;
        let subject = Some(Subject::User(user));
        self.require_of(caller, Action::RenameUser, subject, Some(user)).await?;
        let draft = self.draft(caller, Action::RenameUser, subject, Note::default());
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, Some(user)).await? {
                    return Ok(Err(refusal.into()));
                }
                let Some(found) = users::lock(tx, user, Some(company)).await? else {
                    return Ok(Err(Refusal::CallerEnded.into()));
                };
                if found.name != name {
                    users::rename(tx, &found, &name, draft.now()).await?;
                    let detail = serde_json::json!({"from": found.name, "to": name});
                    draft.done(tx, draft.now(), Some(company), Some(detail)).await?;
                }
                Ok(Ok(User { name: name.clone(), ..found }))
            })
            .await?
    }

    fn plan(&self, company: CompanyId, new: NewUser) -> User {
        let now: Timestamp = self.clock.now();
        User {
            id: UserId(id::random(&*self.entropy)),
            company,
            email: new.email,
            name: new.name,
            role: new.role,
            status: Status::Active,
            status_since: now,
            created_at: now,
        }
    }
}

/// Words that must not make a user's password good: what everybody knows of the user.
pub(super) fn known_words(user: &User, company: &Company) -> Vec<String> {
    let mut known = text::words([user.name.as_str(), user.email.as_str(), company.name.as_str()], 32);
    known.extend([user.email.key(), user.name.as_str(), company.name.as_str()].map(text::search_key));
    known
}

async fn create(tx: &mut Tx<'_>, user: &User, draft: &audit::Draft) -> store::Result<Made> {
    if let Some(twin) = users::find_by_email(tx, &user.email).await? {
        return Ok(match twin {
            twin if twin.company != user.company => Made::Failed(elsewhere(user)),
            twin if twin.name == user.name && twin.role == user.role => Made::Unchanged(twin),
            _ => Made::Failed(Error::Exists(format!("a user with the address {}", user.email))),
        });
    }
    if people::find_by_user_name(tx, user.company, user.email.as_str()).await?.is_some() {
        return Ok(Made::Failed(Error::Exists(format!("a user with the user name {}", user.email))));
    }
    let owner = companies::find_owner_of_domain(tx, user.email.domain()).await?;
    if owner.is_some_and(|owner| owner != user.company) {
        return Ok(Made::Failed(elsewhere(user)));
    }
    users::insert(tx, user).await?;
    let detail = serde_json::json!({"role": user.role.as_str()});
    draft.done(tx, user.created_at, Some(user.company), Some(detail)).await?;
    Ok(Made::Created(user.clone()))
}

/// An address of another company, whether somebody there has it or only its domain is that company's.
fn elsewhere(user: &User) -> Error {
    let reason = format!("the address {}, or its domain, belongs to another company", user.email);
    crate::model::Invalid::new(reason).into()
}
