//! What can be done with `/Users` and `/Groups` alike (RFC 7644, section 3): a request is read, done for its kind, and
//! answered.

use axum::Router;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;

use super::super::app::App;
use super::super::body;
use super::super::failure::Failure;
use super::super::form::Fields;
use super::admission::Connection;
use super::answer::{Answer, expected, respond};
use super::query::Query;
use super::{groups, search, users};
use crate::model::scim::patch;
use crate::model::scim::project::Projection;
use crate::model::scim::schema::ResourceKind;

/// The most bytes of a body: a group may have very many members.
const BODY: usize = 8 * 1024 * 1024;

/// The paths of a kind.
pub(super) fn routes(kind: ResourceKind) -> Router<App> {
    let endpoint = kind.endpoint();
    Router::new()
        .route(endpoint, get(list).post(create))
        .route(&format!("{endpoint}/.search"), post(find))
        .route(&format!("{endpoint}/{{id}}"), get(show).put(replace).patch(patch).delete(delete))
        .layer(Extension(kind))
}

type Kind = Extension<ResourceKind>;
type Provider = Extension<Connection>;

/// What a client wants to become of a resource.
pub(super) enum Act {
    /// It is made.
    Make(Value),
    /// It becomes this.
    Replace(Value),
    /// It changes like this.
    Patch(Value),
    /// It goes.
    Delete,
}

/// Does something with a resource, by its identifier if it is there already; of `expected`, if it is given, it must have
/// the revision.
pub(super) async fn perform(
    app: &App,
    connection: &Connection,
    (kind, id): (ResourceKind, &str),
    (act, expected): (Act, Option<i64>),
    projection: &Projection,
) -> Result<Answer, Failure> {
    match kind {
        ResourceKind::User => users::perform(app, connection, id, (act, expected), projection).await,
        ResourceKind::Group => groups::perform(app, connection, id, (act, expected), projection).await,
    }
}

async fn list(State(app): State<App>, connection: Provider, kind: Kind, request: Request) -> Response {
    let fields = Fields::of_query(request.uri());
    let answer = async { page(&app, &connection, kind.0, &Query::of_fields(&fields)?).await };
    respond(answer.await, connection.request)
}

async fn find(State(app): State<App>, connection: Provider, kind: Kind, request: Request) -> Response {
    let answer = async { page(&app, &connection, kind.0, &search::query(&app, request).await?).await };
    respond(answer.await, connection.request)
}

async fn page(app: &App, connection: &Connection, kind: ResourceKind, query: &Query) -> Result<Answer, Failure> {
    let projection = Projection::parse(kind, query.attributes.as_deref(), query.excluded.as_deref())?;
    match kind {
        ResourceKind::User => users::page(app, connection, query, &projection).await,
        ResourceKind::Group => groups::page(app, connection, query, &projection).await,
    }
}

async fn show(
    State(app): State<App>,
    connection: Provider,
    kind: Kind,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let answer = async {
        let projection = projection(kind.0, &parts.uri)?;
        match kind.0 {
            ResourceKind::User => users::show(&app, &connection, &id, &parts.headers, &projection).await,
            ResourceKind::Group => groups::show(&app, &connection, &id, &parts.headers, &projection).await,
        }
    };
    respond(answer.await, connection.request)
}

async fn create(State(app): State<App>, connection: Provider, kind: Kind, request: Request) -> Response {
    change(&app, &connection, (kind.0, ""), request, Act::Make).await
}

async fn replace(
    State(app): State<App>,
    connection: Provider,
    kind: Kind,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    change(&app, &connection, (kind.0, &id), request, Act::Replace).await
}

async fn patch(
    State(app): State<App>,
    connection: Provider,
    kind: Kind,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    change(&app, &connection, (kind.0, &id), request, Act::Patch).await
}

async fn delete(
    State(app): State<App>,
    connection: Provider,
    kind: Kind,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let act = (Act::Delete, expected(&headers));
    respond(perform(&app, &connection, (kind.0, &id), act, &Projection::default()).await, connection.request)
}

async fn change(
    app: &App,
    connection: &Connection,
    resource: (ResourceKind, &str),
    request: Request,
    act: fn(Value) -> Act,
) -> Response {
    let answer = async {
        let (projection, expected) = (projection(resource.0, request.uri())?, expected(request.headers()));
        let body = body::read_json(app, request, BODY).await?;
        perform(app, connection, resource, (act(body), expected), &projection).await
    };
    respond(answer.await, connection.request)
}

/// What is to be shown, by the address.
pub(super) fn projection(kind: ResourceKind, uri: &Uri) -> Result<Projection, Failure> {
    let fields = Fields::of_query(uri);
    Ok(Projection::parse(kind, fields.filled("attributes"), fields.filled("excludedAttributes"))?)
}

/// The operations of a PATCH; within a bulk request they may stand there by themselves (RFC 7644, section 3.7.3).
pub(super) fn operations(body: Value) -> Result<Vec<patch::Operation>, Failure> {
    Ok(if body.is_array() { patch::operations(body)? } else { patch::parse(body)? })
}
