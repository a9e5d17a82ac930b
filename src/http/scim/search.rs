//! Searches by POST, so that what is searched for stands in no address (RFC 7644, section 3.4.3).

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::app::App;
use super::super::body;
use super::super::failure::Failure;
use super::admission::Connection;
use super::answer::{Answer, respond};
use super::groups::rendered;
use super::list::{DEFAULT_COUNT, LIST_SCHEMA, MOST, Plan, with_list};
use super::query::Query;
use super::resource::user;
use crate::model::scim::fault::{Fault, FaultKind};
use crate::model::scim::project::Projection;
use crate::model::scim::schema::ResourceKind;

/// The most bytes of a search.
const BODY: usize = 64 * 1024;

/// What the body of a search asks for.
pub(super) async fn query(app: &App, request: Request) -> Result<Query, Failure> {
    match body::read_json(app, request, BODY).await? {
        Value::Object(body) => Ok(Query::of_search(&body)?),
        _ => Err(Fault::new(FaultKind::InvalidSyntax, "the body is not a JSON object").into()),
    }
}

/// Among users and groups: first the users, then the groups.
pub(super) async fn search(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    request: Request,
) -> Response {
    let answer = async {
        let query = query(&app, request).await?;
        find(&app, &connection, &query).await
    };
    respond(answer.await, connection.request)
}

async fn find(app: &App, connection: &Connection, query: &Query) -> Result<Answer, Failure> {
    if query.cursor.is_some() {
        let detail = "a search among all kinds is read by 'startIndex'; one at /Users/.search takes a cursor";
        return Err(Fault::new(FaultKind::InvalidCursor, detail).into());
    }
    let _turn = app.scim_lists.acquire().await;
    let (attributes, excluded) = (query.attributes.as_deref(), query.excluded.as_deref());
    let count = query.count.unwrap_or(DEFAULT_COUNT).min(MOST);
    let plan = |kind| Plan::of(app, connection, kind, query);
    let (users, groups) = (plan(ResourceKind::User), plan(ResourceKind::Group));
    // What one kind has not, none of that kind has; what neither has, is wrong.
    if let (Err(fault), Err(_)) = (&users, &groups) {
        return Err(fault.clone().into());
    }
    let mut resources = Vec::new();
    let mut total = 0;
    if let Ok(plan) = users {
        let projection = Projection::parse(ResourceKind::User, attributes, excluded)?;
        let wanted = (projection.wants("groups"), true);
        let page = app.directory.list_people(plan.listing, plan.from, plan.count, wanted).await?;
        resources.extend(page.found.iter().map(|member| user(app, member, &projection)));
        total += page.total.unwrap_or_default();
    }
    if let Ok(plan) = groups {
        let projection = Projection::parse(ResourceKind::Group, attributes, excluded)?;
        let left = u32::try_from(count - resources.len() as u64).unwrap_or(0);
        let start = (query.start - 1).saturating_sub(total);
        let from = crate::domain::people::From::Offset(start);
        let page = app.directory.list_groups_by(plan.listing, from, left, true).await?;
        resources.extend(rendered(app, &page.found, &projection).await?);
        total += page.total.unwrap_or_default();
    }
    let document = json!({
        "schemas": [LIST_SCHEMA], "totalResults": total, "startIndex": query.start, "itemsPerPage": resources.len(),
    });
    Ok(Answer::list(with_list(&document, "Resources", &resources)))
}
