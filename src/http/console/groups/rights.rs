//! What membership of a group gives.

use axum::Extension;
use axum::extract::{Path, Request, State};

use super::group::{RIGHTS, edit, find};
use crate::domain::groups::Edit;
use crate::http::app::App;
use crate::http::console::page::{Choice, Page, Visitor};
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::group::Rights;
use crate::model::scope::{Scope, Scopes};
use crate::model::user::Role;

/// `POST /control-center/groups/{id}/rights`
pub(in crate::http::console) async fn set(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let group = find(&app, &visitor, &id).await?;
    let edits = read(&fields).map(|rights| vec![Edit::SetRights(rights)]);
    edit(&app, &visitor, &group, &fields, (RIGHTS, "rights-set"), edits).await
}

/// What a form says that membership gives.
fn read(fields: &Fields) -> Result<Rights, Failure> {
    let role = match fields.filled("role") {
        None => None,
        Some(name) => {
            let role = Role::parse(name).filter(|role| gives_something(*role));
            Some(role.ok_or_else(|| Failure::Invalid("a group can't give this role".to_owned()))?)
        }
    };
    Ok(Rights { role, scopes: fields.all("scope").map(Scope::parse).collect::<Result<Scopes, _>>()? })
}

/// The roles that a group can give, and none.
pub(super) fn role_choices(chosen: Option<Role>) -> Vec<Choice> {
    let none = Choice { value: String::new(), label: "No role".to_owned(), selected: chosen.is_none() };
    let roles = Role::ALL.into_iter().filter(|role| gives_something(*role)).map(|role| Choice {
        value: role.as_str().to_owned(),
        label: role.label().to_owned(),
        selected: chosen == Some(role),
    });
    std::iter::once(none).chain(roles).collect()
}

/// Everybody is a member anyway.
fn gives_something(role: Role) -> bool {
    role > Role::Member
}
