//! Users: found, listed, and their status set.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::call::{Call, Part, read_object, serve};
use super::error::{Refusals, Trouble};
use super::open_id;
use crate::domain::{Unknown, transitions};
use crate::http::app::App;
use crate::http::failure::Failure;
use crate::model::audit::{Action, Subject};
use crate::model::email::Email;
use crate::model::id::UserId;
use crate::model::user::Status;

/// A user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ManagedUser)]
pub(super) struct Person {
    /// The URL by which this API names the user.
    #[schema(example = "https://platform.example/mxid2/id?id=0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11")]
    open_id: String,
}

/// A part of a list of users, by address, and how many there are in all.
#[derive(ToSchema)]
#[schema(as = ManagedUsers)]
#[expect(dead_code, reason = "describes an answer that is built by hand")]
pub(super) struct People {
    users: Vec<Person>,
    /// All that match, whatever part is shown.
    #[schema(example = 1)]
    count: u64,
}

/// What becomes of the user.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActiveStatus)]
struct Wanted {
    /// `false` deactivates, `true` lets back in; left out, it is `true`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    active_status: Option<bool>,
    /// What else was sent.
    #[serde(flatten)]
    #[schema(ignore)]
    others: serde_json::Map<String, serde_json::Value>,
}

/// A value that is there is one; `null` is none that was meant.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

impl Wanted {
    /// Whether the user is let in. What is written nearly as the member's name says nothing: who misspelt a deactivation did
    /// not want the opposite.
    fn lets_in(&self) -> Option<bool> {
        let is_misspelt = self.others.keys().any(|name| name.to_ascii_lowercase().starts_with("active"));
        self.active_status.or_else(|| (!is_misspelt).then_some(true))
    }
}

/// Find a user by e-mail address
#[utoipa::path(
    get,
    path = "/legacy-api/1/users/by-email/{email}",
    operation_id = "management_find_user",
    tag = "User Management (deprecated)",
    params(("email" = String, Path, description = "The address, percent-encoded", example = "lee.leaver@acme.example")),
    responses((status = 200, description = "The user", body = Person), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn find_user(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let address = path.map(|Path(address)| address).unwrap_or_default();
    serve(app, request, "GET users/by-email", move |app, call| find(app, call, address)).await
}

async fn find(app: App, call: Call, address: String) -> Result<Response, Trouble> {
    app.directory.require(&call.caller, Action::ReadMembers, None).await?;
    let email = Email::parse(&address)
        .map_err(|invalid| Failure::Invalid(format!("The e-mail address is not valid: {invalid}.")))?;
    let found = app.directory.find_colleague(call.company, &email).await?;
    let user = found.ok_or(Failure::NotFound(Unknown::User(address)))?;
    Ok(Json(Person { open_id: open_id::write(&app, user.id) }).into_response())
}

/// List the company's users
///
/// By address; whoever is suspended or deactivated is among them.
#[utoipa::path(
    get,
    path = "/legacy-api/1/users",
    operation_id = "management_list_users",
    tag = "User Management (deprecated)",
    params(
        ("search" = Option<String>, Query, description = "Only users whom this finds"),
        ("offset" = Option<i64>, Query, minimum = 0,
            description = "How many to leave out at the beginning; by default 0"),
        ("limit" = Option<i64>, Query, minimum = -1,
            description = "How many to give at most; by default -1, which is all"),
    ),
    responses((status = 200, description = "The users", body = People), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn list_users(State(app): State<App>, request: Request) -> Response {
    serve(app, request, "GET users", list).await
}

async fn list(app: App, call: Call) -> Result<Response, Trouble> {
    app.directory.require(&call.caller, Action::ReadMembers, None).await?;
    let part = Part::of(call.request.uri())?;
    let (found, count) = app.directory.list_colleagues(call.company, &part.search, part.offset, part.limit).await?;
    Ok(people(&app, &found, count))
}

/// Deactivate a user, or let one back in
///
/// To deactivate has the effect and the guards of the User Deactivation API: when the answer has come, nothing that
/// begins afterwards succeeds with any credential of that user. Who is let back in after a deactivation has none.
#[utoipa::path(
    put,
    path = "/legacy-api/1/users/{openId}",
    operation_id = "management_set_status",
    tag = "User Management (deprecated)",
    params(("openId" = String, Path, description = "The user's URL, percent-encoded",
            pattern = r"/mxid2/id\?id=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "https://platform.example/mxid2/id?id=0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11")),
    request_body(content = Wanted, content_type = "application/json", example = json!({"activeStatus": false})),
    responses((status = 200, description = "It is so"), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn change_status(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let name = path.map(|Path(name)| name).unwrap_or_default();
    serve(app, request, "PUT users", move |app, call| change(app, call, name)).await
}

/// Deactivate a user, or let one back in, with the method of the vendor's example
#[utoipa::path(
    post,
    path = "/legacy-api/1/users/{openId}",
    operation_id = "management_set_status_by_post",
    tag = "User Management (deprecated)",
    params(("openId" = String, Path, description = "The user's URL, percent-encoded",
            pattern = r"/mxid2/id\?id=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        example = "https://platform.example/mxid2/id?id=0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11")),
    request_body(content = Wanted, content_type = "application/json", example = json!({"activeStatus": false})),
    responses((status = 200, description = "It is so"), Refusals),
    security(("MendixUsername" = [], "MendixApiKey" = [])),
)]
pub(super) async fn change_status_by_post(
    state: State<App>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    change_status(state, path, request).await
}

/// The role comes before the form: which of the two acts it is about, the body says, if it can be read.
async fn change(app: App, call: Call, name: String) -> Result<Response, Trouble> {
    let Call { caller, company, request } = call;
    let target = open_id::parse(&name);
    let wanted = read_object::<Wanted>(&app, request).await;
    let lets_in = wanted.as_ref().is_ok_and(|wanted| wanted.lets_in() == Some(true));
    let action = if lets_in { Action::ReactivateUser } else { Action::DeactivateUser };
    app.directory.require(&caller, action, target.as_ref().ok().copied().map(Subject::User)).await?;
    let (target, wanted) = (target?, wanted?);
    wanted.lets_in().ok_or(Trouble::Missing("activeStatus"))?;
    // Who was only suspended wakes up with what he has. Whom nobody knows, the transition refuses.
    let is_suspended =
        lets_in && app.directory.member(company, target).await.is_ok_and(|user| user.status == Status::Suspended);
    let action = if is_suspended { Action::ResumeUser } else { action };
    let transition = app.directory.transition(&caller, target, action, transitions::Request::default()).await?;
    if transition.changed() && transition.to == Status::Deactivated {
        app.metrics.deactivation();
    }
    Ok(StatusCode::OK.into_response())
}

/// A list of users, written piece by piece: a company may have a million.
pub(super) fn people(app: &App, users: &[UserId], count: u64) -> Response {
    let beginning = serde_json::Value::from(open_id::beginning(app)).to_string();
    let beginning = format!("{{\"openId\":{}", beginning.trim_end_matches('"'));
    let mut body = String::with_capacity(users.len() * (beginning.len() + 39) + 64);
    body.push_str("{\"users\":[");
    let mut buffer = Uuid::encode_buffer();
    for (number, user) in users.iter().enumerate() {
        if number > 0 {
            body.push(',');
        }
        body.push_str(&beginning);
        body.push_str(user.0.hyphenated().encode_lower(&mut buffer));
        body.push_str("\"}");
    }
    body.push_str(&format!("],\"count\":{count}}}"));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
