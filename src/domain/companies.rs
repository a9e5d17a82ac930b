//! Companies: made by the operator, found by name or identifier.

use super::{Directory, Error, Unknown};
use crate::model::actor::Caller;
use crate::model::audit::{Action, Note, Subject};
use crate::model::company::{Company, Domain};
use crate::model::id::{self, CompanyId};
use crate::model::{Invalid, text};
use crate::store::{self, companies};

/// The most domains that a company may be made with.
const DOMAINS: usize = 1000;

impl Directory {
    /// Makes a company that owns these e-mail domains.
    ///
    /// # Errors
    /// [`Error::Exists`] when the name, in whatever case, or a domain belongs to another company.
    pub async fn create_company(&self, caller: &Caller, name: &str, domains: Vec<Domain>) -> Result<Company, Error> {
        let name = text::one_line("company's name", name, text::NAME_LENGTH)?;
        if CompanyId::parse(&name.to_lowercase()).is_ok() {
            return Err(Invalid::new("a company's name must not look like a UUID").into());
        }
        if domains.len() > DOMAINS {
            return Err(Invalid::new(format!("a company owns at most {DOMAINS} domains")).into());
        }
        let mut domains = domains;
        domains.sort();
        domains.dedup();
        let company =
            Company { id: CompanyId(id::random(&*self.entropy)), name, domains, created_at: self.clock.now() };
        let subject = Some(Subject::Company(company.id));
        self.require(caller, Action::CreateCompany, subject).await?;
        let draft = self.draft(caller, Action::CreateCompany, subject, Note::default());
        self.store
            .write(async move |tx| {
                if companies::find_by_name(tx, &company.name).await?.is_some() {
                    return Ok(Err(Error::Exists(format!("a company named '{}'", company.name))));
                }
                for domain in &company.domains {
                    if companies::find_owner_of_domain(tx, domain).await?.is_some() {
                        let taken = format!("a company with the domain '{}'", domain.as_str());
                        return Ok(Err(Error::Exists(taken)));
                    }
                }
                companies::insert(tx, &company).await?;
                let detail = serde_json::json!({"name": company.name});
                draft.done(tx, company.created_at, Some(company.id), Some(detail)).await?;
                Ok(Ok(company.clone()))
            })
            .await
            .unwrap_or_else(|error| match error {
                // Another writer was faster, between our look and our insert.
                store::Error::Taken(_) => Err(Error::Exists("a company with this name or domain".to_owned())),
                error => Err(error.into()),
            })
    }

    /// Up to `limit` companies after the given one, in the order of their identifiers.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_companies(&self, after: Option<CompanyId>, limit: u32) -> Result<Vec<Company>, Error> {
        Ok(self.store.read(async move |tx| companies::list_after(tx, after, limit.into()).await).await?)
    }

    /// The company with this UUID or name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn find_company(&self, reference: &str) -> Result<Company, Error> {
        let name = reference.trim().to_owned();
        let found = self
            .store
            .read(async move |tx| match CompanyId::parse(&name) {
                Ok(id) => companies::find(tx, id).await,
                Err(_) => companies::find_by_name(tx, &name).await,
            })
            .await?;
        found.ok_or_else(|| Error::NotFound(Unknown::Company(reference.to_owned())))
    }
}
