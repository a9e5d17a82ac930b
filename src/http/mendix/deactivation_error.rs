//! API 1's words for failures: `{"error":{"code","message","detail","instance"}}`, and its exceptions.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::domain::Refusal;
use crate::http::failure::{Dialect, Failure, gateway_rate_limited, gateway_unavailable};
use crate::http::schema::{GatewayMessage, GatewayUnavailable};
use crate::model::actor::Door;
use crate::model::id::RequestId;
use crate::model::scim::fault::Fault;

pub(in crate::http) const DIALECT: Dialect = Dialect { door: Door::UserDeactivation, render };

/// Why the request was not done.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ErrorObject {
    error: ErrorMembers,
}

#[derive(Serialize, ToSchema)]
struct ErrorMembers {
    /// The HTTP status.
    #[schema(example = 403)]
    code: u16,
    /// What kind of failure.
    #[schema(example = "Forbidden")]
    message: &'static str,
    /// One sentence for a person.
    #[schema(example = "The user is not one that you may deactivate.")]
    detail: String,
    /// The id under which the request stands in our logs and audit trail.
    #[schema(example = "urn:uuid:019ab0c4-8e4a-7a3b-9f15-3c5a2d1e0f77")]
    instance: String,
}

/// An error object, or a bare text when no well-formed token was found in the header.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes two answers that are built apart")]
pub(in crate::http) enum Unauthorized {
    Error(ErrorObject),
    Text(String),
}

#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers that are built by hand")]
pub(super) enum Refusals {
    /// The body is not JSON, or its member `active` is not exactly `false`; or the UUID has not the form
    #[response(status = 400)]
    Invalid(ErrorObject),
    /// No token, or one that is unknown, expired, deleted, or of a user who is not active
    #[response(status = 401)]
    Unauthorized(Unauthorized),
    /// The token lacks the scope; the caller is no Mendix Admin; the user is the caller, or none of the caller's company
    #[response(status = 403, example = json!({"error": {
        "code": 403, "message": "Forbidden", "detail": "The user is not one that you may deactivate.",
        "instance": "urn:uuid:019ab0c4-8e4a-7a3b-9f15-3c5a2d1e0f77"}}))]
    Forbidden(ErrorObject),
    /// Another method than PATCH
    #[response(status = 405)]
    MethodNotAllowed(ErrorObject),
    /// The body did not arrive in time
    #[response(status = 408)]
    TooSlow(ErrorObject),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(ErrorObject),
    /// Too many requests; `Retry-After` says when to try again. Nothing was done
    #[response(status = 429)]
    RateLimited(GatewayMessage),
    /// Our fault
    #[response(status = 500)]
    Internal(ErrorObject),
    /// The storage can't be reached or is overloaded, or the server stops; try again
    #[response(status = 503)]
    Unavailable(GatewayUnavailable),
}

fn render(failure: &Failure, request: RequestId) -> Response {
    match failure {
        Failure::NoCredential => unauthorized("The request has no Authorization header.", request),
        Failure::RejectedCredential(_) | Failure::Forbidden(Refusal::CallerEnded) => {
            unauthorized("The personal access token is not valid.", request)
        }
        Failure::MalformedCredential => {
            let text = "The Authorization header holds no well-formed personal access token";
            (StatusCode::UNAUTHORIZED, Json(text)).into_response()
        }
        Failure::Forbidden(refusal) => object(StatusCode::FORBIDDEN, "Forbidden", explain(refusal), request),
        Failure::Invalid(detail) | Failure::Fault(Fault { detail, .. }) => {
            object(StatusCode::BAD_REQUEST, "The request is not valid", detail.clone(), request)
        }
        Failure::MethodNotAllowed => {
            let detail = "This path answers to PATCH alone.".to_owned();
            object(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", detail, request)
        }
        Failure::TooLarge => {
            let detail = "The body is larger than this API reads.".to_owned();
            object(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", detail, request)
        }
        Failure::TooSlow => {
            let detail = "The body did not arrive in time.".to_owned();
            object(StatusCode::REQUEST_TIMEOUT, "Request Timeout", detail, request)
        }
        Failure::RateLimited => gateway_rate_limited(),
        Failure::Internal(_) | Failure::NotFound(_) | Failure::Exists(_) | Failure::CrossSite => {
            let detail = "Something went wrong on our side; the instance names the request in our logs.".to_owned();
            object(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", detail, request)
        }
        Failure::Unavailable(_) => gateway_unavailable(request),
    }
}

/// Tells the caller what only concerns the caller; of the target nothing.
fn explain(refusal: &Refusal) -> String {
    match refusal {
        Refusal::MissingScope { required, .. } => {
            format!("The personal access token lacks the scope {}.", required.as_str())
        }
        Refusal::NotAdmin => "Only a Mendix Admin may deactivate users.".to_owned(),
        Refusal::Oneself => "You can not deactivate yourself.".to_owned(),
        Refusal::NoSuchUser => "The user is not one that you may deactivate.".to_owned(),
        Refusal::LastAdmin => "The company would be left without an active Mendix Admin.".to_owned(),
        Refusal::WrongStatus(_) => "The user's status does not allow it.".to_owned(),
        Refusal::CallerEnded => "Your own access has ended.".to_owned(),
        Refusal::GuardTripped { limit, window } => format!(
            "Stopped: {limit} people of the company lost access within {} minutes. A Mendix Admin has to confirm that more are meant.",
            window.as_secs() / 60
        ),
        // A token that came this far may deactivate, so the rest can't come up.
        Refusal::ScopeNotYours(_)
        | Refusal::NeedsRole(_)
        | Refusal::StoppedByHand(_)
        | Refusal::ManagedByProvider
        | Refusal::GroupLocked
        | Refusal::Outdated
        | Refusal::SessionNeeded
        | Refusal::NotOwner
        | Refusal::NoCompany
        | Refusal::WrongCredentials
        | Refusal::TooManyAttempts
        | Refusal::DeadLink => "You may not do this.".to_owned(),
    }
}

fn unauthorized(detail: &str, request: RequestId) -> Response {
    object(StatusCode::UNAUTHORIZED, "Unauthorized", detail.to_owned(), request)
}

fn object(status: StatusCode, message: &'static str, detail: String, request: RequestId) -> Response {
    let error = ErrorMembers { code: status.as_u16(), message, detail, instance: format!("urn:uuid:{request}") };
    (status, Json(ErrorObject { error })).into_response()
}
