//! What the pages say: about failures, about what was done, about what stands in the audit trail.

use axum::http::StatusCode;

use super::super::failure::Failure;
use super::page::Notice;
use crate::domain::Refusal;
use crate::domain::trail::TrailEntry;
use crate::model::actor::Door;
use crate::model::audit::{Action, ActorRecord};
use crate::model::token::EndReason;
use crate::model::user::Status;

/// A failure in words.
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) heading: &'static str,
    pub(super) text: String,
}

/// The words for a failure that is a page of its own.
pub(super) fn problem(failure: &Failure) -> Problem {
    let (status, heading, text) = match failure {
        Failure::NoCredential | Failure::MalformedCredential | Failure::RejectedCredential(_) => {
            (StatusCode::UNAUTHORIZED, "You are not signed in", "Sign in and try again.".to_owned())
        }
        Failure::Forbidden(Refusal::NoSuchUser) => {
            (StatusCode::NOT_FOUND, "Nobody here", "Your company has no such member.".to_owned())
        }
        Failure::Forbidden(refusal) => (StatusCode::FORBIDDEN, "This is not for you", refused(refusal)),
        Failure::NotFound(_) => {
            (StatusCode::NOT_FOUND, "Nothing here", "There is nothing at this address, or no longer.".to_owned())
        }
        Failure::Exists(what) => (StatusCode::CONFLICT, "It exists already", format!("{}.", sentence(what))),
        Failure::Invalid(text) => (StatusCode::BAD_REQUEST, "This can't be right", format!("{}.", sentence(text))),
        Failure::CrossSite => (
            StatusCode::FORBIDDEN,
            "This came from another site",
            "Nothing was changed. Open the page here, and send the form from there.".to_owned(),
        ),
        Failure::MethodNotAllowed => (
            StatusCode::METHOD_NOT_ALLOWED,
            "Not like this",
            "This address can't be used in this way. Go back and try again.".to_owned(),
        ),
        Failure::TooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "Too much at once", "Select fewer, and try again.".to_owned())
        }
        Failure::TooSlow => {
            (StatusCode::REQUEST_TIMEOUT, "It took too long", "The form did not arrive in time. Try again.".to_owned())
        }
        Failure::RateLimited => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "Nothing was changed. Wait a minute and try again.".to_owned(),
        ),
        Failure::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Not available at the moment",
            "The storage does not answer. Try again in a moment.".to_owned(),
        ),
        Failure::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on our side",
            "It is in our logs. Tell whoever runs this server the number below.".to_owned(),
        ),
    };
    Problem { status, heading, text }
}

/// Why somebody may not do something, to that person.
pub(super) fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotAdmin => "Only a Mendix Admin may do this.".to_owned(),
        Refusal::Oneself => "This is you: nobody may change his own access.".to_owned(),
        Refusal::NoSuchUser => "Your company has no such member.".to_owned(),
        Refusal::LastAdmin => "This is the last active Mendix Admin of the company. Make another one first.".to_owned(),
        Refusal::WrongStatus(Status::Active) => "The member is active.".to_owned(),
        Refusal::WrongStatus(Status::Suspended) => "The member is suspended: resume first.".to_owned(),
        Refusal::WrongStatus(Status::Deactivated) => "The member is deactivated: reactivate first.".to_owned(),
        Refusal::ScopeNotYours(scope) => format!("Only a Mendix Admin may have the scope {}.", scope.as_str()),
        Refusal::NotOwner => "Only the person concerned may do this.".to_owned(),
        Refusal::WrongCredentials => "The password is not right.".to_owned(),
        Refusal::TooManyAttempts => "Too many tries at once. Wait a few seconds and try again.".to_owned(),
        Refusal::DeadLink => "This link does not work, or no longer.".to_owned(),
        Refusal::CallerEnded => "Your own access has ended.".to_owned(),
        Refusal::MissingScope { .. } | Refusal::SessionNeeded | Refusal::NoCompany => {
            format!("{}.", sentence(&refusal.to_string()))
        }
    }
}

/// What to say beside a form that was not taken; other failures are pages of their own.
pub(super) fn beside_form(failure: Failure) -> Result<String, Failure> {
    match failure {
        Failure::Invalid(text) => Ok(format!("{}.", sentence(&text))),
        Failure::Exists(what) => Ok(format!("There is {what} already.")),
        Failure::Forbidden(refusal @ (Refusal::CallerEnded | Refusal::NotAdmin)) => Err(Failure::Forbidden(refusal)),
        Failure::Forbidden(refusal) => Ok(refused(&refusal)),
        other => Err(other),
    }
}

/// What was just done, by the short name in the address.
pub(super) fn notice(done: &str) -> Option<Notice> {
    let (kind, text) = match done {
        "saved" => ("success", "Saved."),
        "password" => ("success", "Your password was changed. All your other sessions have ended."),
        "session-ended" => ("success", "The session has ended."),
        "sessions-ended" => ("success", "All your other sessions have ended."),
        "token-deleted" => ("success", "The token was deleted. It is refused from now on."),
        "service-deleted" => ("success", "The service was deleted. It is refused from now on."),
        "admin-added" => ("success", "There is a new Mendix Admin."),
        "admin-removed" => ("success", "The admin role was removed."),
        "password-set" => ("success", "Your password is set. Sign in with it."),
        "signed-out" => ("info", "You have signed out."),
        "ended" => ("warning", "Your session has ended. Sign in again."),
        _ => return None,
    };
    Some(Notice { kind, text: text.to_owned() })
}

/// Why a token ended.
pub(super) fn token_end(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Deleted => "deleted",
        EndReason::Rotated => "rotated: a new secret took its place",
        EndReason::OwnerDeactivated => "its owner was deactivated",
    }
}

/// Who acted, in the audit trail.
pub(super) fn actor(entry: &TrailEntry) -> String {
    match entry.actor {
        ActorRecord::User(user, _) => entry.actor_email.clone().unwrap_or_else(|| user.to_string()),
        ActorRecord::Operator(None) => "operator".to_owned(),
        ActorRecord::Operator(Some(_)) => "operator (break-glass)".to_owned(),
        ActorRecord::Stranger => "somebody not signed in".to_owned(),
    }
}

/// What was done or tried, in the audit trail.
pub(super) fn action(entry: &TrailEntry) -> String {
    Action::parse(&entry.action).map_or_else(|| entry.action.clone(), |action| action.label().to_owned())
}

/// Whom it concerns, in the audit trail.
pub(super) fn person(entry: &TrailEntry) -> Option<String> {
    entry.person_email.clone().or_else(|| entry.person.map(|id| id.to_string()))
}

/// Through which door, in the audit trail.
pub(super) fn door(entry: &TrailEntry) -> String {
    Door::parse(&entry.door).map_or_else(|| entry.door.clone(), |door| door.label().to_owned())
}

/// With a capital letter at its beginning.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
