//! Who is in a group.

use axum::Extension;
use axum::extract::{Path, Request, State};

use super::group::{MEMBERS, edit, find};
use crate::domain::Unknown;
use crate::domain::groups::Edit;
use crate::http::app::App;
use crate::http::console::page::{Page, Visitor};
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::email::Email;
use crate::model::id::{CompanyId, UserId};

/// `POST /control-center/groups/{id}/members`: a member of the company, by address.
pub(in crate::http::console) async fn add(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let group = find(&app, &visitor, &id).await?;
    let edits = colleague(&app, group.company, fields.get("email")).await.map(|user| vec![Edit::Add(vec![user])]);
    edit(&app, &visitor, &group, &fields, (MEMBERS, "member-added"), edits).await
}

/// `POST /control-center/groups/{id}/members/{user}/remove`
pub(in crate::http::console) async fn remove(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((id, user)): Path<(String, String)>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let group = find(&app, &visitor, &id).await?;
    let user = UserId::parse(&user).map_err(|_| Failure::NotFound(Unknown::Page))?;
    let edits = Ok(vec![Edit::Remove(vec![user])]);
    edit(&app, &visitor, &group, &fields, (MEMBERS, "member-removed"), edits).await
}

/// Somebody of another company is as unknown as nobody.
async fn colleague(app: &App, company: CompanyId, text: &str) -> Result<UserId, Failure> {
    let found = app.directory.find_colleague(company, &Email::parse(text)?).await?;
    let unknown = || Failure::Invalid("your company has no member with this address".to_owned());
    found.map(|user| user.id).ok_or_else(unknown)
}
