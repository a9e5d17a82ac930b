//! Answers of SCIM: a resource or nothing, with its place and version.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::super::failure::Failure;
use super::error;
use crate::model::id::RequestId;

const TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");

/// What came of an operation.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Where the resource is found.
    pub(super) location: Option<String>,
    /// Which revision of it this is.
    pub(super) version: Option<String>,
    pub(super) body: Option<String>,
}

impl Answer {
    /// An answer without a place: a list, a document.
    pub(super) fn document(document: &Value) -> Self {
        Self::list(document.to_string())
    }

    /// A list that was put together already.
    pub(super) fn list(body: String) -> Self {
        Self { status: StatusCode::OK, location: None, version: None, body: Some(body) }
    }

    /// Nothing to say but that it was done.
    pub(super) fn done() -> Self {
        Self { status: StatusCode::NO_CONTENT, location: None, version: None, body: None }
    }

    pub(super) fn into_response(self) -> Response {
        let body = self.body.map_or_else(Body::empty, Body::from);
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT && self.status != StatusCode::NOT_MODIFIED {
            headers.insert(header::CONTENT_TYPE, TYPE);
        }
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            let name = if self.status == StatusCode::CREATED { header::LOCATION } else { header::CONTENT_LOCATION };
            headers.insert(name, location);
        }
        if let Some(version) = self.version.and_then(|version| HeaderValue::try_from(version).ok()) {
            headers.insert(header::ETAG, version);
        }
        response
    }
}

/// What an operation gave, or its failure in the words of SCIM.
pub(super) fn respond(answered: Result<Answer, Failure>, request: RequestId) -> Response {
    match answered {
        Ok(answer) => answer.into_response(),
        Err(failure) => error::answer(&failure, request),
    }
}

/// The version of a resource (RFC 7644, section 3.14).
pub(super) fn version(revision: i64) -> String {
    format!("W/\"{revision}\"")
}

/// Which revision a request wants to change; none for any. Of several versions that would do, that is the greatest: only
/// the present one can be it.
pub(super) fn expected(headers: &HeaderMap) -> Option<i64> {
    let condition = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default();
    if condition.trim() == "*" {
        return None;
    }
    // What is no version of ours is none that anything has.
    Some(condition.split(',').map(revision_of).max().unwrap_or(-1))
}

/// The revision in a version; what stands behind a point in it is not for changes.
pub(super) fn revision_of(tag: &str) -> i64 {
    let version = tag.trim().trim_start_matches("W/").trim_matches('"');
    version.split('.').next().and_then(|revision| revision.parse().ok()).unwrap_or(-1)
}

/// Whether a client has this version already.
pub(super) fn is_known(headers: &HeaderMap, version: &str) -> bool {
    let condition = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    condition
        .is_some_and(|condition| condition.trim() == "*" || condition.split(',').any(|tag| bare(tag) == bare(version)))
}

/// That a client has this version already.
pub(super) fn not_modified(version: String) -> Answer {
    Answer { status: StatusCode::NOT_MODIFIED, location: None, version: Some(version), body: None }
}
