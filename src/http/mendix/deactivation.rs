//! API 1, User Deactivation: `PATCH /v1/platform-users/{uuid}` with `{"active": false}`.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::deactivation_error::Refusals;
pub(in crate::http) use super::deactivation_error::{DIALECT, ErrorObject, Unauthorized};
use crate::domain::transitions;
use crate::http::app::App;
use crate::http::body;
use crate::http::failure::Failure;
use crate::model::actor::Caller;
use crate::model::audit::{Action, Subject};
use crate::model::id::UserId;

/// What the user's status is to be.
#[derive(Deserialize, ToSchema)]
#[schema(as = UserStatus)]
struct UserStatus {
    /// Only `false` is accepted: the user is deactivated.
    #[schema(schema_with = only_false)]
    active: bool,
}

fn only_false() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false])).build()
}

/// Deactivate a user
///
/// When the answer has come, nothing that begins afterwards succeeds with any credential of that user. Deactivating a
/// user again succeeds and changes nothing.
///
/// The caller is an active Mendix Admin of the user's company, and not that user. The body is read as JSON whatever
/// its content type says.
#[utoipa::path(
    patch,
    path = "/v1/platform-users/{uuid}",
    operation_id = "deactivate_user",
    tag = "User Deactivation API",
    params(("uuid" = String, Path, description = "The user's UUID, lower case",
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11")),
    request_body(content = UserStatus, content_type = "application/json", example = json!({"active": false})),
    responses((status = 204, description = "The user is deactivated"), Refusals),
    security(("MxToken" = ["mx:user-deactivation:write"])),
)]
pub(in crate::http) async fn deactivate_user(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let uuid = path.map(|Path(uuid)| uuid).unwrap_or_default();
    match deactivate(&app, &caller, &uuid, request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(failure) => DIALECT.answer(&failure, caller.origin.request),
    }
}

/// The contract's order of checks: scope, role, then the request's form, then the target.
async fn deactivate(app: &App, caller: &Caller, uuid: &str, request: Request) -> Result<(), Failure> {
    let target = UserId::parse(uuid);
    let subject = target.as_ref().ok().copied().map(Subject::User);
    app.directory.require(caller, Action::DeactivateUser, subject).await?;
    let target = target.map_err(|invalid| Failure::Invalid(format!("The path is not as expected: {invalid}.")))?;
    let status: UserStatus = body::parse_object(&body::read(app, request.into_body()).await?)?;
    if status.active {
        return Err(Failure::Invalid("The member 'active' must be false: this API only deactivates.".to_owned()));
    }
    let transition = app.directory.deactivate(caller, target, transitions::Request::default()).await?;
    if transition.changed() {
        app.metrics.deactivation();
    }
    Ok(())
}
