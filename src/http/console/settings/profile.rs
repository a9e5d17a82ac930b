//! The own name and password.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::Uri;

use crate::domain::passwords::{Password as Secret, SHORTEST};
use crate::http::app::App;
use crate::http::console::page::{Layout, Moment, Page, Visitor, render_form, see};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::Fields;

#[derive(Template)]
#[template(path = "console/profile.html")]
struct Profile {
    layout: Layout,
    name: String,
    email: String,
    company: String,
    role: &'static str,
    created: Moment,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/password.html")]
struct Password {
    layout: Layout,
    email: String,
    shortest: usize,
    error: Option<String>,
}

/// `GET /settings`
pub(in crate::http::console) async fn begin() -> Page {
    see("/settings/profile")
}

/// `GET /settings/profile`
pub(in crate::http::console) async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Page {
    let query = Fields::of_query(&uri);
    profile(&app, &visitor, query.filled("done"), None).await
}

/// `POST /settings/profile`
pub(in crate::http::console) async fn rename(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    match app.directory.rename_oneself(&visitor.caller, form.get("name")).await.map_err(Failure::from) {
        Ok(_) => see("/settings/profile?done=saved"),
        Err(failure) => {
            let error = words::beside_form(failure)?;
            profile(&app, &visitor, None, Some((form.get("name"), error))).await
        }
    }
}

/// `GET /settings/password`
pub(in crate::http::console) async fn show_password(Extension(visitor): Extension<Visitor>) -> Page {
    password(&visitor, None)
}

/// `POST /settings/password`
pub(in crate::http::console) async fn change_password(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    if form.get("password") != form.get("again") {
        return password(&visitor, Some("The two new passwords are not the same.".to_owned()));
    }
    let current = Secret::new(form.get("current").to_owned());
    let new = Secret::new(form.get("password").to_owned());
    match app.directory.change_password(&visitor.caller, current, new).await.map_err(Failure::from) {
        Ok(_) => see("/settings/profile?done=password"),
        Err(failure) => password(&visitor, Some(words::beside_form(failure)?)),
    }
}

async fn profile(app: &App, visitor: &Visitor, done: Option<&str>, rejected: Option<(&str, String)>) -> Page {
    let identity = visitor.identity()?;
    let user = app.directory.member(identity.company, identity.user).await?;
    let is_rejected = rejected.is_some();
    let (name, error) = match rejected {
        Some((name, error)) => (name.to_owned(), Some(error)),
        None => (user.name, None),
    };
    let template = Profile {
        layout: visitor.layout("Profile", "profile").with_notice(done),
        name,
        email: user.email.to_string(),
        company: visitor.visit.company_name.to_string(),
        role: user.role.label(),
        created: Moment(user.created_at),
        error,
    };
    render_form(is_rejected, &template)
}

fn password(visitor: &Visitor, error: Option<String>) -> Page {
    let email = visitor.identity()?.email.clone();
    let layout = visitor.layout("Password", "password");
    let is_rejected = error.is_some();
    let template = Password { layout, email, shortest: SHORTEST, error };
    render_form(is_rejected, &template)
}
