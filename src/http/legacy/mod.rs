//! API 4, User Management: the vendor's deprecated one, which API 1 replaces. Scripts that were written for it run here
//! unchanged but for their base URL, and every answer tells them that it ends.
//!
//! It has headers of its own for who calls, so admission stands in [`call::serve`] and not around the routes.

mod admission;
mod call;
mod error;
mod groups;
mod memberships;
mod notice;
mod open_id;
mod users;

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use utoipa::openapi::Deprecated;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::app::App;
use super::failure::Failure;
use super::frame::Circumstances;
pub(super) use error::ManagementError;

/// The eleven calls, and the answer on every other path below theirs.
pub(super) fn routes() -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::new()
        .routes(door(routes!(users::find_user)))
        .routes(door(routes!(users::list_users)))
        .routes(door(routes!(users::change_status, users::change_status_by_post)))
        .routes(door(routes!(groups::get_group, groups::change_group, groups::delete_group)))
        .routes(door(routes!(groups::find_group)))
        .routes(door(routes!(groups::list_groups, groups::create_group)))
        .routes(door(routes!(memberships::list_members, memberships::add_member)))
        .routes(door(routes!(memberships::remove_member)))
        .route("/legacy-api/1", any(no_such_path))
        .route("/legacy-api/1/", any(no_such_path))
        .route("/legacy-api/1/{*path}", any(no_such_path));
    // Said of each here: the attribute on a handler would have the compiler warn of its use.
    for item in router.get_openapi_mut().paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.deprecated = Some(Deprecated::True);
        }
    }
    router
}

/// The methods that exist, and an answer in this door's words on the others.
fn door(routes: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    routes.map(|methods| methods.fallback(no_such_method))
}

async fn no_such_method(State(app): State<App>, request: Request) -> Response {
    let id = Circumstances::of(&request).request;
    notice::announce(&app, error::refuse(&Failure::MethodNotAllowed, id))
}

async fn no_such_path(State(app): State<App>) -> Response {
    notice::announce(&app, error::no_such_path())
}
