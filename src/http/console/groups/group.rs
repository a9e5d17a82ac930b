//! One group: what it is, what it gives, who is in it; and each change of it.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::Uri;

use super::list::{PAGE, Pages, offset};
use super::rights::role_choices;
use super::row::{GroupRow, path};
use crate::domain::Unknown;
use crate::domain::groups::Edit;
use crate::http::app::App;
use crate::http::console::page::{Choice, Layout, Page, Visitor, render_form, see};
use crate::http::console::scopes::{ScopeGroup, scope_groups};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::{Fields, address};
use crate::model::group::Group;
use crate::model::id::GroupId;
use crate::model::user::User;

/// The form for name and description.
pub(super) const ABOUT: &str = "about";
/// The form for what membership gives.
pub(super) const RIGHTS: &str = "rights";
/// The forms for who is in it.
pub(super) const MEMBERS: &str = "members";
/// The form for the lock.
const LOCK: &str = "lock";

#[derive(Template)]
#[template(path = "console/group.html")]
struct GroupPage {
    layout: Layout,
    g: GroupRow,
    revision: i64,
    name: String,
    description: String,
    roles: Vec<Choice>,
    scope_groups: Vec<ScopeGroup>,
    members: Vec<GroupMember>,
    offset: u64,
    first: Option<String>,
    next: Option<String>,
    email: String,
    error: Option<String>,
    error_in: &'static str,
}

struct GroupMember {
    id: String,
    href: String,
    name: String,
    email: String,
    status: &'static str,
}

/// `GET /control-center/groups/{id}`
pub(in crate::http::console) async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    uri: Uri,
) -> Page {
    let query = Fields::of_query(&uri);
    let group = find(&app, &visitor, &id).await?;
    render(&app, &visitor, &group, &query, None).await
}

/// `POST /control-center/groups/{id}`: name and description.
pub(in crate::http::console) async fn describe(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let group = find(&app, &visitor, &id).await?;
    let name = Edit::Rename(fields.get("name").to_owned());
    let description = Edit::Describe(fields.get("description").to_owned());
    edit(&app, &visitor, &group, &fields, (ABOUT, "saved"), Ok(vec![name, description])).await
}

/// `POST /control-center/groups/{id}/lock`
pub(in crate::http::console) async fn lock(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let group = find(&app, &visitor, &id).await?;
    let (locked, done) = match fields.get("locked") {
        "true" => (true, "group-locked"),
        "false" => (false, "group-unlocked"),
        _ => return Err(Failure::Invalid("locked is true or false".to_owned())),
    };
    edit(&app, &visitor, &group, &fields, (LOCK, done), Ok(vec![Edit::Lock(locked)])).await
}

/// The group that a path names.
pub(super) async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<Group, Failure> {
    let id = GroupId::parse(id).map_err(|_| Failure::NotFound(Unknown::Page))?;
    Ok(app.directory.group(visitor.company()?, id).await?)
}

/// The revision that a form was made for.
pub(super) fn revision(fields: &Fields) -> Option<i64> {
    fields.get("revision").parse().ok()
}

/// Makes the edits that one of the page's forms asks for, and says what was done; or shows the form again.
pub(super) async fn edit(
    app: &App,
    visitor: &Visitor,
    group: &Group,
    fields: &Fields,
    (part, done): (&'static str, &str),
    edits: Result<Vec<Edit>, Failure>,
) -> Page {
    let edited = match edits {
        Ok(edits) => {
            let (company, expected) = (group.company, revision(fields));
            let edited = app.directory.edit_group(&visitor.caller, company, group.id, expected, edits).await;
            edited.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    match edited {
        Ok(_) => see(&address(&path(group.id), &[("done", done), ("offset", fields.get("offset"))])),
        Err(failure) => {
            let error = words::beside_form(failure)?;
            // What was not taken may be so because the group is another one now.
            let group = app.directory.group(group.company, group.id).await?;
            render(app, visitor, &group, fields, Some((part, error))).await
        }
    }
}

/// The page; with a form that was not taken, which then gives the fields.
async fn render(
    app: &App,
    visitor: &Visitor,
    group: &Group,
    fields: &Fields,
    rejected: Option<(&'static str, String)>,
) -> Page {
    let offset = offset(fields);
    let (members, count) = app.directory.group_members(group.company, group.id, offset, Some(PAGE)).await?;
    let pages = Pages::of(offset, count, |offset| address(&path(group.id), &[("offset", offset)]));
    let (error_in, error) = rejected.map_or(("", None), |(part, error)| (part, Some(error)));
    let typed = |part: &str, name: &str, known: &str| {
        let text = if error_in == part { fields.get(name) } else { known };
        text.to_owned()
    };
    let rights = group.rights;
    let template = GroupPage {
        layout: visitor.layout("Group", "groups").with_notice(fields.filled("done").filter(|_| error.is_none())),
        g: GroupRow::new(group),
        revision: group.revision,
        name: typed(ABOUT, "name", &group.name),
        description: typed(ABOUT, "description", &group.description),
        roles: role_choices(rights.role),
        scope_groups: scope_groups(|_| true, |scope| rights.scopes.contains(scope)),
        members: members.into_iter().map(member).collect(),
        offset,
        first: pages.first,
        next: pages.next,
        email: typed(MEMBERS, "email", ""),
        error,
        error_in,
    };
    render_form(template.error.is_some(), &template)
}

fn member(user: User) -> GroupMember {
    GroupMember {
        id: user.id.to_string(),
        href: format!("/control-center/members/{}", user.id),
        email: words::email(&user.email),
        status: user.status.as_str(),
        name: user.name,
    }
}
