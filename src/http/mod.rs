//! Doors: they translate a request, call the domain, and translate its answer back.
//!
//! [`server`] takes a request in, [`site`] finds its door, within the [`frame`] (identifier, log, metrics). Where a token is
//! needed, [`admission`] (token, limits) comes first, and the handler knows a `Caller`.

mod admission;
mod api;
mod app;
mod body;
mod checks;
pub mod console;
mod cookie;
mod failure;
mod form;
mod frame;
mod legacy;
mod limit;
mod mendix;
mod metrics;
mod openapi;
mod operations;
mod request_log;
mod schema;
mod scim;
pub mod server;
mod services;
mod site;
mod streams;
pub mod tls;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

pub use app::{App, Settings};
use failure::{Dialect, Failure};
use frame::Circumstances;
pub use limit::SharedLimit;
pub use site::Site;

/// Every route of the server.
fn routes(app: &App) -> Router {
    let (doors, document) = doors(|routes, dialect| with_door(routes, app, dialect)).split_for_parts();
    doors
        .route("/health/live", get(operations::live))
        .route("/health/ready", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .merge(openapi::routes(document))
        .merge(services::gateways())
        .merge(scim::routes(app))
        .merge(console::routes(app))
        .with_state(app.clone())
}

/// The API document, without a server.
pub fn document() -> utoipa::openapi::OpenApi {
    doors(|routes, _| routes).into_openapi()
}

/// The routes that need a token, each with the dialect in which it is refused.
fn doors(door: impl Fn(UtoipaMethodRouter<App>, Dialect) -> UtoipaMethodRouter<App>) -> OpenApiRouter<App> {
    use mendix::{deactivation, identifiers};

    OpenApiRouter::with_openapi(openapi::ApiDocument::openapi())
        .routes(door(routes!(deactivation::deactivate_user), deactivation::DIALECT))
        .routes(door(routes!(identifiers::look_up_users), identifiers::DIALECT))
        .routes(door(
            routes!(identifiers::look_up_users_by_guide, identifiers::look_up_users_by_guide_with_get),
            identifiers::DIALECT,
        ))
        .routes(with_method_words(routes!(api::me::get_me), api::problem::DIALECT))
        .merge(legacy::routes())
        .merge(services::routes())
}

/// Puts admission around the methods that exist, and an answer in the door's words on the others.
fn with_door(routes: UtoipaMethodRouter<App>, app: &App, dialect: Dialect) -> UtoipaMethodRouter<App> {
    let admit = from_fn_with_state((app.clone(), dialect), admission::admit);
    with_method_words(routes.map(|methods| methods.route_layer(admit)), dialect)
}

/// Answers methods that do not exist in the door's words.
fn with_method_words(routes: UtoipaMethodRouter<App>, dialect: Dialect) -> UtoipaMethodRouter<App> {
    routes.map(|methods| {
        methods.fallback(move |request: Request| async move {
            dialect.answer(&Failure::MethodNotAllowed, Circumstances::of(&request).request)
        })
    })
}
