//! Companies: made by the operator, found by name or identifier.

use std::time::Duration;

use super::{Directory, Error, Unknown, guards};
use crate::model::actor::Caller;
use crate::model::audit::{Action, Note, Subject};
use crate::model::clock::Timestamp;
use crate::model::company::{Company, Domain, Guard, GuardedDoors};
use crate::model::id::{self, CompanyId};
use crate::model::{Invalid, text};
use crate::store::{self, Tx, companies, tokens};

/// The most domains that a company may be made with.
const DOMAINS: usize = 1000;

impl Directory {
    /// Makes a company that owns these e-mail domains.
    ///
    /// # Errors
    /// [`Error::Exists`] when the name, in whatever case, or a domain belongs to another company.
    pub async fn create_company(&self, caller: &Caller, name: &str, domains: Vec<Domain>) -> Result<Company, Error> {
        let name = company_name(name)?;
        if domains.len() > DOMAINS {
            return Err(Invalid::new(format!("a company owns at most {DOMAINS} domains")).into());
        }
        let mut domains = domains;
        domains.sort();
        domains.dedup();
        let id = CompanyId(id::random(&*self.entropy));
        let company = Company::new(id, name, domains, self.clock.now());
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

    /// The company with this identifier.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn company(&self, id: CompanyId) -> Result<Company, Error> {
        let found = self.store.read(async move |tx| companies::find(tx, id).await).await?;
        found.ok_or_else(|| Error::NotFound(Unknown::Company(id.to_string())))
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

    /// Changes a company's name, domains, or the longest life of its users' tokens: those that would live longer, or
    /// for ever, end that many days from now. What is so already is left as it is.
    ///
    /// # Errors
    /// [`Error::Exists`] when another company has the name, in whatever case, or the domain; [`Error::Invalid`] for a
    /// thousand and first domain. Refused for who is no admin of the company.
    pub async fn change_company(&self, caller: &Caller, company: CompanyId, change: Change) -> Result<(), Error> {
        let (subject, action) = (Some(Subject::Company(company)), change.action());
        self.require(caller, action, subject).await?;
        guards::reaches(caller, company)?;
        let draft = self.draft(caller, action, subject, Note::default());
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, None).await? {
                    return Ok(Err(Error::from(refusal)));
                }
                companies::lock(tx, company).await?;
                let Some(found) = companies::find(tx, company).await? else {
                    return Ok(Err(Error::NotFound(Unknown::Company(company.to_string()))));
                };
                let now = draft.now();
                match apply(tx, &found, &change, now).await? {
                    Ok(None) => Ok(Ok(())),
                    Ok(detail) => {
                        draft.done(tx, now, Some(company), detail).await?;
                        Ok(Ok(()))
                    }
                    Err(error) => Ok(Err(error)),
                }
            })
            .await
            .unwrap_or_else(|error| match error {
                store::Error::Taken(_) => Err(Error::Exists("a company with this name or domain".to_owned())),
                error => Err(error.into()),
            })
    }
}

/// What is to change about a company.
#[derive(Debug, Clone)]
pub enum Change {
    /// Its name.
    Name(String),
    /// It gets a domain.
    AddDomain(Domain),
    /// It gives a domain up; users with such addresses stay.
    RemoveDomain(Domain),
    /// The longest that tokens may live, in days; `None` is for ever.
    TokenDays(Option<u32>),
    /// Whether the identity provider may let back in whom somebody else stopped.
    Authority(bool),
    /// What stops a runaway sync.
    Guard {
        /// Through which doors.
        doors: GuardedDoors,
        /// At most so many people.
        count: u32,
        /// At most so many of a hundred.
        percent: u32,
        /// Within this time.
        window: Duration,
    },
}

impl Change {
    /// Takes a name that somebody wrote.
    ///
    /// # Errors
    /// When it is empty, too long, of several lines, or looks like a UUID.
    pub fn name(text: &str) -> Result<Self, Error> {
        company_name(text).map(Self::Name)
    }

    /// Takes a number of days.
    ///
    /// # Errors
    /// When it is not 1 to 36500.
    pub fn token_days(days: Option<u32>) -> Result<Self, Error> {
        match days {
            Some(days) if !(1..=36_500).contains(&days) => {
                Err(Invalid::new("write a number of days from 1 to 36500, or nothing for no maximum").into())
            }
            days => Ok(Self::TokenDays(days)),
        }
    }

    /// Takes a guard that somebody wrote.
    ///
    /// # Errors
    /// When the count is not 1 to a million, the percentage not 1 to 100, or the window not a minute to 31 days.
    pub fn guard(doors: GuardedDoors, count: u32, percent: u32, window: Duration) -> Result<Self, Error> {
        let wrong = if !(1..=1_000_000).contains(&count) {
            "write how many people: 1 to 1000000"
        } else if !(1..=100).contains(&percent) {
            "write a percentage from 1 to 100"
        } else if !(Duration::from_mins(1)..=Guard::LONGEST).contains(&window) {
            "write a window from a minute to 31 days"
        } else {
            return Ok(Self::Guard { doors, count, percent, window });
        };
        Err(Invalid::new(wrong).into())
    }

    fn action(&self) -> Action {
        match self {
            Self::Authority(_) => Action::SetAuthority,
            Self::Guard { .. } => Action::SetGuard,
            Self::Name(_) => Action::RenameCompany,
            Self::AddDomain(_) => Action::AddDomain,
            Self::RemoveDomain(_) => Action::RemoveDomain,
            Self::TokenDays(_) => Action::SetPolicy,
        }
    }
}

/// Gives what to say of it in the audit trail, or nothing when it was so already.
async fn apply(
    tx: &mut Tx<'_>,
    found: &Company,
    change: &Change,
    now: Timestamp,
) -> store::Result<Result<Option<serde_json::Value>, Error>> {
    let done = |detail| Ok(Ok(Some(detail)));
    match change {
        Change::Name(name) if *name == found.name => Ok(Ok(None)),
        Change::Name(name) => {
            if companies::find_by_name(tx, name).await?.is_some_and(|other| other.id != found.id) {
                return Ok(Err(Error::Exists(format!("a company named '{name}'"))));
            }
            companies::rename(tx, found.id, name).await?;
            done(serde_json::json!({"from": found.name, "to": name}))
        }
        Change::AddDomain(domain) => {
            match companies::find_owner_of_domain(tx, domain).await? {
                Some(owner) if owner == found.id => return Ok(Ok(None)),
                Some(_) => {
                    return Ok(Err(Error::Exists(format!("a company with the domain '{}'", domain.as_str()))));
                }
                None if found.domains.len() >= DOMAINS => {
                    return Ok(Err(Invalid::new(format!("a company owns at most {DOMAINS} domains")).into()));
                }
                None => companies::add_domain(tx, found.id, domain).await?,
            }
            done(serde_json::json!({"domain": domain.as_str()}))
        }
        Change::RemoveDomain(domain) => {
            let had = companies::remove_domain(tx, found.id, domain).await?;
            Ok(Ok(had.then(|| serde_json::json!({"domain": domain.as_str()}))))
        }
        Change::Authority(is_authority) if *is_authority == found.provider_is_authority => Ok(Ok(None)),
        Change::Authority(is_authority) => {
            companies::set_authority(tx, found.id, *is_authority).await?;
            done(serde_json::json!({"from": found.provider_is_authority, "to": is_authority}))
        }
        Change::Guard { doors, count, percent, window } => {
            let guard = Guard { doors: *doors, count: *count, percent: *percent, window: *window, confirmed: None };
            if guard == found.guard {
                return Ok(Ok(None));
            }
            companies::set_guard(tx, found.id, &guard).await?;
            done(serde_json::json!({"from": described(&found.guard), "to": described(&guard)}))
        }
        Change::TokenDays(days) if *days == found.token_days => Ok(Ok(None)),
        Change::TokenDays(days) => {
            companies::set_token_days(tx, found.id, *days).await?;
            let shortened = match days {
                Some(days) => tokens::shorten_all_of(tx, found.id, now.after(days_long(*days))).await?,
                None => 0,
            };
            done(serde_json::json!({"from": found.token_days, "to": days, "tokensShortened": shortened}))
        }
    }
}

fn described(guard: &Guard) -> serde_json::Value {
    serde_json::json!({
        "doors": guard.doors.as_str(), "count": guard.count, "percent": guard.percent,
        "windowSeconds": guard.window.as_secs(),
    })
}

/// So many days of 24 hours.
pub(super) fn days_long(days: u32) -> Duration {
    Duration::from_hours(24) * days
}

fn company_name(name: &str) -> Result<String, Error> {
    let name = text::one_line("company's name", name, text::NAME_LENGTH)?;
    if CompanyId::parse(&name.to_lowercase()).is_ok() {
        return Err(Invalid::new("a company's name must not look like a UUID").into());
    }
    Ok(name)
}
