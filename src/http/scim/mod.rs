//! SCIM 2.0 for identity providers (RFC 7643, RFC 7644, RFC 9865), below `/scim/v2`, each token for its company.
//!
//! A request passes [`admission`], which makes the token's company a `Connection`. What is said of users and groups is
//! read and changed by pure functions in `model/scim`; the domain makes it so. Every failure is worded in [`error`].

mod admission;
mod answer;
mod bookmarks;
mod bulk;
mod collection;
mod cursor;
mod discovery;
mod error;
mod groups;
mod list;
mod me;
mod query;
mod resource;
mod search;
mod users;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};

pub(super) use bookmarks::Bookmarks;

use super::app::App;
use super::failure::Failure;
use super::frame::Circumstances;
use crate::domain::Unknown;
use crate::model::scim::schema::ResourceKind;

/// Where identity providers find us, below the public address.
pub(super) const BASE: &str = "/scim/v2";

/// Every path of SCIM.
pub(super) fn routes(app: &App) -> Router<App> {
    let kept = collection::routes(ResourceKind::User)
        .merge(collection::routes(ResourceKind::Group))
        .route("/.search", post(search::search))
        .route("/Bulk", post(bulk::run))
        .route_layer(from_fn_with_state(app.clone(), admission::admit));
    let open = Router::new()
        .route("/ServiceProviderConfig", get(discovery::service_provider_config))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{name}", get(discovery::resource_type))
        .route("/Me", get(me::show));
    let routes = open.merge(kept).fallback(no_such_path).method_not_allowed_fallback(no_such_method);
    Router::new().nest(BASE, routes)
}

async fn no_such_path(request: Request) -> Response {
    error::answer(&Failure::NotFound(Unknown::Page), Circumstances::of(&request).request)
}

async fn no_such_method(request: Request) -> Response {
    error::answer(&Failure::MethodNotAllowed, Circumstances::of(&request).request)
}
