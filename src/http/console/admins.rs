//! The Mendix Admins of a company.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::Uri;

use super::super::app::App;
use super::super::failure::Failure;
use super::groups::GroupLink;
use super::members::member::find;
use super::page::{Layout, Moment, Page, Visitor, render_form, see};
use super::words;
use crate::domain::Refusal;
use crate::http::form::Fields;
use crate::model::user::{Role, User};

#[derive(Template)]
#[template(path = "console/admins.html")]
struct Admins {
    layout: Layout,
    admins: Vec<AdminRow>,
    managed_by: Vec<GroupLink>,
    email: String,
    error: Option<String>,
}

struct AdminRow {
    id: String,
    href: String,
    name: String,
    email: String,
    status: &'static str,
    since: Moment,
    obstacle: Option<String>,
}

/// `GET /control-center/admins`
pub(super) async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>, uri: Uri) -> Page {
    let query = Fields::of_query(&uri);
    show(&app, &visitor, query.filled("done"), String::new(), None).await
}

/// `POST /control-center/admins`: a member becomes an admin, by address.
pub(super) async fn add(State(app): State<App>, Extension(visitor): Extension<Visitor>, request: Request) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let email = form.get("email").trim().to_owned();
    let company = visitor.company()?;
    // Somebody of another company is as unknown as nobody.
    let found = match app.directory.find_user(&email).await.map_err(Failure::from) {
        Ok(user) => Some(user).filter(|user| user.company == company),
        Err(Failure::NotFound(_)) => None,
        Err(failure) => return Err(failure),
    };
    let Some(user) = found else {
        let error = "Your company has no member with this address.".to_owned();
        return show(&app, &visitor, None, email, Some(error)).await;
    };
    match app.directory.set_role(&visitor.caller, user.id, Role::MendixAdmin).await.map_err(Failure::from) {
        Ok(_) => see("/control-center/admins?done=admin-added"),
        Err(failure) => {
            let error = words::beside_form(failure)?;
            show(&app, &visitor, None, email, Some(error)).await
        }
    }
}

/// `POST /control-center/members/{id}/admin`
pub(super) async fn set(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let user = find(&app, &visitor, &id).await?;
    let (role, done) = match form.get("admin") {
        "true" => (Role::MendixAdmin, "admin-added"),
        "false" => (Role::Member, "admin-removed"),
        _ => return Err(Failure::Invalid("admin is true or false".to_owned())),
    };
    match app.directory.set_role(&visitor.caller, user.id, role).await.map_err(Failure::from) {
        // A group goes on giving what was taken here.
        Ok(left) if role == Role::Member && left.role.is_admin() => {
            see(&format!("/control-center/members/{}?done=admin-by-group", user.id))
        }
        Ok(_) => see(&format!("/control-center/members/{}?done={done}", user.id)),
        Err(failure) => Err(failure),
    }
}

async fn show(app: &App, visitor: &Visitor, done: Option<&str>, email: String, error: Option<String>) -> Page {
    let company = visitor.company()?;
    let admins = app.directory.list_admins(&visitor.caller, company).await?;
    let managed_by = app.directory.admin_groups(company).await?;
    let template = Admins {
        layout: visitor.layout("Admins", "admins").with_notice(done),
        admins: admins.into_iter().map(|(user, obstacle)| row(user, obstacle.as_ref())).collect(),
        managed_by: managed_by.iter().map(GroupLink::new).collect(),
        email,
        error,
    };
    render_form(template.error.is_some(), &template)
}

fn row(user: User, obstacle: Option<&Refusal>) -> AdminRow {
    AdminRow {
        href: format!("/control-center/members/{}", user.id),
        id: user.id.to_string(),
        email: words::email(&user.email),
        status: user.status.as_str(),
        since: Moment(user.status_since),
        name: user.name,
        obstacle: obstacle.map(words::refused),
    }
}
