//! Groups: found, listed, made, changed, deleted. A locked one is no other here: that is a matter of the console.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, Part, in_path, read_object, serve};
use super::error::{Refusals, Trouble};
use crate::domain::groups::{Edit, NewGroup};
use crate::http::app::App;
use crate::http::failure::Failure;
use crate::model::audit::{Action, Subject};
use crate::model::group::Group;
use crate::model::id::GroupId;

/// A group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ManagedGroup)]
struct Described {
    #[schema(example = "Developers")]
    name: String,
    #[schema(example = "Who may deploy")]
    description: String,
    #[schema(example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55")]
    uuid: String,
    #[schema(example = 12)]
    member_count: u64,
    /// Whether the console may not change it; this API may.
    user_group_locked: bool,
}

impl From<Group> for Described {
    fn from(group: Group) -> Self {
        Self {
            name: group.name,
            description: group.description,
            uuid: group.id.to_string(),
            member_count: group.member_count,
            user_group_locked: group.locked,
        }
    }
}

/// A part of a list of groups, by name, and how many there are in all.
#[derive(Serialize, ToSchema)]
#[schema(as = ManagedGroups)]
struct Many {
    groups: Vec<Described>,
    /// All that match, whatever part is shown.
    #[schema(example = 1)]
    count: u64,
}

/// What a group is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ManagedGroupRequest)]
struct Sent {
    /// No other group of the company has it, in whatever case.
    #[schema(value_type = String, example = "Developers")]
    name: Option<String>,
    /// Left out, a new group has none and another keeps its own.
    #[schema(example = "Who may deploy")]
    description: Option<String>,
    /// Whether the console may not change it. Left out, a new group is not locked and another stays as it is.
    user_group_locked: Option<bool>,
}

/// A group that was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ManagedGroupMade)]
struct Made {
    #[schema(example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55")]
    uuid: String,
    /// Where it is found.
    #[schema(example = "https://platform.example/legacy-api/1/groups/3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55")]
    get_url: String,
}

/// Get a group
#[utoipa::path(
    get,
    path = "/legacy-api/1/groups/{uuid}",
    operation_id = "management_get_group",
    tag = "User Management (deprecated)",
    params(("uuid" = String, Path, description = "The group's UUID, lower case",
            pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55")),
    responses((status = 200, description = "The group", body = Described), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn get_group(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let uuid = path.map(|Path(uuid)| uuid).unwrap_or_default();
    serve(app, request, "GET groups/{uuid}", move |app, call| get(app, call, uuid)).await
}

async fn get(app: App, call: Call, uuid: String) -> Result<Response, Trouble> {
    let id = in_path(GroupId::parse(&uuid));
    app.directory.require(&call.caller, Action::ReadGroups, subject(&id)).await?;
    let group = app.directory.group(call.company, id?).await?;
    Ok(Json(Described::from(group)).into_response())
}

/// Find a group by name
#[utoipa::path(
    get,
    path = "/legacy-api/1/groups/by-name/{name}",
    operation_id = "management_find_group",
    tag = "User Management (deprecated)",
    params(("name" = String, Path, description = "The name, percent-encoded", example = "Developers")),
    responses((status = 200, description = "The group", body = Described), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn find_group(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let name = path.map(|Path(name)| name).unwrap_or_default();
    serve(app, request, "GET groups/by-name", move |app, call| find(app, call, name)).await
}

async fn find(app: App, call: Call, name: String) -> Result<Response, Trouble> {
    app.directory.require(&call.caller, Action::ReadGroups, None).await?;
    let group = app.directory.find_group_by_name(call.company, &name).await?;
    Ok(Json(Described::from(group)).into_response())
}

/// List the company's groups
///
/// By name.
#[utoipa::path(
    get,
    path = "/legacy-api/1/groups",
    operation_id = "management_list_groups",
    tag = "User Management (deprecated)",
    params(
        ("search" = Option<String>, Query, description = "Only groups whose name has this in it"),
        ("offset" = Option<i64>, Query, minimum = 0,
            description = "How many to leave out at the beginning; by default 0"),
        ("limit" = Option<i64>, Query, minimum = -1,
            description = "How many to give at most; by default -1, which is all"),
    ),
    responses((status = 200, description = "The groups", body = Many), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn list_groups(State(app): State<App>, request: Request) -> Response {
    serve(app, request, "GET groups", list).await
}

async fn list(app: App, call: Call) -> Result<Response, Trouble> {
    app.directory.require(&call.caller, Action::ReadGroups, None).await?;
    let part = Part::of(call.request.uri())?;
    let (found, count) = app.directory.list_groups(call.company, &part.search, part.offset, part.limit).await?;
    let groups = found.into_iter().map(Described::from).collect();
    Ok(Json(Many { groups, count }).into_response())
}

/// Make a group
#[utoipa::path(
    post,
    path = "/legacy-api/1/groups",
    operation_id = "management_create_group",
    tag = "User Management (deprecated)",
    request_body(content = Sent, content_type = "application/json", example = json!({"name": "Developers"})),
    responses((status = 201, description = "It was made", body = Made), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn create_group(State(app): State<App>, request: Request) -> Response {
    serve(app, request, "POST groups", create).await
}

async fn create(app: App, call: Call) -> Result<Response, Trouble> {
    let Call { caller, company, request } = call;
    app.directory.require(&caller, Action::CreateGroup, None).await?;
    let sent: Sent = read_object(&app, request).await?;
    let new = NewGroup {
        name: sent.name.ok_or(Trouble::Missing("name"))?,
        description: sent.description.unwrap_or_default(),
        locked: sent.user_group_locked.unwrap_or_default(),
        ..NewGroup::default()
    };
    let id = app.directory.create_group(&caller, company, new).await?.id;
    let get_url = format!("{}/legacy-api/1/groups/{id}", app.settings.public_url);
    Ok((StatusCode::CREATED, Json(Made { uuid: id.to_string(), get_url })).into_response())
}

/// Change a group
#[utoipa::path(
    put,
    path = "/legacy-api/1/groups/{uuid}",
    operation_id = "management_change_group",
    tag = "User Management (deprecated)",
    params(("uuid" = String, Path, description = "The group's UUID, lower case",
            pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55")),
    request_body(content = Sent, content_type = "application/json", example = json!({"name": "Developers"})),
    responses((status = 200, description = "It is so"), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn change_group(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let uuid = path.map(|Path(uuid)| uuid).unwrap_or_default();
    serve(app, request, "PUT groups", move |app, call| change(app, call, uuid)).await
}

async fn change(app: App, call: Call, uuid: String) -> Result<Response, Trouble> {
    let Call { caller, company, request } = call;
    let id = in_path(GroupId::parse(&uuid));
    app.directory.require(&caller, Action::ChangeGroup, subject(&id)).await?;
    let id = id?;
    let sent: Sent = read_object(&app, request).await?;
    let mut edits = vec![Edit::Rename(sent.name.ok_or(Trouble::Missing("name"))?)];
    edits.extend(sent.description.map(Edit::Describe));
    edits.extend(sent.user_group_locked.map(Edit::Lock));
    app.directory.edit_group(&caller, company, id, None, edits).await?;
    Ok(StatusCode::OK.into_response())
}

/// Delete a group
///
/// Its members stay what they are.
#[utoipa::path(
    delete,
    path = "/legacy-api/1/groups/{uuid}",
    operation_id = "management_delete_group",
    tag = "User Management (deprecated)",
    params(("uuid" = String, Path, description = "The group's UUID, lower case",
            pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "3f2c1a90-51a4-4f0e-9f6d-9a1c0d6a7e55")),
    responses((status = 200, description = "It is gone"), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn delete_group(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let uuid = path.map(|Path(uuid)| uuid).unwrap_or_default();
    serve(app, request, "DELETE groups", move |app, call| delete(app, call, uuid)).await
}

async fn delete(app: App, call: Call, uuid: String) -> Result<Response, Trouble> {
    let id = in_path(GroupId::parse(&uuid));
    app.directory.require(&call.caller, Action::DeleteGroup, subject(&id)).await?;
    app.directory.delete_group(&call.caller, call.company, id?, None).await?;
    Ok(StatusCode::OK.into_response())
}

/// What an entry about a refused call is about: what the path names, if it can be read.
pub(super) fn subject(id: &Result<GroupId, Failure>) -> Option<Subject> {
    id.as_ref().ok().copied().map(Subject::Group)
}
