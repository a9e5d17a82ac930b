//! Failures as problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::http::failure::{Dialect, Failure};
use crate::model::actor::Door;
use crate::model::id::RequestId;
use crate::model::scim::fault::Fault;

pub(in crate::http) const DIALECT: Dialect = Dialect { door: Door::Api, render };

/// Why the request was not done (RFC 9457). Its type is `about:blank`: the status says what kind of failure it is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Problem {
    /// The status in words.
    #[schema(example = "Unauthorized")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 401)]
    status: u16,
    /// One sentence for a person.
    #[schema(example = "The personal access token is not valid.")]
    detail: String,
    /// The id under which the request stands in our logs and audit trail.
    #[schema(example = "urn:uuid:019ab0c4-8e4a-7a3b-9f15-3c5a2d1e0f77")]
    instance: String,
}

#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers that are built by hand")]
pub(in crate::http) enum Refusals {
    /// No token, or none that is valid
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// Another method
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(Problem),
    /// Too many requests; `Retry-After` says when to try again
    #[response(status = 429, content_type = "application/problem+json")]
    RateLimited(Problem),
    /// Our fault
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// The storage can't be reached or is overloaded, or the server stops; try again
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

fn render(failure: &Failure, request: RequestId) -> Response {
    let (status, detail) = match failure {
        Failure::NoCredential => (StatusCode::UNAUTHORIZED, "The request has no Authorization header.".to_owned()),
        Failure::MalformedCredential => {
            let detail = "The Authorization header holds no well-formed personal access token.";
            (StatusCode::UNAUTHORIZED, detail.to_owned())
        }
        Failure::RejectedCredential(_) => {
            (StatusCode::UNAUTHORIZED, "The personal access token, or the session, is not valid.".to_owned())
        }
        Failure::Forbidden(refusal) => (StatusCode::FORBIDDEN, format!("Refused: {refusal}.")),
        Failure::NotFound(unknown) => (StatusCode::NOT_FOUND, format!("There is no {unknown}.")),
        Failure::Exists(what) => (StatusCode::CONFLICT, format!("{what} exists already.")),
        Failure::CrossSite => (StatusCode::FORBIDDEN, "Another site had the browser send this.".to_owned()),
        Failure::Invalid(detail) | Failure::Fault(Fault { detail, .. }) => (StatusCode::BAD_REQUEST, detail.clone()),
        Failure::MethodNotAllowed => {
            (StatusCode::METHOD_NOT_ALLOWED, "The Allow header says which methods there are.".to_owned())
        }
        Failure::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than this API reads.".to_owned()),
        Failure::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.".to_owned()),
        Failure::RateLimited => {
            (StatusCode::TOO_MANY_REQUESTS, "The Retry-After header says when to try again.".to_owned())
        }
        Failure::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "The service is not available at the moment, try again later.".to_owned())
        }
        Failure::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on our side; the instance names the request in our logs.".to_owned(),
        ),
    };
    problem(status, detail, request)
}

/// The answer on a path that does not exist.
pub(in crate::http) fn no_such_path(request: RequestId) -> Response {
    problem(StatusCode::NOT_FOUND, "There is nothing at this path; /docs shows what there is.".to_owned(), request)
}

fn problem(status: StatusCode, detail: String, request: RequestId) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = Problem { title, status: status.as_u16(), detail, instance: format!("urn:uuid:{request}") };
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
