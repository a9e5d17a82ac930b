//! `/health/live`, `/health/ready` and `/metrics`, for whoever starts, stops, watches and routes to this process.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::app::App;

/// A store that takes longer than this is no use to anybody.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /health/live`: the process runs.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// `GET /health/ready`: it can serve: the store answers, and nobody asked it to stop.
pub(super) async fn ready(State(app): State<App>) -> Response {
    if app.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match tokio::time::timeout(PATIENCE, app.directory.ping()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "storage is unavailable\n").into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage does not answer\n").into_response(),
    }
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<App>) -> Response {
    const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
    match app.metrics.encode(app.gate.view(), app.limiter.is_shared(app.clock.monotonic())) {
        Ok(text) => ([(header::CONTENT_TYPE, TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics can not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
