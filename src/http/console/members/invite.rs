//! New members, and links to sign in with.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};

use super::member::find;
use crate::domain::users::NewUser;
use crate::http::app::App;
use crate::http::console::page::{Layout, Moment, Page, Visitor, render, render_form};
use crate::http::console::{links, words};
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::link::Purpose;
use crate::model::user::{Role, User};

#[derive(Template)]
#[template(path = "console/member_new.html")]
struct MemberNew {
    layout: Layout,
    email: String,
    name: String,
    admin: bool,
    /// Whether an identity provider says who is an admin.
    managed: bool,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/link_made.html")]
struct LinkMade {
    layout: Layout,
    name: String,
    email: String,
    href: String,
    link: String,
    expires: Moment,
    mail: &'static str,
    invitation: bool,
}

/// `GET /control-center/members/new`
pub(in crate::http::console) async fn show(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Page {
    form(&app, &visitor, &Fields::default(), None).await
}

/// `POST /control-center/members`
pub(in crate::http::console) async fn invite(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let role = if fields.get("admin") == "true" { Role::MendixAdmin } else { Role::Member };
    let made = match NewUser::parse(fields.get("email"), fields.get("name"), role) {
        Ok(new) => app.directory.create_user(&visitor.caller, visitor.company()?, new).await,
        Err(error) => Err(error),
    };
    match made.map_err(Failure::from) {
        Ok(user) => link(&app, &visitor, &user).await,
        Err(failure) => {
            let error = words::beside_form(failure)?;
            form(&app, &visitor, &fields, Some(error)).await
        }
    }
}

/// `POST /control-center/members/{id}/invite`
pub(in crate::http::console) async fn make_link(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    let user = find(&app, &visitor, &id).await?;
    link(&app, &visitor, &user).await
}

async fn link(app: &App, visitor: &Visitor, user: &User) -> Page {
    let (link, secret) = app.directory.make_link(&visitor.caller, user.id).await?;
    let mail = links::send(app, user, &link, &secret).await;
    render(&LinkMade {
        layout: visitor.layout("Sign-in link", "members"),
        name: user.name.clone(),
        email: words::email(&user.email),
        href: format!("/control-center/members/{}", user.id),
        link: links::url(app, &secret),
        expires: Moment(link.expires_at),
        mail,
        invitation: matches!(link.purpose, Purpose::Invitation(_)),
    })
}

async fn form(app: &App, visitor: &Visitor, fields: &Fields, error: Option<String>) -> Page {
    let template = MemberNew {
        layout: visitor.layout("Invite member", "members"),
        email: fields.get("email").to_owned(),
        name: fields.get("name").to_owned(),
        admin: fields.get("admin") == "true",
        managed: !app.directory.admin_groups(visitor.company()?).await?.is_empty(),
        error,
    };
    render_form(template.error.is_some(), &template)
}
