//! Services: those that may ask about credentials, and identity providers with their SCIM tokens; registered, rotated,
//! deleted.
//!
//! One that the operator registers without a company may ask about everybody; any other learns of its company's people
//! alone.

use std::collections::HashSet;

use super::{Directory, Error, Refusal, Unknown, audit};
use crate::model::actor::Caller;
use crate::model::audit::{Action, Note, Subject};
use crate::model::id::{self, CompanyId, ServiceId};
use crate::model::secret::Secret;
use crate::model::service::{Purpose, Service};
use crate::model::{Invalid, text};
pub use crate::store::changes::{Changes, Mark};
use crate::store::{self, changes, services, users};

/// The most services of one company, and of none.
const SERVICES: usize = 1000;
/// The most that are listed at once.
const LISTED: i64 = 10_000;

impl Directory {
    /// Registers a service and gives its secret, this once.
    ///
    /// # Errors
    /// [`Error::Exists`] when the company has one of this name. Refused for who is no Mendix Admin of the company.
    pub async fn create_service(
        &self,
        caller: &Caller,
        name: &str,
        company: Option<CompanyId>,
        purpose: Purpose,
    ) -> Result<(Service, Secret), Error> {
        let name = text::one_line("service's name", name, text::NAME_LENGTH)?;
        let company = audit::company_of(caller).or(company);
        if purpose == Purpose::Provisions && company.is_none() {
            return Err(Refusal::NoCompany.into());
        }
        let secret = Secret::generate(purpose.secret_kind(), &*self.entropy);
        let service = Service {
            id: ServiceId(id::random(&*self.entropy)),
            purpose,
            company,
            name,
            hint: secret.hint().to_owned(),
            created_at: self.clock.now(),
        };
        let subject = Some(Subject::Service(service.id));
        self.require(caller, Action::CreateService, subject).await?;
        let draft = self.draft(caller, Action::CreateService, subject, Note::default());
        let (digest, caller) = (secret.digest(), caller.clone());
        let made = self
            .store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let others =
                    services::list(tx, purpose, service.company, i64::try_from(SERVICES).unwrap_or(i64::MAX)).await?;
                if others.len() >= SERVICES {
                    return Ok(Err(Invalid::new(format!("there are {SERVICES} services: delete some first")).into()));
                }
                let service = Service { created_at: draft.now(), ..service.clone() };
                services::insert(tx, &service, digest).await?;
                let detail = serde_json::json!({"name": service.name, "purpose": purpose.as_str()});
                draft.done(tx, service.created_at, service.company, Some(detail)).await?;
                Ok(Ok(service))
            })
            .await;
        let service: Result<Service, Error> = match made {
            Err(store::Error::Taken(_)) => Err(Error::Exists("a service of this name".to_owned())),
            made => made?,
        };
        Ok((service?, secret))
    }

    /// The services that the caller may see, by name.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_services(&self, caller: &Caller, purpose: Purpose) -> Result<Vec<Service>, Error> {
        let company = audit::company_of(caller);
        let list = async move |tx: &mut store::Tx<'_>| services::list(tx, purpose, company, LISTED).await;
        Ok(self.store.read(list).await?)
    }

    /// The service with this name or UUID, among those that the caller may see.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; [`Error::Invalid`] when several companies have one of this name.
    pub async fn find_service(&self, caller: &Caller, key: &str, purpose: Purpose) -> Result<Service, Error> {
        let wanted = key.trim().to_lowercase();
        let id = ServiceId::parse(&wanted).ok();
        let mut found = self.list_services(caller, purpose).await?;
        found.retain(|service| Some(service.id) == id || service.name.to_lowercase() == wanted);
        match found.len() {
            0 => Err(Error::NotFound(Unknown::Service(key.trim().to_owned()))),
            1 => Ok(found.remove(0)),
            _ => {
                Err(Invalid::new(format!("several companies have a service '{}': name it by its UUID", key.trim()))
                    .into())
            }
        }
    }

    /// Gives a service another secret, this once; the one before is refused from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such live service within the caller's reach. Refused for who is no Mendix Admin.
    pub async fn rotate_service(&self, caller: &Caller, id: ServiceId) -> Result<(Service, Secret), Error> {
        let found = self.store.read(async move |tx: &mut store::Tx<'_>| services::find(tx, id).await).await?;
        let unknown = || Error::NotFound(Unknown::Service(id.to_string()));
        let kind = found.ok_or_else(unknown)?.purpose.secret_kind();
        let secret = Secret::generate(kind, &*self.entropy);
        let (digest, hint) = (secret.digest(), secret.hint().to_owned());
        let change = async move |tx: &mut store::Tx<'_>, service: &Service, _| {
            services::set_secret(tx, service.id, digest, &hint).await
        };
        let service = self.change_service(caller, id, Action::RotateService, change).await?;
        Ok((Service { hint: secret.hint().to_owned(), ..service }, secret))
    }

    /// Deletes a service: it is refused from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such live service within the caller's reach. Refused for who is no Mendix Admin.
    pub async fn delete_service(&self, caller: &Caller, id: ServiceId) -> Result<Service, Error> {
        let change = async |tx: &mut store::Tx<'_>, service: &Service, now| services::end(tx, service.id, now).await;
        self.change_service(caller, id, Action::DeleteService, change).await
    }

    async fn change_service<F>(
        &self,
        caller: &Caller,
        id: ServiceId,
        action: Action,
        change: F,
    ) -> Result<Service, Error>
    where
        F: AsyncFn(&mut store::Tx<'_>, &Service, crate::model::clock::Timestamp) -> store::Result<()> + Send + 'static,
    {
        let subject = Some(Subject::Service(id));
        self.require(caller, action, subject).await?;
        let draft = self.draft(caller, action, subject, Note::default());
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(refusal.into()));
                }
                let found = services::lock(tx, id).await?;
                let reached = found.filter(|service| match audit::company_of(&caller) {
                    Some(own) => service.company == Some(own),
                    None => true,
                });
                let Some(service) = reached else {
                    return Ok(Err(Error::NotFound(Unknown::Service(id.to_string()))));
                };
                let now = draft.now();
                change(tx, &service, now).await?;
                let detail = serde_json::json!({"name": service.name});
                draft.done(tx, now, service.company, Some(detail)).await?;
                Ok(Ok(service))
            })
            .await?
    }

    /// Whose access changed after a place in the log, for a service: of those whom it may ask about.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn changes_after(&self, service: &Service, after: Option<Mark>) -> Result<Changes, Error> {
        let company = service.company;
        let list = async move |tx: &mut store::Tx<'_>| {
            let mut changes = changes::list_after(tx, after.as_ref()).await?;
            let Some(all) = changes.users.take() else { return Ok(changes) };
            // Services and the operator's sessions stand in the log too: those are nobody whom a service knows.
            let mut known = HashSet::new();
            for chunk in all.chunks(users::CHUNK) {
                let found = users::find_companies(tx, chunk).await?;
                known
                    .extend(found.into_iter().filter(|(_, of)| company.is_none_or(|own| *of == own)).map(|(id, _)| id));
            }
            // Each once, in the order in which they changed.
            let users = all.into_iter().filter(|user| known.remove(user)).collect();
            Ok(Changes { users: Some(users), ..changes })
        };
        Ok(self.store.read(list).await?)
    }
}
