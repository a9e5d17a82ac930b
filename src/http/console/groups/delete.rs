//! A group that is to be deleted: who loses what by it, and the deed.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};

use super::group::{find, revision};
use super::row::{GroupRow, PATH};
use crate::http::app::App;
use crate::http::console::page::{Layout, Page, Visitor, render_form, see};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::group::Group;

#[derive(Template)]
#[template(path = "console/group_delete.html")]
struct GroupDelete {
    layout: Layout,
    g: GroupRow,
    revision: i64,
    error: Option<String>,
}

/// `GET /control-center/groups/{id}/delete`
pub(in crate::http::console) async fn confirm(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    let group = find(&app, &visitor, &id).await?;
    form(&visitor, &group, None)
}

/// `POST /control-center/groups/{id}/delete`: just what the page before has shown.
pub(in crate::http::console) async fn delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let group = find(&app, &visitor, &id).await?;
    let deleted = app.directory.delete_group(&visitor.caller, group.company, group.id, revision(&fields)).await;
    match deleted.map_err(Failure::from) {
        Ok(()) => see(&format!("{PATH}?done=group-deleted")),
        Err(failure) => {
            let error = words::beside_form(failure)?;
            form(&visitor, &find(&app, &visitor, &id).await?, Some(error))
        }
    }
}

fn form(visitor: &Visitor, group: &Group, error: Option<String>) -> Page {
    let layout = visitor.layout("Delete group", "groups");
    let template = GroupDelete { layout, g: GroupRow::new(group), revision: group.revision, error };
    render_form(template.error.is_some(), &template)
}
