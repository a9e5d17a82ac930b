//! From e-mail addresses to UUIDs, within the caller's own company.

use std::collections::{HashMap, HashSet};

use super::{Directory, Error, Refusal, audit};
use crate::model::actor::Caller;
use crate::model::audit::Action;
use crate::model::email::Email;
use crate::model::id::UserId;
use crate::store::users;

/// The answer to a look-up, in the order asked, each address once.
#[derive(Debug, Clone, Default)]
pub struct Identifiers {
    /// The addresses that the company has.
    pub found: Vec<(Email, UserId)>,
    /// Those that it has not, whether another company has them or nobody.
    pub unknown: Vec<Email>,
}

impl Directory {
    /// Looks up the users of the caller's company who have these addresses.
    ///
    /// # Errors
    /// Refused when the caller may not look up; the operator belongs to no company and has
    /// [`Directory::find_user`] instead.
    pub async fn look_up(&self, caller: &Caller, emails: Vec<Email>) -> Result<Identifiers, Error> {
        self.require(caller, Action::LookUpUsers, None).await?;
        let Some(company) = audit::company_of(caller) else { return Err(Refusal::NoCompany.into()) };
        let mut seen = HashSet::new();
        let asked: Vec<Email> = emails.into_iter().filter(|email| seen.insert(email.key().to_owned())).collect();
        let wanted = asked.clone();
        let known = self
            .store
            .read(async move |tx| {
                let mut known = HashMap::new();
                for chunk in wanted.chunks(users::CHUNK) {
                    let keys: Vec<&str> = chunk.iter().map(Email::key).collect();
                    known.extend(users::find_ids_by_email(tx, company, &keys).await?);
                }
                Ok(known)
            })
            .await?;
        let mut answer = Identifiers::default();
        for email in asked {
            match known.get(email.key()) {
                Some(id) => answer.found.push((email, *id)),
                None => answer.unknown.push(email),
            }
        }
        Ok(answer)
    }
}
