//! What a request can fail with, before it is put into the words of a door.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::access;
use crate::domain::{self, Refusal, Unknown};
use crate::model::actor::Door;
use crate::model::id::RequestId;
use crate::model::scim::fault::Fault;

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// No `Authorization` header.
    NoCredential,
    /// The header holds no well-formed token.
    MalformedCredential,
    /// The token is unknown, ended, expired, or its owner is not active; the client is not told which.
    RejectedCredential(access::Refusal),
    /// The caller may not, or not on this target.
    Forbidden(Refusal),
    /// What the request names does not exist.
    NotFound(Unknown),
    /// What the request would make exists; names it.
    Exists(String),
    /// The request breaks a rule; says which.
    Invalid(String),
    /// A SCIM request breaks a rule; says which, in the protocol's words too.
    Fault(Fault),
    /// Another site had the browser send it.
    CrossSite,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The body is larger than the limit.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// Too many requests.
    RateLimited,
    /// The store can't be reached or is overloaded; what the log keeps.
    Unavailable(String),
    /// Our fault; what the log keeps.
    Internal(String),
}

/// Why a request was refused, for metrics and log; stands in the answer's extensions, which do not leave the server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reason(pub(super) &'static str);

/// What went wrong inside, for the log alone; stands in the answer's extensions likewise.
#[derive(Debug, Clone)]
pub(super) struct Cause(pub(super) String);

impl Failure {
    /// The reason, where it was a refusal and not a fault of form or ours.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self {
            Self::NoCredential => Some(Reason("no_credential")),
            Self::MalformedCredential => Some(Reason("malformed_credential")),
            Self::RejectedCredential(refusal) => Some(Reason(refusal.as_str())),
            Self::Forbidden(refusal) => Some(Reason(refusal.as_str())),
            Self::CrossSite => Some(Reason("cross_site")),
            Self::RateLimited => Some(Reason("rate_limited")),
            Self::NotFound(_)
            | Self::Exists(_)
            | Self::Invalid(_)
            | Self::Fault(_)
            | Self::MethodNotAllowed
            | Self::TooLarge
            | Self::TooSlow
            | Self::Unavailable(_)
            | Self::Internal(_) => None,
        }
    }
}

impl Failure {
    /// Leaves in an answer what log and metrics are to know of the failure.
    pub(super) fn mark(&self, response: &mut Response) {
        if let Some(reason) = self.reason() {
            response.extensions_mut().insert(reason);
        }
        if let Self::Unavailable(cause) | Self::Internal(cause) = self {
            response.extensions_mut().insert(Cause(cause.clone()));
        }
    }
}

/// A handler of pages gives the failure itself; what stands around it makes a page of it.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<domain::Error> for Failure {
    /// What the log keeps goes along; what the client reads is the door's to say.
    fn from(error: domain::Error) -> Self {
        match error {
            domain::Error::Refused(refusal) => Self::Forbidden(refusal),
            domain::Error::Invalid(invalid) => Self::Invalid(invalid.0),
            domain::Error::Fault(fault) => Self::Fault(fault),
            domain::Error::Unavailable(cause) => Self::Unavailable(cause),
            domain::Error::Internal(cause) => Self::Internal(cause),
            domain::Error::Exists(what) => Self::Exists(what),
            domain::Error::NotFound(unknown) => Self::NotFound(unknown),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Self {
        domain::Error::from(error).into()
    }
}

/// How a door speaks: under which name its requests are audited, and how it words a failure.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    pub(super) door: Door,
    pub(super) render: fn(&Failure, RequestId) -> Response,
}

impl Dialect {
    /// The answer to a failed request, with the headers that every door sends.
    pub(super) fn answer(self, failure: &Failure, request: RequestId) -> Response {
        let mut response = (self.render)(failure, request);
        let status = response.status();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("MxToken realm=\"offboard\""));
        }
        if let Some((name, value)) = response_header(failure) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        failure.mark(&mut response);
        response
    }
}

/// What the failure says by a header.
pub(super) fn response_header(failure: &Failure) -> Option<(header::HeaderName, &'static str)> {
    match failure {
        Failure::Unavailable(_) => Some((header::RETRY_AFTER, "1")),
        Failure::TooLarge | Failure::TooSlow => Some((header::CONNECTION, "close")),
        Failure::NoCredential
        | Failure::MalformedCredential
        | Failure::RejectedCredential(_)
        | Failure::Forbidden(_)
        | Failure::NotFound(_)
        | Failure::Exists(_)
        | Failure::Invalid(_)
        | Failure::Fault(_)
        | Failure::CrossSite
        | Failure::MethodNotAllowed
        | Failure::RateLimited
        | Failure::Internal(_) => None,
    }
}

/// The body that the vendor's gateway, Kong, sends over the limit.
pub(super) fn gateway_rate_limited() -> Response {
    let body = serde_json::json!({"message": "API rate limit exceeded"});
    (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
}

/// The body that the vendor's gateway sends when what stands behind it is gone.
pub(super) fn gateway_unavailable(request: RequestId) -> Response {
    let body = serde_json::json!({
        "message": "The service is not available at the moment, try again later",
        "request_id": request.0.simple().to_string(),
    });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}
