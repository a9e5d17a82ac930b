//! API 2's words for failures: `{"statusCode","errorCode","errorText","displayText"}`, and its exceptions.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::domain::Refusal;
use crate::http::failure::{Dialect, Failure, gateway_rate_limited, gateway_unavailable};
use crate::http::schema::{GatewayMessage, GatewayUnavailable};
use crate::model::actor::Door;
use crate::model::id::RequestId;
use crate::model::scim::fault::Fault;

pub(in crate::http) const DIALECT: Dialect = Dialect { door: Door::UserIdentifiers, render };

/// Why the request was not done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ErrorFields {
    /// The HTTP status.
    #[schema(example = 401)]
    status_code: u16,
    /// What kind of failure.
    #[schema(example = "UNAUTHORIZED")]
    error_code: &'static str,
    /// For whoever reads a log.
    #[schema(example = "The personal access token is not valid.")]
    error_text: String,
    /// For whoever reads a screen.
    #[schema(example = "You are not signed in.")]
    display_text: &'static str,
}

/// Error fields, or a bare text when no well-formed token was found.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes two answers that are built apart")]
pub(in crate::http) enum Unidentified {
    Error(ErrorFields),
    Text(String),
}

#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers that are built by hand")]
pub(super) enum Refusals {
    /// Not JSON, an empty list, or something that is no e-mail address of at most 200 characters
    #[response(status = 400)]
    Invalid(ErrorFields),
    /// No token, or one that is unknown, expired, deleted, or of a user who is not active; or no Mendix Admin's
    #[response(status = 401)]
    Unauthorized(Unidentified),
    /// The token lacks the scope
    #[response(status = 403)]
    Forbidden(ErrorFields),
    /// Another method
    #[response(status = 405)]
    MethodNotAllowed,
    /// The body did not arrive in time
    #[response(status = 408)]
    TooSlow(ErrorFields),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(ErrorFields),
    /// Too many requests; `Retry-After` says when to try again. Nothing was done
    #[response(status = 429)]
    RateLimited(GatewayMessage),
    /// Our fault
    #[response(status = 500)]
    Internal(ErrorFields),
    /// The storage can't be reached or is overloaded, or the server stops; try again
    #[response(status = 503)]
    Unavailable(GatewayUnavailable),
}

fn render(failure: &Failure, request: RequestId) -> Response {
    match failure {
        // A bare text for both, where API 1 answers a missing header with its error object.
        Failure::NoCredential => {
            (StatusCode::UNAUTHORIZED, Json("The request has no Authorization header")).into_response()
        }
        Failure::MalformedCredential => {
            let text = "The Authorization header holds no well-formed personal access token";
            (StatusCode::UNAUTHORIZED, Json(text)).into_response()
        }
        Failure::RejectedCredential(_) => unauthorized("The personal access token is not valid."),
        Failure::Forbidden(refusal) => forbidden(refusal),
        Failure::Invalid(detail) | Failure::Fault(Fault { detail, .. }) => {
            fields(StatusCode::BAD_REQUEST, "INVALID_REQUEST", detail.clone(), "The request is not valid.")
        }
        Failure::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")]).into_response()
        }
        Failure::TooLarge => {
            let text = "The body is larger than this API reads.".to_owned();
            fields(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", text, "The request is too large.")
        }
        Failure::TooSlow => {
            let text = "The body did not arrive in time.".to_owned();
            fields(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", text, "The request took too long.")
        }
        Failure::RateLimited => gateway_rate_limited(),
        Failure::Internal(_) | Failure::NotFound(_) | Failure::Exists(_) | Failure::CrossSite => {
            let text = format!("Something went wrong on our side; the request is {request} in our logs.");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            fields(status, "INTERNAL_SERVER_ERROR", text, "Something went wrong on our side.")
        }
        Failure::Unavailable(_) => gateway_unavailable(request),
    }
}

fn forbidden(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::MissingScope { required, provided } => {
            let text = format!("Scopes required: [{}]; scopes provided: [{provided}].", required.as_str());
            fields(StatusCode::FORBIDDEN, "FORBIDDEN", text, "Your token may not be used for this.")
        }
        // The vendor answers 401 here, not 403.
        Refusal::NotAdmin => unauthorized("Only a Mendix Admin may look up users."),
        // Look-ups have no target and change nothing, so the rest can't come up.
        Refusal::Oneself
        | Refusal::NoSuchUser
        | Refusal::GuardTripped { .. }
        | Refusal::NeedsRole(_)
        | Refusal::StoppedByHand(_)
        | Refusal::ManagedByProvider
        | Refusal::GroupLocked
        | Refusal::Outdated
        | Refusal::LastAdmin
        | Refusal::WrongStatus(_)
        | Refusal::ScopeNotYours(_)
        | Refusal::SessionNeeded
        | Refusal::NotOwner
        | Refusal::NoCompany
        | Refusal::WrongCredentials
        | Refusal::TooManyAttempts
        | Refusal::DeadLink
        | Refusal::CallerEnded => {
            fields(StatusCode::FORBIDDEN, "FORBIDDEN", format!("Refused: {refusal}."), "You may not do this.")
        }
    }
}

fn unauthorized(text: &str) -> Response {
    fields(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", text.to_owned(), "You are not signed in, or may not do this.")
}

fn fields(status: StatusCode, error_code: &'static str, error_text: String, display_text: &'static str) -> Response {
    let body = ErrorFields { status_code: status.as_u16(), error_code, error_text, display_text };
    (status, Json(body)).into_response()
}
