//! API 4's words for failures: `{"errorCode","errorMessage"}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::domain::{self, Refusal, Unknown};
use crate::http::failure::{Dialect, Failure, gateway_rate_limited};
use crate::http::schema::GatewayMessage;
use crate::model::actor::Door;
use crate::model::id::RequestId;
use crate::model::scim::fault::Fault;

pub(super) const DIALECT: Dialect = Dialect { door: Door::UserManagement, render };

/// What a client is asked for that shows no good key: a 401 names a scheme (RFC 9110, section 11.6.1), and this one has
/// two headers of its own.
const CHALLENGE: HeaderValue = HeaderValue::from_static("MendixApiKey realm=\"offboard\"");

/// Of another company's user as of none.
const NO_SUCH_USER: &str = "Your company has no such user.";
const NO_SUCH_GROUP: &str = "Your company has no such group.";

/// Why a call was not done: a failure that every door knows, or what only this one tells apart.
pub(super) enum Trouble {
    Failure(Failure),
    /// The body lacks this member.
    Missing(&'static str),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<domain::Error> for Trouble {
    fn from(error: domain::Error) -> Self {
        Self::Failure(error.into())
    }
}

impl Trouble {
    /// The answer to a call that was not done.
    pub(super) fn answer(&self, request: RequestId) -> Response {
        match self {
            Self::Failure(failure) => refuse(failure, request),
            Self::Missing(member) => {
                error(StatusCode::BAD_REQUEST, "PARAMETER_MISSING", format!("The body lacks the member '{member}'."))
            }
        }
    }
}

/// The answer to a failed request, in this door's words.
pub(super) fn refuse(failure: &Failure, request: RequestId) -> Response {
    let mut response = DIALECT.answer(failure, request);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

/// The answer on a path below this door's that does not exist.
pub(super) fn no_such_path() -> Response {
    error(StatusCode::NOT_FOUND, "RESOURCE_NOT_FOUND", "There is nothing at this path.".to_owned())
}

/// Why the request was not done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ManagementError {
    /// What kind of failure.
    #[schema(example = "RESOURCE_NOT_FOUND")]
    error_code: &'static str,
    /// One sentence for a person.
    #[schema(example = "Your company has no such user.")]
    error_message: String,
}

#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers that are built by hand")]
pub(super) enum Refusals {
    /// A parameter, the path or the body is not as expected (`BAD_PARAMETER`), or lacks something (`PARAMETER_MISSING`)
    #[response(status = 400)]
    Invalid(ManagementError),
    /// The headers hold no address, or no API key that is good at this instant and whose owner has that address
    #[response(status = 401)]
    Unauthorized(ManagementError),
    /// The role does not allow the call; or the user is the caller, the company's last active Mendix Admin, or guarded
    #[response(status = 403)]
    Forbidden(ManagementError),
    /// The caller's company has no such user, or no such group
    #[response(status = 404)]
    NotFound(ManagementError),
    /// Another method
    #[response(status = 405)]
    MethodNotAllowed(ManagementError),
    /// The body did not arrive in time
    #[response(status = 408)]
    TooSlow(ManagementError),
    /// The company has a group of this name
    #[response(status = 409)]
    Exists(ManagementError),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(ManagementError),
    /// Too many requests; `Retry-After` says when to try again. Nothing was done
    #[response(status = 429)]
    RateLimited(GatewayMessage),
    /// Our fault
    #[response(status = 500)]
    Internal(ManagementError),
    /// The storage can't be reached or is overloaded, or the server stops; try again
    #[response(status = 503)]
    Unavailable(ManagementError),
}

fn render(failure: &Failure, request: RequestId) -> Response {
    match failure {
        // One text for all: who guesses learns neither whether an address nor whether a key is known.
        Failure::NoCredential
        | Failure::MalformedCredential
        | Failure::RejectedCredential(_)
        | Failure::Forbidden(Refusal::CallerEnded) => {
            let text = "The headers Mendix-Username and Mendix-ApiKey hold no user's address with a valid API key.";
            error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", text.to_owned())
        }
        Failure::Forbidden(Refusal::NoSuchUser) => not_found(NO_SUCH_USER.to_owned()),
        Failure::Forbidden(refusal) => error(StatusCode::FORBIDDEN, "FORBIDDEN", explain(refusal)),
        Failure::NotFound(unknown) => not_found(missing(unknown)),
        Failure::Exists(what) => {
            error(StatusCode::CONFLICT, "RESOURCE_ALREADY_EXISTS", format!("There is {what} already."))
        }
        Failure::Invalid(detail) | Failure::Fault(Fault { detail, .. }) => {
            error(StatusCode::BAD_REQUEST, "BAD_PARAMETER", detail.clone())
        }
        Failure::MethodNotAllowed => {
            let text = "The header Allow says which methods this path answers to.".to_owned();
            error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", text)
        }
        Failure::TooLarge => {
            let text = "The body is larger than this API reads.".to_owned();
            error(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", text)
        }
        Failure::TooSlow => {
            let text = "The body did not arrive in time.".to_owned();
            error(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", text)
        }
        Failure::RateLimited => gateway_rate_limited(),
        Failure::Unavailable(_) => {
            let text = "The service is not available at the moment, try again later.".to_owned();
            error(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", text)
        }
        // The contract lists no code for a fault of ours; this is the one that API 2 has.
        Failure::Internal(_) | Failure::CrossSite => {
            let text = format!("Something went wrong on our side; the request is {request} in our logs.");
            error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", text)
        }
    }
}

fn not_found(text: String) -> Response {
    error(StatusCode::NOT_FOUND, "RESOURCE_NOT_FOUND", text)
}

/// Repeats nothing of what was asked for: the answer is the same to the byte, whoever else has it.
fn missing(unknown: &Unknown) -> String {
    match unknown {
        Unknown::User(_) => NO_SUCH_USER.to_owned(),
        Unknown::Group(_) => NO_SUCH_GROUP.to_owned(),
        // No call names one of these.
        Unknown::Company(_) | Unknown::Token(_) | Unknown::Session(_) | Unknown::Service(_) | Unknown::Page => {
            format!("There is no {unknown}.")
        }
    }
}

/// Says why, so that the owner of a script knows what to do; of another company's people nothing.
fn explain(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotAdmin | Refusal::NeedsRole(_) => format!("Your role does not allow this call: {refusal}."),
        Refusal::Oneself => "You can not change your own status.".to_owned(),
        Refusal::LastAdmin => "The company would be left without an active Mendix Admin.".to_owned(),
        Refusal::WrongStatus(status) => format!("The user is {}, which does not allow it.", status.as_str()),
        Refusal::GuardTripped { .. } | Refusal::StoppedByHand(_) | Refusal::ManagedByProvider => {
            format!("Your company's settings do not allow it: {refusal}.")
        }
        // An API key has no scopes and changes no credential, and edits come without a revision.
        Refusal::NoSuchUser
        | Refusal::MissingScope { .. }
        | Refusal::ScopeNotYours(_)
        | Refusal::SessionNeeded
        | Refusal::NotOwner
        | Refusal::NoCompany
        | Refusal::WrongCredentials
        | Refusal::TooManyAttempts
        | Refusal::DeadLink
        | Refusal::GroupLocked
        | Refusal::Outdated
        | Refusal::CallerEnded => format!("You may not do this: {refusal}."),
    }
}

fn error(status: StatusCode, error_code: &'static str, error_message: String) -> Response {
    (status, Json(ManagementError { error_code, error_message })).into_response()
}
