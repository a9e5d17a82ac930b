//! `/Users` (RFC 7644, section 3).

use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;

use super::super::app::App;
use super::super::body;
use super::super::failure::Failure;
use super::super::form::Fields;
use super::admission::Connection;
use super::answer::{Answer, expected, is_known, not_modified, respond, version};
use super::list::Plan;
use super::query::Query;
use super::resource::{changeable, user, user_location};
use crate::domain::Unknown;
use crate::domain::people::{Member, Person};
use crate::domain::transitions::Transition;
use crate::model::id::{CompanyId, UserId};
use crate::model::scim::normal::{self, Strictness};
use crate::model::scim::patch;
use crate::model::scim::profile::Profile;
use crate::model::scim::project::Projection;
use crate::model::scim::schema::ResourceKind;
use crate::model::user::Status;

/// The most bytes of a body: a group may have very many members.
pub(super) const BODY: usize = 8 * 1024 * 1024;

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
    let plan = Plan::of(app, connection, ResourceKind::User, query)?;
    let wanted = (projection.wants("groups"), plan.needs_total());
    let page = app.directory.list_people(plan.listing.clone(), plan.from.clone(), plan.count, wanted).await?;
    let resources: Vec<String> = page.found.iter().map(|member| user(app, member, &projection)).collect();
    let body = plan.answer(app, &page, &resources);
    Ok(Answer { status: StatusCode::OK, location: None, version: None, body: Some(body) })
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
        let member = app.directory.person(connection.company, id_of(&id)?).await?;
        if is_known(&parts.headers, member.0.revision) {
            return Ok(not_modified(member.0.revision));
        }
        Ok(shown(&app, &member, &projection))
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

/// How a body says what is to become of a resource.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// By all of it.
    Replace,
    /// By what changes.
    Patch,
}

async fn change(app: &App, connection: &Connection, id: &str, request: Request, manner: Manner) -> Response {
    let answer = async {
        let (projection, expected) = (projection_of(request.uri())?, expected(request.headers()));
        let body = read(app, request).await?;
        write(app, connection, id, body, (manner, expected), &projection).await
    };
    respond(answer.await, connection.request)
}

/// Makes a user.
pub(super) async fn make(
    app: &App,
    connection: &Connection,
    body: Value,
    projection: &Projection,
) -> Result<Answer, Failure> {
    let resource = normal::resource(ResourceKind::User, body, strictness(app))?;
    let person = app.directory.provision(&connection.caller, connection.company, Profile::read(resource)?).await?;
    app.metrics.provisioned("user_created");
    let answer = shown(app, &(person, Vec::new()), projection);
    Ok(Answer { status: StatusCode::CREATED, ..answer })
}

/// Changes a user. A deactivation is counted, as that of every door.
pub(super) async fn write(
    app: &App,
    connection: &Connection,
    id: &str,
    body: Value,
    (manner, expected): (Manner, Option<i64>),
    projection: &Projection,
) -> Result<Answer, Failure> {
    let (id, company, strictness) = (id_of(id)?, connection.company, strictness(app));
    let caller = &connection.caller;
    let (person, transition) = match manner {
        Manner::Replace => {
            let resource = normal::resource(ResourceKind::User, body, strictness);
            let profile = of_user(app, company, id, resource.and_then(Profile::read).map_err(Failure::from)).await?;
            app.directory.describe(caller, company, id, expected, move |_| Ok(profile.clone())).await?
        }
        Manner::Patch => {
            let operations = of_user(app, company, id, operations(body)).await?;
            let change = move |person: &Person| {
                // Without `active`: what a request does not say of it is neither true nor false.
                let mut resource = changeable(person);
                patch::apply(&mut resource, &operations, strictness)?;
                Profile::read(resource)
            };
            app.directory.describe(caller, company, id, expected, change).await?
        }
    };
    app.metrics.provisioned("user_changed");
    count(app, transition.as_ref());
    let groups = if projection.wants("groups") { app.directory.memberships(id).await? } else { Vec::new() };
    Ok(shown(app, &(person, groups), projection))
}

/// What was read of a body about a user: that there is no such user comes before what is wrong with it.
async fn of_user<T>(app: &App, company: CompanyId, id: UserId, read: Result<T, Failure>) -> Result<T, Failure> {
    if read.is_err() {
        app.directory.member(company, id).await?;
    }
    read
}

/// Deletes a user.
pub(super) async fn remove(
    app: &App,
    connection: &Connection,
    id: &str,
    expected: Option<i64>,
) -> Result<Answer, Failure> {
    let deleted = app.directory.delete_user(&connection.caller, connection.company, id_of(id)?, expected).await?;
    count(app, Some(&deleted));
    app.metrics.provisioned("user_deleted");
    Ok(Answer::done())
}

/// Counts a deactivation, if it was one.
fn count(app: &App, transition: Option<&Transition>) {
    if transition.is_some_and(|done| done.changed() && done.to == Status::Deactivated) {
        app.metrics.deactivation();
    }
}

fn shown(app: &App, member: &Member, projection: &Projection) -> Answer {
    Answer {
        status: StatusCode::OK,
        location: Some(user_location(app, member.0.user.id)),
        version: Some(version(member.0.revision)),
        body: Some(user(app, member, projection)),
    }
}

/// An identifier of ours; anything else is nobody's.
fn id_of(text: &str) -> Result<UserId, Failure> {
    UserId::parse(text).map_err(|_| Failure::NotFound(Unknown::User(text.chars().take(80).collect())))
}

fn projection_of(uri: &Uri) -> Result<Projection, Failure> {
    let fields = Fields::of_query(uri);
    projection(fields.filled("attributes"), fields.filled("excludedAttributes"))
}

fn projection(attributes: Option<&str>, excluded: Option<&str>) -> Result<Projection, Failure> {
    Ok(Projection::parse(ResourceKind::User, attributes, excluded)?)
}

/// The operations of a PATCH; within a bulk request they may stand there by themselves (RFC 7644, section 3.7.3).
pub(super) fn operations(body: Value) -> Result<Vec<patch::Operation>, Failure> {
    Ok(if body.is_array() { patch::operations(body)? } else { patch::parse(body)? })
}

/// How strictly clients are taken at their word.
pub(super) fn strictness(app: &App) -> Strictness {
    if app.settings.scim_strict { Strictness::Strict } else { Strictness::Lenient }
}

/// Reads a body as JSON.
pub(super) async fn read(app: &App, request: Request) -> Result<Value, Failure> {
    body::read_json(app, request, BODY).await
}
