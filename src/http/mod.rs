//! Doors: they translate a request, call the domain, and translate its answer back.
//!
//! A request passes [`frame`] (identifier, log, metrics), then, where a token is needed, [`admission`] (token, limits),
//! and reaches its handler as a `Caller`.

mod admission;
mod api;
mod app;
mod body;
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
mod streams;
pub mod tls;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get};
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

pub use app::{App, Settings};
use failure::{Dialect, Failure};
use frame::Circumstances;
pub use limit::SharedLimit;

/// Every route of the server.
pub fn router(app: &App) -> Router {
    let (doors, document) = doors(|routes, dialect| with_door(routes, app, dialect)).split_for_parts();
    let routes = doors
        .route("/health/live", get(operations::live))
        .route("/health/ready", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .merge(openapi::routes(document))
        .merge(services::gateways())
        .merge(scim::routes(app))
        .merge(console::routes(app))
        .with_state(app.clone());
    framed(app, routes)
}

/// Puts around routes what every request gets, whatever its door.
pub fn framed(app: &App, routes: Router) -> Router {
    let fallback = any(no_such_path).with_state(app.clone());
    routes.fallback_service(fallback).layer(from_fn_with_state(app.clone(), frame::frame))
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
        .routes(door(routes!(api::me::get_me), api::problem::DIALECT))
        .merge(legacy::routes())
        .merge(services::routes())
}

/// Puts admission around the methods that exist, and an answer in the door's words on the others.
fn with_door(routes: UtoipaMethodRouter<App>, app: &App, dialect: Dialect) -> UtoipaMethodRouter<App> {
    routes.map(|methods| {
        methods.route_layer(from_fn_with_state((app.clone(), dialect), admission::admit)).fallback(
            move |request: Request| async move {
                dialect.answer(&Failure::MethodNotAllowed, Circumstances::of(&request).request)
            },
        )
    })
}

async fn no_such_path(State(app): State<App>, request: Request) -> Response {
    let id = Circumstances::of(&request).request;
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        console::no_such_page(&app, id)
    } else {
        api::problem::no_such_path(id)
    }
}
