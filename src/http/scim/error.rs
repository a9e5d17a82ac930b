//! Failures in the words of SCIM (RFC 7644, section 3.12).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::failure::{Failure, response_header};
use super::answer::Answer;
use crate::domain::{Refusal, Unknown};
use crate::model::id::RequestId;
use crate::model::scim::fault::FaultKind;

const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// Whether another company has one stays untold.
const MISSING: &str = "There is no such resource.";
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"offboard\"");

/// The answer to a failed request.
pub(super) fn answer(failure: &Failure, request: RequestId) -> Response {
    let (status, document) = document(failure, request);
    let mut response = Answer { status, ..Answer::document(&document) }.into_response();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    if let Some((name, value)) = response_header(failure) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    failure.mark(&mut response);
    response
}

/// An answer that is none of the failures that other doors have too.
pub(super) fn refusal(status: StatusCode, detail: &str) -> Answer {
    let document = json!({"schemas": [SCHEMA], "status": status.as_u16().to_string(), "detail": detail});
    Answer { status, ..Answer::document(&document) }
}

/// The status and the body of a failure.
pub(super) fn document(failure: &Failure, request: RequestId) -> (StatusCode, Value) {
    let (status, kind, detail) = words(failure, request);
    let mut document = json!({"schemas": [SCHEMA], "status": status.as_u16().to_string(), "detail": detail});
    if let (Some(kind), Some(members)) = (kind, document.as_object_mut()) {
        members.insert("scimType".to_owned(), kind.as_str().into());
    }
    (status, document)
}

fn words(failure: &Failure, request: RequestId) -> (StatusCode, Option<FaultKind>, String) {
    let plain = |status, detail: &str| (status, None, detail.to_owned());
    match failure {
        Failure::NoCredential => plain(StatusCode::UNAUTHORIZED, "The request shows no SCIM token."),
        Failure::MalformedCredential | Failure::RejectedCredential(_) => {
            plain(StatusCode::UNAUTHORIZED, "The SCIM token is not valid.")
        }
        Failure::Forbidden(refusal) => refused(refusal),
        Failure::NotFound(Unknown::Page) => plain(StatusCode::NOT_FOUND, "There is nothing at this path."),
        Failure::NotFound(_) => plain(StatusCode::NOT_FOUND, MISSING),
        Failure::Exists(what) => {
            (StatusCode::CONFLICT, Some(FaultKind::Uniqueness), format!("There is {what} already."))
        }
        Failure::Invalid(why) => (StatusCode::BAD_REQUEST, Some(FaultKind::InvalidValue), why.clone()),
        Failure::Fault(fault) => {
            let status = match fault.kind {
                FaultKind::Uniqueness => StatusCode::CONFLICT,
                _ => StatusCode::BAD_REQUEST,
            };
            (status, Some(fault.kind), fault.detail.clone())
        }
        Failure::CrossSite => plain(StatusCode::FORBIDDEN, "Another site had the browser send this."),
        Failure::MethodNotAllowed => plain(StatusCode::METHOD_NOT_ALLOWED, "This path does not take this method."),
        Failure::TooLarge => plain(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than the limit."),
        Failure::TooSlow => plain(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."),
        Failure::RateLimited => {
            plain(StatusCode::TOO_MANY_REQUESTS, "Too many requests; Retry-After says when to try again.")
        }
        Failure::Unavailable(_) => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "The service is not available at the moment, try again later.")
        }
        Failure::Internal(_) => {
            let detail = format!("Something went wrong on our side; the log has it under the request {request}.");
            (StatusCode::INTERNAL_SERVER_ERROR, None, detail)
        }
    }
}

fn refused(refusal: &Refusal) -> (StatusCode, Option<FaultKind>, String) {
    match refusal {
        Refusal::CallerEnded => (StatusCode::UNAUTHORIZED, None, "The SCIM token is not valid.".to_owned()),
        Refusal::NoSuchUser => (StatusCode::NOT_FOUND, None, MISSING.to_owned()),
        Refusal::Outdated => {
            (StatusCode::PRECONDITION_FAILED, None, "The resource has changed: read it again.".to_owned())
        }
        Refusal::StoppedByHand(status) => (
            StatusCode::CONFLICT,
            Some(FaultKind::Mutability),
            format!(
                "The user was {} by an administrator, which a sync does not undo. A Mendix Admin can let the user back in, \
                 or give the identity provider the authority (Control Center, SCIM).",
                status.as_str()
            ),
        ),
        Refusal::LastAdmin | Refusal::WrongStatus(_) => {
            (StatusCode::CONFLICT, Some(FaultKind::Mutability), format!("Refused: {refusal}."))
        }
        Refusal::GuardTripped { limit, window } => (
            StatusCode::CONFLICT,
            None,
            format!(
                "Stopped: {limit} people may lose access by SCIM within {} minutes, and they did. Nothing was changed. If more \
                 are meant, a Mendix Admin confirms it at /control-center/scim, or deactivates the urgent one in the console.",
                window.as_secs() / 60
            ),
        ),
        _ => (StatusCode::FORBIDDEN, None, format!("Refused: {refusal}.")),
    }
}
