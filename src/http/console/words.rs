//! What the pages say: about failures, about what was done, about what stands in the audit trail.

use std::time::Duration;

use axum::http::StatusCode;

use super::super::failure::Failure;
use super::page::Notice;
use crate::domain::Refusal;
use crate::domain::trail::TrailEntry;
use crate::model::actor::Door;
use crate::model::audit::{Action, ActorRecord};
use crate::model::email::Email;
use crate::model::scim::fault::Fault;
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
        Failure::Invalid(text) | Failure::Fault(Fault { detail: text, .. }) => {
            (StatusCode::BAD_REQUEST, "This can't be right", format!("{}.", sentence(text)))
        }
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
        Refusal::GuardTripped { limit, window } => format!(
            "The guard stopped this: it lets {} lose access within {}, and so many have. A Mendix Admin can let more \
             go, on the page SCIM.",
            people(*limit),
            span(*window)
        ),
        Refusal::StoppedByHand(_) => {
            "Somebody stopped the member by hand, and the identity provider may not undo that.".to_owned()
        }
        Refusal::ManagedByProvider => {
            "Your identity provider says who is a Mendix Admin, by a group. Change it there.".to_owned()
        }
        Refusal::GroupLocked => {
            "The group is locked: its name and its members are managed elsewhere, and not here.".to_owned()
        }
        Refusal::Outdated => "Somebody changed this meanwhile. Look at it as it is now, then try again.".to_owned(),
        Refusal::NeedsRole(_) | Refusal::MissingScope { .. } | Refusal::SessionNeeded | Refusal::NoCompany => {
            format!("{}.", sentence(&refusal.to_string()))
        }
    }
}

/// What to say beside a form that was not taken; other failures are pages of their own.
pub(super) fn beside_form(failure: Failure) -> Result<String, Failure> {
    match failure {
        Failure::Invalid(text) | Failure::Fault(Fault { detail: text, .. }) => Ok(format!("{}.", sentence(&text))),
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
        "key-deleted" => ("success", "The API key was deleted. It is refused from now on."),
        "service-deleted" => ("success", "The service was deleted. It is refused from now on."),
        "scim-token-deleted" => ("success", "The SCIM token was deleted. It is refused from now on."),
        "guard-confirmed" => ("success", "The guard counts anew, and lets as many more go as you said."),
        "group-made" => ("success", "The group is made. Add its members, and say what it gives."),
        "group-deleted" => ("success", "The group was deleted. What it gave has ended."),
        "group-locked" => ("success", "The group is locked: its name and its members are managed elsewhere."),
        "group-unlocked" => ("success", "The group is unlocked: you manage its name and its members here."),
        "rights-set" => ("success", "What the group gives is set, and holds for all its members now."),
        "member-added" => ("success", "The member is in the group."),
        "member-removed" => ("success", "The member is not in the group any more."),
        "admin-added" => ("success", "There is a new Mendix Admin."),
        "admin-removed" => ("success", "The admin role was removed."),
        "admin-by-group" => {
            ("warning", "A group makes this member a Mendix Admin. Take the member out of the group, and it ends.")
        }
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
        ActorRecord::Provisioner(_) => "identity provider".to_owned(),
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

/// An address to look at; not everybody has one.
pub(super) fn email(email: &Email) -> String {
    email.to_show().unwrap_or("no e-mail address").to_owned()
}

/// `1 session`, `2 sessions`.
pub(super) fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `1 person`, `2 people`.
pub(super) fn people(number: u64) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{number} people") }
}

/// A length of time, in hours where it is whole in them, else in minutes.
pub(super) fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    if minutes >= 60 && minutes.is_multiple_of(60) { counted(minutes / 60, "hour") } else { counted(minutes, "minute") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_the_unit_that_it_is_whole_in() {
        for (minutes, text) in
            [(1, "1 minute"), (59, "59 minutes"), (60, "1 hour"), (90, "90 minutes"), (120, "2 hours")]
        {
            assert_eq!(span(Duration::from_mins(minutes)), text);
        }
    }
}
