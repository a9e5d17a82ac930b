//! Users, as `/Users` reads and changes them.

use axum::http::{HeaderMap, StatusCode};

use super::super::app::App;
use super::super::failure::Failure;
use super::admission::Connection;
use super::answer::{Answer, is_known, not_modified};
use super::collection::{Act, operations};
use super::list::Plan;
use super::query::Query;
use super::resource::{changeable, user, user_location, user_version};
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

/// A page of users.
pub(super) async fn page(
    app: &App,
    connection: &Connection,
    query: &Query,
    projection: &Projection,
) -> Result<Answer, Failure> {
    let _turn = app.scim_lists.acquire().await;
    let plan = Plan::of(app, connection, ResourceKind::User, query)?;
    let wanted = (projection.wants("groups"), plan.needs_total());
    let page = app.directory.list_people(plan.listing.clone(), plan.from.clone(), plan.count, wanted).await?;
    let resources: Vec<String> = page.found.iter().map(|member| user(app, member, projection)).collect();
    Ok(plan.answer(app, &page, &resources))
}

/// One user, unless the client has him as he is.
pub(super) async fn show(
    app: &App,
    connection: &Connection,
    id: &str,
    headers: &HeaderMap,
    projection: &Projection,
) -> Result<Answer, Failure> {
    let member = app.directory.person(connection.company, id_of(id)?).await?;
    let version = user_version(&member);
    if is_known(headers, &version) {
        return Ok(not_modified(version));
    }
    Ok(shown(app, &member, projection))
}

/// Makes, changes or deletes a user. A deactivation is counted, as that of every door.
pub(super) async fn perform(
    app: &App,
    connection: &Connection,
    id: &str,
    (act, expected): (Act, Option<i64>),
    projection: &Projection,
) -> Result<Answer, Failure> {
    let (caller, company, strictness) = (&connection.caller, connection.company, strictness(app));
    let directory = &app.directory;
    let (person, transition) = match act {
        Act::Make(body) => {
            let resource = normal::resource(ResourceKind::User, body, strictness)?;
            let person = directory.provision(caller, company, Profile::read(resource)?).await?;
            app.metrics.provisioned("user_created");
            return Ok(Answer { status: StatusCode::CREATED, ..shown(app, &(person, Vec::new()), projection) });
        }
        Act::Delete => {
            let deleted = directory.delete_user(caller, company, id_of(id)?, expected).await?;
            app.metrics.provisioned("user_deleted");
            count(app, Some(&deleted));
            return Ok(Answer::done());
        }
        Act::Replace(body) => {
            let id = id_of(id)?;
            let resource = normal::resource(ResourceKind::User, body, strictness);
            let read = resource.and_then(Profile::read).map_err(Failure::from);
            let profile = of_user(app, company, id, read).await?;
            directory.describe(caller, company, id, expected, move |_| Ok(profile.clone())).await?
        }
        Act::Patch(body) => {
            let id = id_of(id)?;
            let operations = of_user(app, company, id, operations(body)).await?;
            let change = move |person: &Person| {
                // Without `active`: what a request does not say of it is neither true nor false.
                let mut resource = changeable(person);
                patch::apply(&mut resource, &operations, strictness)?;
                Profile::read(resource)
            };
            directory.describe(caller, company, id, expected, change).await?
        }
    };
    app.metrics.provisioned("user_changed");
    count(app, transition.as_ref());
    let groups = directory.memberships(person.user.id).await?;
    Ok(shown(app, &(person, groups), projection))
}

/// What was read of a body about a user: that there is no such user comes before what is wrong with it.
async fn of_user<T>(app: &App, company: CompanyId, id: UserId, read: Result<T, Failure>) -> Result<T, Failure> {
    if read.is_err() {
        app.directory.member(company, id).await?;
    }
    read
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
        version: Some(user_version(member)),
        body: Some(user(app, member, projection)),
    }
}

/// An identifier of ours; anything else is nobody's.
fn id_of(text: &str) -> Result<UserId, Failure> {
    UserId::parse(text).map_err(|_| Failure::NotFound(Unknown::User(text.chars().take(80).collect())))
}

/// How strictly clients are taken at their word.
pub(super) fn strictness(app: &App) -> Strictness {
    if app.settings.scim_strict { Strictness::Strict } else { Strictness::Lenient }
}
