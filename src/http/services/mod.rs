//! Doors for services that ask whether a credential is good: introspection, gateways, and the stream with which who keeps
//! answers hears when they are over.

mod client;
mod forward;
mod introspection;
mod revocations;

use axum::Router;
use axum::routing::any;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::app::App;
pub(super) use forward::answer as verify;
pub(super) use introspection::answer as introspect;

/// Those that stand in the API document.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(introspection::introspect))
        .routes(routes!(revocations::stream_revocations))
        .routes(routes!(forward::verify).map(|methods| methods.fallback(forward::verify)))
}

/// The same for gateways that ask with the method and path of the request that they hold.
pub(super) fn gateways() -> Router<App> {
    Router::new()
        .route("/verify/", any(forward::verify_original))
        .route("/verify/{*path}", any(forward::verify_original))
}
