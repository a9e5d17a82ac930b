//! Who may come in here: the owner of the API key in `Mendix-ApiKey`, if `Mendix-Username` holds that user's address.

use std::time::Duration;

use axum::http::HeaderMap;

use super::error::DIALECT;
use crate::access;
use crate::http::admission::{Admitted, Refused, authenticate, count_stranger, slow_down};
use crate::http::app::App;
use crate::http::failure::Failure;
use crate::http::frame::Circumstances;
use crate::http::limit::Decision;
use crate::model::actor::{Actor, Caller, Credential, Identity};
use crate::model::email::Email;
use crate::model::id::{CompanyId, TokenId};
use crate::model::secret::{Kind, Secret};

const USERNAME: &str = "mendix-username";
const API_KEY: &str = "mendix-apikey";

/// Somebody who was let in.
pub(super) struct Visitor {
    pub(super) caller: Caller,
    pub(super) company: CompanyId,
    pub(super) key: TokenId,
    pub(super) decision: Option<Decision>,
    pub(super) view_age: Option<Duration>,
}

/// Lets in the owner of a good key who names himself.
///
/// Who names somebody else is refused, counted and kept waiting as one who shows a key that nobody has.
pub(super) async fn admit(app: &App, circumstances: Circumstances, headers: &HeaderMap) -> Result<Visitor, Refused> {
    let (username, key) = match presented(headers) {
        Ok(presented) => presented,
        Err(failure) => return Err(count_stranger(app, circumstances, failure).await),
    };
    let admitted = authenticate(app, DIALECT, circumstances, &key).await?;
    if let Some(visitor) = visitor(admitted, &username) {
        return Ok(visitor);
    }
    let rejected = Failure::RejectedCredential(access::Refusal::Unknown);
    let (failure, decision) = count_stranger(app, circumstances, rejected).await;
    slow_down(decision).await;
    Err((failure, decision))
}

/// What the two headers hold.
fn presented(headers: &HeaderMap) -> Result<(Email, Secret), Failure> {
    let (username, key) = (only(headers, USERNAME)?, only(headers, API_KEY)?);
    let username = Email::parse(username).map_err(|_| Failure::MalformedCredential)?;
    let key = Secret::parse(Kind::ApiKey, key).ok_or(Failure::MalformedCredential)?;
    Ok((username, key))
}

/// The one value of a header; an address may have characters beyond ASCII.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Failure> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Failure::NoCredential)?;
    if values.next().is_some() {
        return Err(Failure::MalformedCredential);
    }
    std::str::from_utf8(value.as_bytes()).map(str::trim).map_err(|_| Failure::MalformedCredential)
}

fn visitor(admitted: Admitted, username: &Email) -> Option<Visitor> {
    let Admitted { caller, decision, view_age } = admitted;
    let (company, key) = match &caller.actor {
        Actor::User(identity) => {
            let Credential::ApiKey(key) = identity.credential else { return None };
            is_named(identity, username).then_some((identity.company, key))?
        }
        Actor::Operator | Actor::BreakGlass(_) | Actor::Provisioner(_) => return None,
    };
    Some(Visitor { caller, company, key, decision, view_age })
}

/// Whether this is the key owner's address, in whatever spelling.
fn is_named(identity: &Identity, username: &Email) -> bool {
    Email::parse(&identity.email).is_ok_and(|own| own.key() == username.key())
}
