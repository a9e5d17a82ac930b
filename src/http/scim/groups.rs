//! `/Groups` (RFC 7644, section 3).

use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;

use super::super::app::App;
use super::super::failure::Failure;
use super::super::form::Fields;
use super::admission::Connection;
use super::answer::{Answer, expected, is_known, not_modified, respond, version};
use super::list::Plan;
use super::query::Query;
use super::resource::{group, group_location};
use super::users::{Manner, operations, read, strictness};
use crate::domain::groups::{Edit, NewGroup};
use crate::domain::{self, Unknown};
use crate::model::group::Group;
use crate::model::id::GroupId;
use crate::model::scim::fault::{Fault, FaultKind};
use crate::model::scim::group_patch::{self, GroupEdit};
use crate::model::scim::project::Projection;
use crate::model::scim::schema::ResourceKind;

/// The members of a group with more are not shown after a change: the answer would be far larger than the question.
const SHOWN_MEMBERS: u64 = 1000;
/// The most members that one page of groups shows.
const MEMBERS_OF_PAGE: u64 = 200_000;

pub(super) async fn list(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let fields = Fields::of_query(request.uri());
    let answer = async { page(&app, &connection, &Query::of_fields(&fields)?).await };
    respond(answer.await, connection.request)
}

pub(super) async fn search(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let answer = async {
        let query = super::search::query(&app, request).await?;
        page(&app, &connection, &query).await
    };
    respond(answer.await, connection.request)
}

async fn page(app: &App, connection: &Connection, query: &Query) -> Result<Answer, Failure> {
    let projection = projection(query.attributes.as_deref(), query.excluded.as_deref())?;
    let plan = Plan::of(app, connection, ResourceKind::Group, query)?;
    let (listing, from) = (plan.listing.clone(), plan.from.clone());
    let page = app.directory.list_groups_by(listing, from, plan.count, plan.needs_total()).await?;
    let resources = rendered(app, &page.found, &projection).await?;
    let body = plan.answer(app, &page, &resources);
    Ok(Answer { status: StatusCode::OK, location: None, version: None, body: Some(body) })
}

/// Groups as resources, if they have not too many members to be shown together.
pub(super) async fn rendered(app: &App, groups: &[Group], projection: &Projection) -> Result<Vec<String>, Failure> {
    let members: u64 = groups.iter().map(|group| group.member_count).sum();
    if groups.len() > 1 && projection.wants("members") && members > MEMBERS_OF_PAGE {
        let detail = format!(
            "these groups have {members} members: ask with excludedAttributes=members, or for fewer groups at once"
        );
        return Err(Fault::new(FaultKind::TooMany, detail).into());
    }
    let mut resources = Vec::with_capacity(groups.len());
    for found in groups {
        resources.push(group(app, found, projection).await?);
    }
    Ok(resources)
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let answer = async {
        let projection = projection_of(request.uri())?;
        let body = read(&app, request).await?;
        make(&app, &connection, body, &projection).await
    };
    respond(answer.await, connection.request)
}

pub(super) async fn show(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let projection = projection_of(&parts.uri)?;
        let found = app.directory.group(connection.company, id_of(&id)?).await?;
        if is_known(&parts.headers, found.revision) {
            return Ok(not_modified(found.revision));
        }
        shown(&app, &found, &projection).await
    };
    respond(answer.await, connection.request)
}

pub(super) async fn replace(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    change(&app, &connection, &id, request, Manner::Replace).await
}

pub(super) async fn patch(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    change(&app, &connection, &id, request, Manner::Patch).await
}

pub(super) async fn delete(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answer = async { remove(&app, &connection, &id, expected(&headers)).await };
    respond(answer.await, connection.request)
}

async fn change(app: &App, connection: &Connection, id: &str, request: Request, manner: Manner) -> Response {
    let answer = async {
        let (projection, expected) = (projection_of(request.uri())?, expected(request.headers()));
        let body = read(app, request).await?;
        write(app, connection, id, body, (manner, expected), &projection).await
    };
    respond(answer.await, connection.request)
}

/// Makes a group. The console does not change what an identity provider keeps.
pub(super) async fn make(
    app: &App,
    connection: &Connection,
    body: Value,
    projection: &Projection,
) -> Result<Answer, Failure> {
    let sent = group_patch::group(body, strictness(app))?;
    let new = NewGroup {
        name: sent.name,
        external_id: sent.external_id,
        members: sent.members.unwrap_or_default(),
        locked: true,
        ..NewGroup::default()
    };
    let made = app.directory.create_group(&connection.caller, connection.company, new).await.map_err(of_body)?;
    app.metrics.provisioned("group_created");
    Ok(Answer { status: StatusCode::CREATED, ..shown(app, &made, projection).await? })
}

/// Changes a group.
pub(super) async fn write(
    app: &App,
    connection: &Connection,
    id: &str,
    body: Value,
    (manner, expected): (Manner, Option<i64>),
    projection: &Projection,
) -> Result<Answer, Failure> {
    let id = id_of(id)?;
    // That there is no such group comes before what is wrong with the body.
    app.directory.group(connection.company, id).await?;
    let edits = match manner {
        Manner::Replace => {
            let sent = group_patch::group(body, strictness(app))?;
            let members = sent.members.unwrap_or_default();
            vec![Edit::Rename(sent.name), Edit::SetExternalId(sent.external_id), Edit::Replace(members)]
        }
        Manner::Patch => {
            let edits = group_patch::edits(&operations(body)?, strictness(app))?;
            edits.into_iter().map(edit_of).collect()
        }
    };
    let changed = app.directory.edit_group(&connection.caller, connection.company, id, expected, edits).await;
    let changed = changed.map_err(of_body)?;
    app.metrics.provisioned("group_changed");
    if changed.member_count > SHOWN_MEMBERS && projection.wants("members") {
        let version = Some(version(changed.revision));
        return Ok(Answer { version, ..Answer::done() });
    }
    shown(app, &changed, projection).await
}

/// Deletes a group.
pub(super) async fn remove(
    app: &App,
    connection: &Connection,
    id: &str,
    expected: Option<i64>,
) -> Result<Answer, Failure> {
    app.directory.delete_group(&connection.caller, connection.company, id_of(id)?, expected).await?;
    app.metrics.provisioned("group_deleted");
    Ok(Answer::done())
}

fn edit_of(edit: GroupEdit) -> Edit {
    match edit {
        GroupEdit::Rename(name) => Edit::Rename(name),
        GroupEdit::SetExternalId(id) => Edit::SetExternalId(id),
        GroupEdit::Add(users) => Edit::Add(users),
        GroupEdit::Remove(users) => Edit::Remove(users),
        GroupEdit::RemoveAll => Edit::RemoveAll,
        GroupEdit::Replace(users) => Edit::Replace(users),
    }
}

/// A user who is not there is a wrong value, where the body named him.
fn of_body(error: domain::Error) -> Failure {
    match error {
        domain::Error::NotFound(unknown @ Unknown::User(_)) => {
            Fault::new(FaultKind::InvalidValue, format!("there is no {unknown}")).into()
        }
        error => error.into(),
    }
}

async fn shown(app: &App, found: &Group, projection: &Projection) -> Result<Answer, Failure> {
    Ok(Answer {
        status: StatusCode::OK,
        location: Some(group_location(app, found)),
        version: Some(version(found.revision)),
        body: Some(group(app, found, projection).await?),
    })
}

/// An identifier of ours; anything else is nobody's.
fn id_of(text: &str) -> Result<GroupId, Failure> {
    GroupId::parse(text).map_err(|_| Failure::NotFound(Unknown::Group(text.chars().take(80).collect())))
}

fn projection_of(uri: &Uri) -> Result<Projection, Failure> {
    let fields = Fields::of_query(uri);
    projection(fields.filled("attributes"), fields.filled("excludedAttributes"))
}

fn projection(attributes: Option<&str>, excluded: Option<&str>) -> Result<Projection, Failure> {
    Ok(Projection::parse(ResourceKind::Group, attributes, excluded)?)
}
