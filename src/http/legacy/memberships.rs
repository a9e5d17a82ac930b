//! Who is in a group: listed, added, removed.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::call::{Call, Part, in_path, read_object, serve};
use super::error::{Refusals, Trouble};
use super::groups::subject;
use super::open_id;
use super::users::{People, people};
use crate::domain::groups::Edit;
use crate::http::app::App;
use crate::model::audit::Action;
use crate::model::id::{GroupId, UserId};

/// Who becomes a member.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ManagedMember)]
struct Sent {
    /// The user's URL.
    #[schema(value_type = String,
        example = "https://platform.example/mxid2/id?id=0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11")]
    open_id: Option<String>,
}

/// List a group's members
///
/// By address.
#[utoipa::path(
    get,
    path = "/legacy-api/1/groups/{uuid}/users",
    operation_id = "management_list_members",
    tag = "User Management (deprecated)",
    params(
        ("uuid" = String, Path, description = "The group's UUID, lower case",
            pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55"),
        ("offset" = Option<i64>, Query, minimum = 0,
            description = "How many to leave out at the beginning; by default 0"),
        ("limit" = Option<i64>, Query, minimum = -1,
            description = "How many to give at most; by default -1, which is all"),
    ),
    responses((status = 200, description = "The members", body = People), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn list_members(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let uuid = path.map(|Path(uuid)| uuid).unwrap_or_default();
    serve(app, request, "GET groups/{uuid}/users", move |app, call| list(app, call, uuid)).await
}

async fn list(app: App, call: Call, uuid: String) -> Result<Response, Trouble> {
    let id = in_path(GroupId::parse(&uuid));
    app.directory.require(&call.caller, Action::ReadGroups, subject(&id)).await?;
    let (id, part) = (id?, Part::of(call.request.uri())?);
    let (members, count) = app.directory.group_members(call.company, id, part.offset, part.limit).await?;
    let members: Vec<UserId> = members.into_iter().map(|user| user.id).collect();
    Ok(people(&app, &members, count))
}

/// Add a user to a group
///
/// Who is a member already stays one.
#[utoipa::path(
    post,
    path = "/legacy-api/1/groups/{uuid}/users",
    operation_id = "management_add_member",
    tag = "User Management (deprecated)",
    params(("uuid" = String, Path, description = "The group's UUID, lower case",
            pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55")),
    request_body(content = Sent, content_type = "application/json",
        example = json!({"openId": "https://platform.example/mxid2/id?id=0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11"})),
    responses((status = 200, description = "The user is a member"), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn add_member(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let uuid = path.map(|Path(uuid)| uuid).unwrap_or_default();
    serve(app, request, "POST groups/{uuid}/users", move |app, call| add(app, call, uuid)).await
}

async fn add(app: App, call: Call, uuid: String) -> Result<Response, Trouble> {
    let Call { caller, company, request } = call;
    let id = in_path(GroupId::parse(&uuid));
    app.directory.require(&caller, Action::ChangeGroup, subject(&id)).await?;
    let id = id?;
    let sent: Sent = read_object(&app, request).await?;
    let user = open_id::parse(&sent.open_id.ok_or(Trouble::Missing("openId"))?)?;
    app.directory.edit_group(&caller, company, id, None, vec![Edit::Add(vec![user])]).await?;
    Ok(StatusCode::OK.into_response())
}

/// Remove a user from a group
///
/// Who is no member stays none.
#[utoipa::path(
    delete,
    path = "/legacy-api/1/groups/{uuid}/users/{openId}",
    operation_id = "management_remove_member",
    tag = "User Management (deprecated)",
    params(
        ("uuid" = String, Path, description = "The group's UUID, lower case",
            pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55"),
        ("openId" = String, Path, description = "The user's URL, percent-encoded",
            pattern = r"/mxid2/id\?id=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            example = "https://platform.example/mxid2/id?id=0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11"),
    ),
    responses((status = 200, description = "The user is no member"), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn remove_member(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let (uuid, name) = path.map(|Path(both)| both).unwrap_or_default();
    serve(app, request, "DELETE groups/{uuid}/users", move |app, call| remove(app, call, uuid, name)).await
}

async fn remove(app: App, call: Call, uuid: String, name: String) -> Result<Response, Trouble> {
    let id = in_path(GroupId::parse(&uuid));
    app.directory.require(&call.caller, Action::ChangeGroup, subject(&id)).await?;
    let (id, user) = (id?, open_id::parse(&name)?);
    // A user who is none of the company's is unknown, and not merely no member.
    app.directory.member(call.company, user).await?;
    app.directory.edit_group(&call.caller, call.company, id, None, vec![Edit::Remove(vec![user])]).await?;
    Ok(StatusCode::OK.into_response())
}
