//! New groups.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};

use super::row::path;
use crate::domain::groups::NewGroup;
use crate::http::app::App;
use crate::http::console::page::{Layout, Page, Visitor, render_form, see};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::Fields;

#[derive(Template)]
#[template(path = "console/group_new.html")]
struct GroupNew {
    layout: Layout,
    name: String,
    description: String,
    error: Option<String>,
    error_in: &'static str,
}

/// `GET /control-center/groups/new`
pub(in crate::http::console) async fn show(Extension(visitor): Extension<Visitor>) -> Page {
    form(&visitor, &Fields::default(), None)
}

/// `POST /control-center/groups`
pub(in crate::http::console) async fn create(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let new = NewGroup {
        name: fields.get("name").to_owned(),
        description: fields.get("description").to_owned(),
        ..NewGroup::default()
    };
    let made = app.directory.create_group(&visitor.caller, visitor.company()?, new).await;
    match made.map_err(Failure::from) {
        Ok(group) => see(&format!("{}?done=group-made", path(group.id))),
        Err(failure) => form(&visitor, &fields, Some(words::beside_form(failure)?)),
    }
}

fn form(visitor: &Visitor, fields: &Fields, error: Option<String>) -> Page {
    let template = GroupNew {
        layout: visitor.layout("New group", "groups"),
        name: fields.get("name").to_owned(),
        description: fields.get("description").to_owned(),
        error,
        error_in: super::group::ABOUT,
    };
    render_form(template.error.is_some(), &template)
}
