//! What every answer of this door says besides: that the API is deprecated, when it ends, and what replaces it.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::http::app::App;

/// Since 2026-11-23T00:00:00Z, as a structured date (RFC 9745, section 2.1).
const DEPRECATED_SINCE: HeaderValue = HeaderValue::from_static("@1795392000");

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// Adds `Deprecation` (RFC 9745), `Link` (RFC 8288) and, where the deployment has set an end, `Sunset` (RFC 8594).
pub(super) fn announce(app: &App, mut response: Response) -> Response {
    let base = &app.settings.public_url;
    let links =
        format!("<{base}/v1>; rel=\"successor-version\", <{base}/docs>; rel=\"deprecation\"; type=\"text/html\"");
    let headers = response.headers_mut();
    headers.insert(DEPRECATION, DEPRECATED_SINCE);
    if let Ok(links) = HeaderValue::try_from(links) {
        headers.insert(header::LINK, links);
    }
    if let Some(Ok(end)) = app.settings.legacy_sunset.as_deref().map(HeaderValue::try_from) {
        headers.insert(SUNSET, end);
    }
    response
}
