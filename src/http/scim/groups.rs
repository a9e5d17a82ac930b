//! Groups, as `/Groups` reads and changes them.

use axum::http::{HeaderMap, StatusCode};

use super::super::app::App;
use super::super::failure::Failure;
use super::admission::Connection;
use super::answer::{Answer, is_known, not_modified, version};
use super::collection::{Act, operations};
use super::list::Plan;
use super::query::Query;
use super::resource::{group, group_location};
use super::users::strictness;
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

/// A page of groups.
pub(super) async fn page(
    app: &App,
    connection: &Connection,
    query: &Query,
    projection: &Projection,
) -> Result<Answer, Failure> {
    let _turn = app.scim_lists.acquire().await;
    let plan = Plan::of(app, connection, ResourceKind::Group, query)?;
    let (listing, from) = (plan.listing.clone(), plan.from.clone());
    let page = app.directory.list_groups_by(listing, from, plan.count, plan.needs_total()).await?;
    let resources = rendered(app, &page.found, projection).await?;
    Ok(plan.answer(app, &page, &resources))
}

/// Groups as resources, if they have not too many members to be shown together.
pub(super) async fn rendered(app: &App, groups: &[Group], projection: &Projection) -> Result<Vec<String>, Failure> {
    let members: u64 = groups.iter().map(|group| group.member_count).sum();
    if projection.wants("members") && members > MEMBERS_OF_PAGE {
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

/// One group, unless the client has it as it is.
pub(super) async fn show(
    app: &App,
    connection: &Connection,
    id: &str,
    headers: &HeaderMap,
    projection: &Projection,
) -> Result<Answer, Failure> {
    let found = app.directory.group(connection.company, id_of(id)?).await?;
    let version = version(found.revision);
    if is_known(headers, &version) {
        return Ok(not_modified(version));
    }
    shown(app, &found, projection).await
}

/// Makes, changes or deletes a group. The console does not change what an identity provider keeps: it is locked.
pub(super) async fn perform(
    app: &App,
    connection: &Connection,
    id: &str,
    (act, expected): (Act, Option<i64>),
    projection: &Projection,
) -> Result<Answer, Failure> {
    let (caller, company, strictness) = (&connection.caller, connection.company, strictness(app));
    let directory = &app.directory;
    if let Act::Make(body) = act {
        let sent = group_patch::group(body, strictness)?;
        let (name, external_id, members) = (sent.name, sent.external_id, sent.members.unwrap_or_default());
        let new = NewGroup { name, external_id, members, locked: true, ..NewGroup::default() };
        let made = directory.create_group(caller, company, new).await.map_err(of_body)?;
        app.metrics.provisioned("group_created");
        return Ok(Answer { status: StatusCode::CREATED, ..shown(app, &made, projection).await? });
    }
    let id = id_of(id)?;
    // That there is no such group comes before what is wrong with the body.
    directory.group(company, id).await?;
    let edits = match act {
        Act::Delete => {
            directory.delete_group(caller, company, id, expected).await?;
            app.metrics.provisioned("group_deleted");
            return Ok(Answer::done());
        }
        Act::Make(body) | Act::Replace(body) => {
            let sent = group_patch::group(body, strictness)?;
            let members = sent.members.unwrap_or_default();
            vec![Edit::Rename(sent.name), Edit::SetExternalId(sent.external_id), Edit::Replace(members)]
        }
        Act::Patch(body) => {
            let edits = group_patch::edits(&operations(body)?, strictness)?;
            edits.into_iter().map(edit_of).collect()
        }
    };
    let changed = directory.edit_group(caller, company, id, expected, edits).await.map_err(of_body)?;
    app.metrics.provisioned("group_changed");
    if changed.member_count > SHOWN_MEMBERS && projection.wants("members") {
        return Ok(Answer { version: Some(version(changed.revision)), ..Answer::done() });
    }
    shown(app, &changed, projection).await
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
